package asl_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
)

const end = `,"End":true`

func pass(fields string) string {
	return asltest.Machine("P", `"P":{"Type":"Pass",`+fields+`"End":true}`)
}

// TestParseRefuses checks that each problem is named with its state and field.
func TestParseRefuses(t *testing.T) {
	dist := func(fields, processor string) string {
		return asltest.Machine("M", `"M":{
			"Type":"Map",
			"Items":[1],
			`+fields+`"ItemProcessor":{
				"ProcessorConfig":`+processor+`,
				"StartAt":"A",
				"States":{"A":{"Type":"Succeed"}}
			},
			"End":true
		}`)
	}
	const distributedMode = `{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}`
	taskWith := func(fields string) string { return asltest.Machine("T", asltest.Task("T", "echo", fields+end)) }
	for _, c := range []struct{ name, definition, want string }{
		{"no JSON", `{`, `machine: decode JSON`},
		{"two values", `{} {}`, `more than one value`},
		{"no object", `[]`, `must be an object`},
		{
			"JSONPath by default",
			`{"StartAt":"P","States":{"P":{"Type":"Succeed"}}}`,
			`field QueryLanguage: must be "JSONata"`,
		},
		{
			"JSONPath in a state",
			asltest.Machine("P", `"P":{"Type":"Succeed","QueryLanguage":"JSONPath"}`),
			`state "P", field QueryLanguage`,
		},
		{"version", strings.Replace(pass(""), `{`, `{"Version":"2.0",`, 1), `field Version`},
		{
			"machine timeout",
			strings.Replace(pass(""), `{`, `{"TimeoutSeconds":0,`, 1),
			`field TimeoutSeconds: must be a number from 1`,
		},
		{"unknown top field", strings.Replace(pass(""), `{`, `{"Foo":1,`, 1), `machine, field Foo: is unknown here`},
		{"no StartAt", `{"QueryLanguage":"JSONata","States":{"P":{"Type":"Succeed"}}}`, `field StartAt: is missing`},
		{"no States", `{"QueryLanguage":"JSONata","StartAt":"P"}`, `field States: must be an object`},
		{
			"StartAt nowhere",
			asltest.Machine("X", `"P":{"Type":"Succeed"}`),
			`field StartAt: names a state that does not exist here: "X"`,
		},
		{
			"duplicate state",
			asltest.Machine("P", `"P":{"Type":"Succeed"},"P":{"Type":"Succeed"}`),
			`member "P" appears twice`,
		},
		{
			"name twice, nested",
			asltest.Machine("P", `"P":{
				"Type":"Parallel",
				"Branches":[{"StartAt":"P","States":{"P":{"Type":"Succeed"}}}],
				"End":true
			}`),
			`state "P": the name appears twice`,
		},
		{
			"long name",
			asltest.Machine(strings.Repeat("n", 81), `"`+strings.Repeat("n", 81)+`":{"Type":"Succeed"}`),
			`1 to 80 characters`,
		},
		{"name not ASCII", asltest.Machine("É", `"É":{"Type":"Succeed"}`), `printable ASCII`},
		{"unreachable", asltest.Machine("P", `"P":{"Type":"Succeed"},"Q":{"Type":"Succeed"}`), `state "Q": is never reached`},
		{
			"Next nowhere",
			asltest.Machine("P", `"P":{"Type":"Pass","Next":"Q"}`),
			`state "P", field Next: names a state that does not exist here: "Q"`,
		},
		{
			"Next into a branch",
			asltest.Machine("P", `"P":{
				"Type":"Parallel",
				"Branches":[{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}],
				"Next":"A"
			}`),
			`names a state that does not exist here: "A"`,
		},
		{"Next and End", asltest.Machine("P", `"P":{"Type":"Pass","Next":"P","End":true}`), `either Next or "End"`},
		{"neither", asltest.Machine("P", `"P":{"Type":"Pass"}`), `either Next or "End"`},
		{"no Type", asltest.Machine("P", `"P":{"End":true}`), `field Type: is missing`},
		{"unknown Type", asltest.Machine("P", `"P":{"Type":"Activity"}`), `"Activity" is unknown`},
		{"state is no object", asltest.Machine("P", `"P":1`), `must be an object`},
		{"unknown field", pass(`"Foo":1,`), `state "P", field Foo: is unknown here`},
		{"End not boolean", asltest.Machine("P", `"P":{"Type":"Pass","End":"yes"}`), `must be true or false`},
		{"Comment not text", pass(`"Comment":1,`), `field Comment: must be a string`},
		{"Pass with Arguments", pass(`"Arguments":1,`), `field Arguments: is unknown here`},
		{"Fail with Output", asltest.Machine("F", `"F":{"Type":"Fail","Output":1}`), `field Output: is unknown here`},
		{"Fail error", asltest.Machine("F", `"F":{"Type":"Fail","Error":1}`), `field Error: must be a string`},
		{"Succeed with Assign", asltest.Machine("S", `"S":{"Type":"Succeed","Assign":{}}`), `field Assign: is unknown here`},
		{
			"Resource",
			asltest.Machine("T", `"T":{
				"Type":"Task",
				"Resource":"arn:aws:lambda:us-east-1:1:function:f",
				"Arguments":{"FunctionName":"f"},
				"End":true
			}`),
			`field Resource: "arn:aws:lambda`,
		},
		{
			"sync resource",
			asltest.Machine("T", `"T":{
				"Type":"Task",
				"Resource":"arn:aws:states:::sqs:sendMessage",
				"Arguments":{"FunctionName":"f"},
				"End":true
			}`),
			`is not supported: use`,
		},
		{
			"no Arguments",
			asltest.Machine("T", `"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}`),
			`field Arguments: must be an object`,
		},
		{
			"InvocationType",
			asltest.Machine("T", `"T":{
				"Type":"Task",
				"Resource":"arn:aws:states:::lambda:invoke",
				"Arguments":{"FunctionName":"f","InvocationType":"Event"},
				"End":true
			}`),
			`field Arguments.InvocationType: is not supported`,
		},
		{
			"unknown argument",
			asltest.Machine("T", `"T":{
				"Type":"Task",
				"Resource":"arn:aws:states:::lambda:invoke",
				"Arguments":{"FunctionName":"f","Foo":1},
				"End":true
			}`),
			`field Arguments.Foo`,
		},
		{
			"no FunctionName",
			asltest.Machine("T", `"T":{
				"Type":"Task",
				"Resource":"arn:aws:states:::lambda:invoke",
				"Arguments":{"Payload":1},
				"End":true
			}`),
			`field Arguments.FunctionName`,
		},
		{"Credentials", taskWith(`,"Credentials":{}`), `field Credentials: is not supported`},
		{"TimeoutSeconds", taskWith(`,"TimeoutSeconds":0`), `field TimeoutSeconds: must be a number from 1`},
		{"TimeoutSeconds as text", taskWith(`,"TimeoutSeconds":"5"`), `field TimeoutSeconds`},
		{"HeartbeatSeconds without token", taskWith(`,"HeartbeatSeconds":5`), `.waitForTaskToken only`},
		{
			"HeartbeatSeconds not less",
			strings.Replace(
				taskWith(`,"TimeoutSeconds":5,"HeartbeatSeconds":5`),
				"lambda:invoke", "lambda:invoke.waitForTaskToken", 1,
			),
			`must be less than TimeoutSeconds`,
		},
		{"Retry empty", taskWith(`,"Retry":[]`), `field Retry: must be a list`},
		{"Retry no errors", taskWith(`,"Retry":[{}]`), `field Retry[0].ErrorEquals: must be a list`},
		{"Retry errors not text", taskWith(`,"Retry":[{"ErrorEquals":[1]}]`), `must hold strings only`},
		{"Retry backoff", taskWith(`,"Retry":[{"ErrorEquals":["E"],"BackoffRate":0.5}]`), `field Retry[0].BackoffRate`},
		{
			"Retry expression",
			taskWith(`,"Retry":[{"ErrorEquals":["E"],"MaxAttempts":"{% 1 %}"}]`),
			`field Retry[0].MaxAttempts`,
		},
		{
			"Retry jitter",
			taskWith(`,"Retry":[{"ErrorEquals":["E"],"JitterStrategy":"SOME"}]`),
			`field Retry[0].JitterStrategy`,
		},
		{
			"Retry max delay",
			taskWith(`,"Retry":[{"ErrorEquals":["E"],"IntervalSeconds":5,"MaxDelaySeconds":5}]`),
			`greater than IntervalSeconds`,
		},
		{"Retry unknown field", taskWith(`,"Retry":[{"ErrorEquals":["E"],"Foo":1}]`), `field Retry[0].Foo`},
		{"States.ALL not alone", taskWith(`,"Retry":[{"ErrorEquals":["States.ALL","E"]}]`), `alone and last`},
		{
			"States.ALL not last",
			taskWith(`,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"T"},{"ErrorEquals":["E"],"Next":"T"}]`),
			`field Catch[0].ErrorEquals: States.ALL must stand alone and last`,
		},
		{"unknown States. name", taskWith(`,"Retry":[{"ErrorEquals":["States.Foo"]}]`), `not an error name of the service`},
		{"States.Runtime", taskWith(`,"Retry":[{"ErrorEquals":["States.Runtime"]}]`), `cannot reliably be caught`},
		{"Catch without Next", taskWith(`,"Catch":[{"ErrorEquals":["E"]}]`), `field Catch[0].Next: is missing`},
		{
			"Parallel without Branches",
			asltest.Machine("P", `"P":{"Type":"Parallel","End":true}`),
			`field Branches: is missing`,
		},
		{
			"branch with Comment only",
			asltest.Machine("P", `"P":{"Type":"Parallel","Branches":[{"Comment":"x"}],"End":true}`),
			`field Branches[0].StartAt: is missing`,
		},
		{
			"branch with TimeoutSeconds",
			asltest.Machine("P", `"P":{
				"Type":"Parallel",
				"Branches":[{"StartAt":"A","TimeoutSeconds":1,"States":{"A":{"Type":"Succeed"}}}],
				"End":true
			}`),
			`field Branches[0].TimeoutSeconds: is unknown`,
		},
		{
			"Choice without Choices",
			asltest.Machine("C", `"C":{"Type":"Choice","Default":"S"},"S":{"Type":"Succeed"}`),
			`field Choices: is missing`,
		},
		{
			"Choice with Next",
			asltest.Machine("C", `
				"C":{"Type":"Choice","Choices":[{"Condition":true,"Next":"S"}],"Next":"S"},
				"S":{"Type":"Succeed"}`),
			`field Next: is unknown here`,
		},
		{
			"Choice condition as text",
			asltest.Machine("C", `"C":{"Type":"Choice","Choices":[{"Condition":"true","Next":"S"}]},"S":{"Type":"Succeed"}`),
			`field Choices[0].Condition: must be an expression`,
		},
		{
			"JSONPath comparison",
			asltest.Machine("C", `
				"C":{"Type":"Choice","Choices":[{"Variable":"$.x","NumericEquals":1,"Next":"S"}]},
				"S":{"Type":"Succeed"}`),
			`field Choices[0].Variable: belongs to JSONPath`,
		},
		{"Wait without", asltest.Machine("W", `"W":{"Type":"Wait","End":true}`), `either Seconds or Timestamp`},
		{
			"Wait with both",
			asltest.Machine("W", `"W":{"Type":"Wait","Seconds":1,"Timestamp":"2020-01-01T00:00:00Z","End":true}`),
			`either Seconds or Timestamp`,
		},
		{"Wait timestamp", asltest.Machine("W", `"W":{"Type":"Wait","Timestamp":"tomorrow","End":true}`), `RFC 3339`},
		{
			"SecondsPath",
			asltest.Machine("W", `"W":{"Type":"Wait","SecondsPath":"$.x","End":true}`),
			`field SecondsPath: belongs to JSONPath`,
		},
		{
			"Map without Items",
			asltest.Machine("M", `"M":{
				"Type":"Map",
				"ItemProcessor":{"StartAt":"A","States":{"A":{"Type":"Succeed"}}},
				"End":true
			}`),
			`field Items: must be a list`,
		},
		{
			"Map over an object",
			asltest.Machine("M", `"M":{
				"Type":"Map",
				"Items":{"a":1},
				"ItemProcessor":{"StartAt":"A","States":{"A":{"Type":"Succeed"}}},
				"End":true
			}`),
			`field Items: must be a list`,
		},
		{
			"Map without processor",
			asltest.Machine("M", `"M":{"Type":"Map","Items":[1],"End":true}`),
			`field ItemProcessor: is missing`,
		},
		{
			"Iterator",
			asltest.Machine("M", `"M":{"Type":"Map","Items":[1],"Iterator":{},"End":true}`),
			`field Iterator: belongs to JSONPath`,
		},
		{"ItemReader", dist(`"ItemReader":{},`, distributedMode), `field ItemReader: is not supported`},
		{"ResultWriter", dist(`"ResultWriter":{},`, distributedMode), `field ResultWriter: is not supported`},
		{
			"EXPRESS children",
			dist("", `{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"}`),
			`express child executions are not supported`,
		},
		{"no ExecutionType", dist("", `{"Mode":"DISTRIBUTED"}`), `ProcessorConfig.ExecutionType: must be`},
		{"mode", dist("", `{"Mode":"FAST"}`), `ProcessorConfig.Mode: must be`},
		{
			"inline with ExecutionType",
			dist("", `{"Mode":"INLINE","ExecutionType":"STANDARD"}`),
			`belongs to Mode DISTRIBUTED`,
		},
		{"inline with Label", dist(`"Label":"x",`, `{"Mode":"INLINE"}`), `field Label: belongs to a DISTRIBUTED Map`},
		{"inline with threshold", dist(`"ToleratedFailureCount":1,`, `{}`), `field ToleratedFailureCount: belongs to`},
		{"label", dist(`"Label":"a b",`, distributedMode), `field Label: must have at most 40`},
		{"percentage", dist(`"ToleratedFailurePercentage":101,`, distributedMode), `field ToleratedFailurePercentage`},
		{"batcher", dist(`"ItemBatcher":{},`, distributedMode), `MaxItemsPerBatch, MaxInputBytesPerBatch or both`},
		{
			"batch bytes",
			dist(`"ItemBatcher":{"MaxInputBytesPerBatch":262145},`, distributedMode),
			`MaxInputBytesPerBatch: must be a number`,
		},
		{"InputPath", pass(`"InputPath":"$.x",`), `field InputPath: belongs to JSONPath`},
		{"ResultSelector", taskWith(`,"ResultSelector":{}`), `field ResultSelector: belongs to JSONPath`},
		{"Parameters", taskWith(`,"Parameters":{}`), `field Parameters: belongs to JSONPath`},
		{"Result", pass(`"Result":{},`), `field Result: belongs to JSONPath`},
		{"name ending in .$", pass(`"Output":{"a.$":"$.x"},`), `field Output.a.$: names ending in .$`},
		{"expression does not parse", pass(`"Output":{"a":["{% $states. %}"]},`), `field Output.a[0]: expression`},
		{"function", pass(`"Output":"{% $now() %}",`), `function $now is not supported`},
		{"eval", pass(`"Output":"{% $eval('1') %}",`), `function $eval is not supported`},
		{"assign reserved", pass(`"Assign":{"states":1},`), `field Assign.states: is taken`},
		{"assign a function", pass(`"Assign":{"sum":1},`), `field Assign.sum: is taken`},
		{"assign a path", pass(`"Assign":{"a.b":1},`), `field Assign.a.b: is not a variable name`},
		{
			"assign outer",
			asltest.Machine("V", `
				"V":{"Type":"Pass","Assign":{"x":1},"Next":"P"},
				"P":{
					"Type":"Parallel",
					"Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"x":2},"End":true}}}],
					"End":true
				}`),
			`state "A", field Assign.x: the variable belongs to an outer scope`,
		},
		{"assign to a long name", pass(`"Assign":{"` + strings.Repeat("v", 81) + `":1},`), `is not a variable name`},
		{"definition too long", strings.Repeat(" ", asl.MaxDefinitionBytes) + pass(""), `longer than 1048576 bytes`},
		{
			"JSONPath in a branch",
			asltest.Machine("P", `"P":{
				"Type":"Parallel",
				"Branches":[{"QueryLanguage":"JSONPath","StartAt":"A","States":{"A":{"Type":"Succeed"}}}],
				"End":true
			}`),
			`field Branches[0].QueryLanguage: must be "JSONata"`,
		},
		{
			"label twice",
			asltest.Machine("A", `
				"A":{
					"Type":"Map",
					"Label":"L",
					"Items":[1],
					"ItemProcessor":{
						"ProcessorConfig":`+distributedMode+`,
						"StartAt":"C",
						"States":{"C":{"Type":"Succeed"}}
					},
					"Next":"B"
				},
				"B":{
					"Type":"Map",
					"Label":"L",
					"Items":[1],
					"ItemProcessor":{
						"ProcessorConfig":`+distributedMode+`,
						"StartAt":"D",
						"States":{"D":{"Type":"Succeed"}}
					},
					"End":true
				}`),
			`state "B", field Label: appears twice`,
		},
		{"batcher is no object", dist(`"ItemBatcher":1,`, distributedMode), `field ItemBatcher: must be an object`},
		{"retrier is no object", taskWith(`,"Retry":[1]`), `field Retry[0]: must be an object`},
		{"placeholder", pass(`"Output":"${Unknown}",`), `placeholder ${Unknown} has no value`},
		{"malformed placeholder", pass(`"Output":"${a b}",`), `is malformed`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := asl.Parse([]byte(c.definition), nil)
			refused := (*asl.DefinitionError)(nil)
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestParseAllProblemsAtOnce(t *testing.T) {
	definition := asltest.Machine("P", `
		"P":{"Type":"Pass","Foo":1,"Bar":2,"Next":"X"},
		"Q":{"Type":"Fail","Baz":1}`)
	_, err := asl.Parse([]byte(definition), nil)
	if refused := (*asl.DefinitionError)(nil); !errors.As(err, &refused) || len(refused.Problems) != 5 {
		t.Errorf("got %v", err)
	}
}

// TestParseNamesAProblemOnce: an expression that does not compile is no missing
// number or list as well.
func TestParseNamesAProblemOnce(t *testing.T) {
	for _, definition := range []string{
		asltest.Machine("W", `"W":{"Type":"Wait","Seconds":"{% 1 + %}","End":true}`),
		asltest.Machine("C", `
			"C":{"Type":"Choice","Choices":[{"Condition":"{% 1 + %}","Next":"S"}],"Default":"S"},
			"S":{"Type":"Succeed"}`),
		asltest.Machine("C", `"C":{"Type":"Choice","Choices":[],"Default":"S"},"S":{"Type":"Succeed"}`),
		asltest.Machine("P", `"P":{"Type":"Parallel","Branches":[],"End":true}`),
		asltest.Machine("M", `"M":{
			"Type":"Map",
			"Items":"{% 1 + %}",
			"ItemProcessor":{"StartAt":"A","States":{"A":{"Type":"Succeed"}}},
			"End":true
		}`),
	} {
		_, err := asl.Parse([]byte(definition), nil)
		if refused := (*asl.DefinitionError)(nil); !errors.As(err, &refused) || len(refused.Problems) != 1 {
			t.Errorf("%s\n gives %v", definition, err)
		}
	}
}

func TestParseSubstitutes(t *testing.T) {
	definition := asltest.Machine("T", asltest.Task("T", "${FnArn}", end))
	m, err := asl.Parse([]byte(definition), map[string]string{"FnArn": `a"b`, "Unused": "x"})
	if err != nil {
		t.Fatal(err)
	}
	if tasks := m.Tasks(); len(tasks) != 1 || tasks[0].FunctionName() != `a"b` {
		t.Errorf("tasks %v", tasks)
	}
	other := asltest.Parse(t, string(m.Definition()))
	if other.Hash() != m.Hash() {
		t.Error("the same definition has another hash")
	}
}

func TestMachineShowsItsStates(t *testing.T) {
	m := asltest.Parse(t, asltest.Mixed())
	var names []string
	for _, s := range m.States() {
		names = append(names, s.Name)
	}
	if got := fmt.Sprint(names); !strings.HasPrefix(got, "[First Each Item Rest Both Left Nap Deep Right Ask Many Batch") {
		t.Errorf("states %s", got)
	}
	if !slices.ContainsFunc(m.Tasks(), func(s *asl.State) bool { return s.WaitsForToken() && s.FunctionName() == "ask" }) {
		t.Error("the task with a token is not listed")
	}
}

func TestMachineFields(t *testing.T) {
	m := asltest.Parse(t, strings.Replace(pass(""), `{`, `{"Comment":"why","Version":"1.0","TimeoutSeconds":5,`, 1))
	if m.Comment != "why" || m.TimeoutSeconds != 5 || m.Flow().StartAt != "P" || m.Flow().State("P").Name != "P" {
		t.Errorf("machine %+v", m)
	}
}

// TestNamesThatOnlyTheServiceReports: a file that catches them runs here too.
func TestNamesThatOnlyTheServiceReports(t *testing.T) {
	for _, name := range []string{
		"States.BranchFailed", "States.ItemReaderFailed", "States.ResultWriterFailed",
		"States.Permissions",
	} {
		m := asltest.Parse(t, asltest.Machine("T", asltest.Task("T", "f", `,
				"Catch":[{"ErrorEquals":["`+name+`"],"Next":"S"}],
				"Next":"S"
			},
			"S":{"Type":"Succeed"`)))
		if got := m.Tasks()[0].Catch[0].ErrorEquals; !slices.Equal(got, []string{name}) {
			t.Errorf("%s is read as %q", name, got)
		}
	}
}

func TestDefaultLabel(t *testing.T) {
	for name, want := range map[string]string{
		"Read all (by lane)":    "Readallbylane",
		"(*)":                   "Map",
		strings.Repeat("n", 50): strings.Repeat("n", 40),
	} {
		m := asltest.Parse(t, asltest.Machine(name, `"`+name+`":{
			"Type":"Map",
			"Items":[1],
			"ItemProcessor":{
				"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
				"StartAt":"A",
				"States":{"A":{"Type":"Succeed"}}
			},
			"End":true
		}`))
		if label := m.States()[0].Map.Label; label != want {
			t.Errorf("Map %q has label %q, want %q", name, label, want)
		}
		if m.Processor(name) != m.States()[0].Map.Processor || m.Processor("none") != m.Flow() {
			t.Errorf("the item processor of %q is not found", name)
		}
	}
}

func TestLint(t *testing.T) {
	for _, c := range []struct{ definition, want string }{
		{asltest.Machine("T", asltest.Task("T", "f", end)), "TimeoutSeconds"},
		{asltest.Machine("T", asltest.Task("T", "f", end)), "transient errors"},
		{
			asltest.Machine("T", asltest.Task("T", "f", `,"Retry":[{"ErrorEquals":["A"]},{"ErrorEquals":["A"]}],"End":true`)),
			"an earlier retrier matches it",
		},
		{
			asltest.Machine("T", asltest.Task("T", "f", `,
				"Retry":[{"ErrorEquals":["States.TaskFailed"]},{"ErrorEquals":["A"]}],
				"End":true`)),
			"put it last",
		},
		{
			asltest.Machine("T", strings.Replace(asltest.Task("T", "f", end),
				"lambda:invoke", "lambda:invoke.waitForTaskToken", 1)),
			"Task.Token",
		},
		{pass(`"Output":"{% $x %}",`), "reads $x"},
		{pass(`"Output":"{% $states.result %}",`), "reads $states.result"},
		{pass(`"Output":"{% $states.errorOutput %}",`), "reads $states.errorOutput"},
		{pass(`"Output":"{% $states.foo %}",`), "reads $states.foo"},
		{pass(`"Output":" {% 1 %}",`), "is a literal"},
		{pass(`"Output":"$states.input",`), "is a literal"},
		{asltest.Distributed("f", ""), "10,000 child executions"},
		{asltest.Distributed("f", `"ToleratedFailureCount":1,`), "omits failed child executions"},
		{asltest.Distributed("f", `"Retry":[{"ErrorEquals":["E"]}],`), "restarts all items"},
		{
			asltest.Machine("C", `
				"C":{"Type":"Choice","Choices":[{"Condition":true,"Next":"S"}]},
				"S":{"Type":"Fail","Error":"States.Mine"}`),
			"no rule matches",
		},
		{
			asltest.Machine("C", `
				"C":{"Type":"Choice","Choices":[{"Condition":true,"Next":"S"}]},
				"S":{"Type":"Fail","Error":"States.Mine"}`),
			"must not begin with",
		},
		{
			asltest.Distributed("f", `"ToleratedFailureCount":1,"Output":"{% $count($states.result) %}",`),
			"omits failed child executions",
		},
		{
			asltest.Machine("P", `
				"P":{
					"Type":"Parallel",
					"Branches":[{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}],
					"Catch":[{"ErrorEquals":["States.BranchFailed"],"Next":"S"}],
					"Next":"S"
				},
				"S":{"Type":"Succeed"}`),
			"name the branch's own error",
		},
		{
			asltest.Machine("V", `
				"V":{"Type":"Pass","Assign":{"x":1},"Next":"M"},
				"M":{
					"Type":"Map",
					"Items":[1],
					"ItemProcessor":{
						"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
						"StartAt":"A",
						"States":{"A":{"Type":"Pass","Output":"{% $x %}","End":true}}
					},
					"End":true
				}`),
			"reads $x",
		},
	} {
		advice := fmt.Sprint(asl.Lint(asltest.Parse(t, c.definition)))
		if !strings.Contains(advice, c.want) {
			t.Errorf("%s\n gives %s\n want %s", c.definition, advice, c.want)
		}
	}
	if advice := asl.Lint(asltest.Parse(t, pass(`"Output":"{% $states.context.Execution.Id %}",`))); len(advice) != 0 {
		t.Errorf("advice for a clean machine: %v", advice)
	}
}
