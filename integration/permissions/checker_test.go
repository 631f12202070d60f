package permissions

import (
	"maps"
	"slices"
	"testing"

	"reprise/integration/template"
)

// TestCallsWithoutPermissionAreFound lets a function make calls of every kind, of which
// its role allows one each.
func TestCallsWithoutPermissionAreFound(t *testing.T) {
	const here = ":us-east-1:000000000000:"
	keys := map[string]map[string][]string{"ForAllValues:StringLike": {"dynamodb:LeadingKeys": {"replay#*", "replays"}}}
	aliases := map[string]map[string][]string{
		"ArnLike": {"lambda:FunctionArn": {"arn:aws:lambda" + here + "function:f:*"}},
	}
	allow := func(condition map[string]map[string][]string, resource string, actions ...string) template.Statement {
		return template.Statement{Effect: "Allow", Actions: actions, Resources: []string{resource}, Condition: condition}
	}
	p := New(template.Place{Region: "us-east-1", Account: "000000000000"}, &template.Deployment{
		Functions: []template.Function{{Name: "f", Role: "arn:aws:iam::000000000000:role/R"}},
		RolePolicies: []template.RolePolicy{{Roles: []string{"R"}, Statements: []template.Statement{
			allow(nil, "arn:aws:dynamodb"+here+"table/p-generation-*", "dynamodb:CreateTable", "dynamodb:BatchGetItem"),
			allow(keys, "arn:aws:dynamodb"+here+"table/p-control", "dynamodb:PutItem"),
			allow(nil, "arn:aws:kinesis"+here+"stream/s", "kinesis:PutRecord"),
			allow(aliases, "*", "lambda:CreateEventSourceMapping"),
			allow(map[string]map[string][]string{"Bool": {"a": {"b"}}}, "*", "dynamodb:ListTables"),
		}}},
	})
	for _, c := range []struct{ service, caller, operation, body string }{
		{"dynamodb", "f", "CreateTable", `{"TableName":"p-generation-g1"}`},
		{"dynamodb", "f", "CreateTable", `{"TableName":"p-events"}`},
		{"dynamodb", "f", "CreateTable", `{"TableName":"p-generation-g1","Tags":[{}]}`},
		{"dynamodb", "f", "BatchGetItem", `{"RequestItems":{"p-generation-g1":{},"p-events":{}}}`},
		{"dynamodb", "f", "PutItem", `{"TableName":"p-control","Item":{"pk":{"S":"replay#1"}}}`},
		{"dynamodb", "f", "PutItem", `{"TableName":"p-control","Item":{"pk":{"S":"replays"}}}`},
		{"dynamodb", "f", "PutItem", `{"TableName":"p-control","Item":{"pk":{"S":"head#1"}}}`},
		{"dynamodb", "f", "ListTables", `{}`},
		{"kinesis", "f", "PutRecord", `{"StreamName":"s"}`},
		{"kinesis", "f", "PutRecord", `{"StreamName":"other"}`},
		{"lambda", "f", "POST /2015-03-31/event-source-mappings/", `{"FunctionName":"f:g1"}`},
		{"lambda", "f", "POST /2015-03-31/event-source-mappings/", `{"FunctionName":"other:g1"}`},
		{"lambda", "f", "GET /2015-03-31/functions/f/aliases", ``},
		{"states", "f", "StopExecution", `{"executionArn":"e"}`},
		{"states", "test", "StopExecution", `{"executionArn":"e"}`},
	} {
		p.Observe(c.service, c.caller, c.operation, []byte(c.body))
	}
	want := []string{
		`f: dynamodb:BatchGetItem on arn:aws:dynamodb` + here + `table/p-events, keys [], function ""`,
		`f: dynamodb:CreateTable on arn:aws:dynamodb` + here + `table/p-events, keys [], function ""`,
		`f: dynamodb:ListTables on *, keys [], function ""`,
		`f: dynamodb:PutItem on arn:aws:dynamodb` + here + `table/p-control, keys [head#1], function ""`,
		`f: dynamodb:TagResource on arn:aws:dynamodb` + here + `table/p-generation-g1, keys [], function ""`,
		`f: kinesis:PutRecord on arn:aws:kinesis` + here + `stream/other, keys [], function ""`,
		`f: lambda:CreateEventSourceMapping on *, keys [], function "arn:aws:lambda` + here + `function:other:g1"`,
		`f: lambda:ListAliases on arn:aws:lambda` + here + `function:f, keys [], function ""`,
		`f: states:StopExecution on e, keys [], function ""`,
	}
	if got := slices.Sorted(maps.Keys(p.missing)); !slices.Equal(got, want) {
		t.Errorf("without permission\n%q, want\n%q", got, want)
	}
}
