package asl_test

import (
	"errors"
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

func taskWith(fields string) string {
	return asltest.Machine("T", asltest.Task("T", "echo", fields+end))
}

const distributedMode = `{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}`

// dist is a Map with further fields and a processor's configuration.
func dist(fields, processor string) string {
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

// A refusal is a definition that Parse refuses, and a part of what it says.
type refusal struct{ name, definition, want string }

// TestParseRefuses checks that each problem is named with its state and field.
func TestParseRefuses(t *testing.T) {
	for _, c := range slices.Concat(refusedMachines, refusedTasks, refusedFlows, refusedMaps) {
		t.Run(c.name, func(t *testing.T) {
			_, err := asl.Parse([]byte(c.definition), nil)
			refused := (*asl.DefinitionError)(nil)
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

// refusedMachines have faults of the machine, or that a state of any kind may
// have.
var refusedMachines = []refusal{
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
	{"placeholder", pass(`"Output":"${Unknown}",`), `placeholder ${Unknown} has no value`},
	{"malformed placeholder", pass(`"Output":"${a b}",`), `is malformed`},
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

// TestParseNamesAProblemOnce checks that an expression that does not compile is
// not also reported as a missing number or list.
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
