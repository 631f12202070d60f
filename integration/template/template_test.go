package template_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"reprise/integration/template"
)

var place = template.Place{Region: "eu-west-1", Account: "123456789012"}

func TestReadAllResolvesWhatADeployWould(t *testing.T) {
	got, err := template.ReadAll(place, os.DirFS("testdata"))
	if err != nil {
		t.Fatal(err)
	}
	const (
		write   = "arn:aws:lambda:eu-west-1:123456789012:function:shop-write"
		api     = "arn:aws:lambda:eu-west-1:123456789012:function:shop-api"
		machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:shop-machine"
		stream  = "arn:aws:kinesis:eu-west-1:123456789012:stream/shop-stream"
		tables  = "arn:aws:dynamodb:eu-west-1:123456789012:table/"
	)
	want := &template.Deployment{
		Tables: []template.Table{
			{Name: "Counter", ARN: tables + "Counter", Hash: "id", HashType: "N"},
			{Name: "shop-events", ARN: tables + "shop-events", Hash: "pk", HashType: "B", Range: "sk", RangeType: "S"},
		},
		Streams: []template.Stream{{Name: "shop-stream", ARN: stream, Shards: 2}},
		Functions: []template.Function{
			{Name: "shop-api", ARN: api, Concurrency: 4, Environment: map[string]string{}},
			{
				Name:     "shop-write",
				ARN:      write,
				Role:     "arn:aws:iam::123456789012:role/Role",
				Timeout:  29 * time.Second,
				MemoryMB: 512,
				Environment: map[string]string{
					"ROLE":    "arn:aws:iam::123456789012:role/Role",
					"PLACE":   "eu-west-1",
					"PLAIN":   "text",
					"VERSION": "1",
					"MACHINE": machine,
					"SUBBED":  "shop-write in 123456789012 ${kept} b " + write,
				},
			},
		},
		Versions: []template.Version{{Function: write, Number: "1"}},
		Mappings: []template.Mapping{{Source: stream, Function: write + ":1", StartingPosition: "TRIM_HORIZON",
			BatchSize:       100,
			BatchingSeconds: 1, Parallelization: 4, RetryAttempts: -1, RecordAgeSeconds: -1, Bisect: true,
			ResponseTypes: []string{"ReportBatchItemFailures"}}},
		Routes: []template.Route{
			{Key: "GET /things/{id}", Function: api, Authorization: "AWS_IAM",
				ARN: "arn:aws:execute-api:eu-west-1:123456789012:HttpApi/$default/GET/things/{id}"},
			{Key: "POST /things", Function: write, ARN: "arn:aws:execute-api:eu-west-1:123456789012:/$default/POST/things"},
		},
		Policies: []template.Policy{{Name: "shop-read", Allowed: []template.Allowed{
			{Actions: []string{"execute-api:Invoke"},
				Resources: []string{"arn:aws:execute-api:eu-west-1:123456789012:HttpApi/$default/GET/things/*"}},
			{Actions: []string{"a:B", "a:C"}, Resources: []string{"*"}}}}},
		Rules: []template.Rule{
			{Pattern: map[string]any{"source": []any{"aws.states"},
				"detail": map[string]any{"stateMachineArn": []any{machine}}}, Targets: []string{write}},
			{Schedule: "rate(5 minutes)", Targets: []string{api}},
		},
		Machines: []template.Machine{{Name: "shop-machine", ARN: machine, Definition: `{"StartAt":"${WriteArn}"}`,
			Substitutions: map[string]string{"WriteArn": write + ":1"}}},
		RolePolicies: []template.RolePolicy{{Roles: []string{"Role"}, Statements: []template.Statement{{
			Effect: "Allow", Actions: []string{"lambda:InvokeFunction"}, Resources: []string{api},
			Condition: map[string]map[string][]string{"StringLike": {"a:key": {"x*"}}}}}}},
	}
	if !reflect.DeepEqual(got, want) {
		have, _ := json.MarshalIndent(got, "", " ")
		expected, _ := json.MarshalIndent(want, "", " ")
		t.Errorf("read %s\nwant %s", have, expected)
	}
}

func TestReadNamesUnknownFeatures(t *testing.T) {
	function := func(value string) string {
		return `{
			"Resources":{
				"F":{
					"Type":"AWS::Lambda::Function",
					"Properties":{"FunctionName":"f","Environment":{"Variables":{"V":` + value + `}}}
				},
				"G":{"Type":"AWS::Logs::LogGroup","Properties":{}}
			}
		}`
	}
	for name, c := range map[string]struct {
		document string
		unknown  bool
		contains string
	}{
		"a function":       {function(`{"Fn::Cidr":["a"]}`), true, "Fn::Cidr"},
		"an attribute":     {function(`{"Fn::GetAtt":["F","Runtime"]}`), true, "F.Runtime"},
		"an ARN":           {function(`{"Fn::GetAtt":["G","Arn"]}`), true, "AWS::Logs::LogGroup"},
		"a reference":      {function(`{"Ref":"Nobody"}`), false, "Nobody"},
		"an import":        {function(`{"Fn::ImportValue":"nobody"}`), false, "nobody"},
		"a number":         {function(`7`), false, "V is float64"},
		"a list to select": {function(`{"Fn::Select":[3,["a"]]}`), false, "Fn::Select"},
		"an index": {
			`{
				"Resources":{
					"T":{
						"Type":"AWS::DynamoDB::Table",
						"Properties":{
							"TableName":"t",
							"KeySchema":[{"AttributeName":"a","KeyType":"HASH"}],
							"AttributeDefinitions":[{"AttributeName":"a","AttributeType":"S"}],
							"GlobalSecondaryIndexes":[]
						}
					}
				}
			}`,
			true, "GlobalSecondaryIndexes",
		},
		"a route": {
			`{
				"Resources":{
					"R":{
						"Type":"AWS::ApiGatewayV2::Route",
						"Properties":{"RouteKey":"GET /","Target":"integrations/none"}
					}
				}
			}`,
			false, "no integration",
		},
		"a circle": {
			`{"Resources":{"S":{"Type":"AWS::Kinesis::Stream","Properties":{"Name":{"Ref":"S"},"ShardCount":1}}}}`,
			false, "refers to itself",
		},
		"no mapping": {`{"Resources":{"M":{"Type":"AWS::Lambda::EventSourceMapping","Properties":{"FunctionName":"f"}}}}`,
			false, "EventSourceArn"},
		"a condition": {`{"Resources":{"P":{"Type":"AWS::IAM::ManagedPolicy","Properties":{"PolicyDocument":{"Statement":[
			{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}]}}}}}`, true, "statement of policy P"},
		"no JSON": {`{`, false, "decode template"},
	} {
		_, err := template.Read(place, []byte(c.document))
		if err == nil || !strings.Contains(err.Error(), c.contains) || errors.Is(err, template.ErrUnknown) != c.unknown {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := template.ReadAll(place, fstest.MapFS{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty directory: %v", err)
	}
}
