package interpreter_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/states"
)

// A run is a small machine, its input, and how it ends.
type run struct {
	name, definition, input string
	output                  string // or
	error, cause            string
}

// TestRun runs small machines to their end.
func TestRun(t *testing.T) {
	for _, c := range slices.Concat(stateRuns, taskRuns, fanOutRuns) {
		t.Run(c.name, func(t *testing.T) {
			asltest.InWorld(t, c.definition, func(w *asltest.World) {
				ended := w.Run(c.input)
				if c.error != "" {
					if ended.Status != states.StatusFailed || ended.Error != c.error || !strings.Contains(ended.Cause, c.cause) {
						t.Errorf("ended %s, error %q, cause %q, output %s; want %q, %q",
							ended.Status, ended.Error, ended.Cause, ended.Output, c.error, c.cause)
					}
				} else if ended.Status != states.StatusSucceeded || string(ended.Output) != c.output {
					t.Errorf("ended %s with %s (%s %s), want %s", ended.Status, ended.Output, ended.Error, ended.Cause, c.output)
				}
				if keys := w.Leftovers(); len(keys) > 0 {
					t.Errorf("the journal still holds %q", keys)
				}
			})
		})
	}
}

const executions = "arn:aws:states:us-east-1:000000000000:execution:m:"

// stateRuns have Pass, Wait, Choice, Succeed and Fail states.
var stateRuns = []run{
	{
		name:       "pass",
		definition: asltest.Machine("P", `"P":{"Type":"Pass","End":true}`),
		input:      `{"a":1}`,
		output:     `{"a":1}`,
	},
	{
		name: "output",
		definition: asltest.Machine("P", `"P":{
			"Type":"Pass",
			"Output":{"b":"{% $states.input.a + 1 %}","c":"{%","d":[1,"{% $states.context.State.Name %}"]},
			"End":true
		}`),
		input:  `{"a":1}`,
		output: `{"b":2,"c":"{%","d":[1,"P"]}`,
	},
	{
		name: "assign and output read the same snapshot",
		definition: asltest.Machine("A", `
			"A":{"Type":"Pass","Assign":{"x":1},"Next":"B"},
			"B":{"Type":"Pass","Assign":{"x":"{% $x + 1 %}"},"Output":"{% $x %}","Next":"C"},
			"C":{"Type":"Pass","Output":["{% $states.input %}","{% $x %}"],"End":true}`),
		output: `[1,2]`,
	},
	{
		name:       "succeed",
		definition: asltest.Machine("S", `"S":{"Type":"Succeed","Output":"{% $states.input.a %}"}`),
		input:      `{"a":"x"}`,
		output:     `"x"`,
	},
	{
		name:       "wait for a time that cannot be journalled",
		definition: asltest.Machine("W", `"W":{"Type":"Wait","Timestamp":"{% $states.input %}","End":true}`),
		input:      `"2030-01-01T00:00:00+24:00"`,
		error:      states.ErrorQueryEvaluation,
		cause:      "not a time in RFC 3339",
	},
	{
		name:       "cause too large",
		definition: asltest.Machine("F", `"F":{"Type":"Fail","Cause":"{% $states.input & $states.input %}"}`),
		input:      `"` + strings.Repeat("x", 200_000) + `"`,
		error:      states.ErrorDataLimit,
		cause:      `cause of state "F" has 400000 bytes`,
	},
	{
		name:       "fail",
		definition: asltest.Machine("F", `"F":{"Type":"Fail","Error":"{% 'My' & $states.input.e %}","Cause":"why"}`),
		input:      `{"e":"Error"}`,
		error:      "MyError",
		cause:      "why",
	},
	{name: "choice takes the first rule that holds", definition: asltest.Choice(), input: `{"n":5}`, output: `"big"`},
	{name: "choice takes another", definition: asltest.Choice(), input: `{"n":2}`, output: `"two"`},
	{name: "choice takes the default", definition: asltest.Choice(), input: `{"n":1}`, output: `"other"`},
	{
		name:       "choice condition is not boolean",
		definition: asltest.Choice(),
		input:      `{"n":"x"}`,
		error:      states.ErrorQueryEvaluation,
		cause:      "a number and a string",
	},
	{
		name: "choice without default",
		definition: asltest.Machine("C", `
			"C":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.x = 1 %}","Next":"S"}]},
			"S":{"Type":"Succeed"}`),
		error: states.ErrorNoChoiceMatched,
		cause: "no Default",
	},
	{
		name:       "undefined",
		definition: asltest.Machine("P", `"P":{"Type":"Pass","Output":"{% $states.input.missing %}","End":true}`),
		error:      states.ErrorQueryEvaluation,
		cause:      "undefined",
	},
	{
		name: "undefined in an object constructor is left out",
		definition: asltest.Machine("P", `"P":{
			"Type":"Pass",
			"Output":"{% {'a':$states.input.missing,'b':1} %}",
			"End":true
		}`),
		output: `{"b":1}`,
	},
	{
		name:       "output too large",
		definition: asltest.Machine("P", `"P":{"Type":"Pass","Output":"{% [0..200000] %}","End":true}`),
		error:      states.ErrorDataLimit,
		cause:      "output of state",
	},
	{
		name:       "variable too large",
		definition: asltest.Machine("P", `"P":{"Type":"Pass","Assign":{"v":"{% [0..200000] %}"},"End":true}`),
		error:      states.ErrorDataLimit,
		cause:      "variables of one Assign",
	},
	{
		name: "context",
		definition: asltest.Machine("P", `"P":{
			"Type":"Pass",
			"Output":[
				"{% $states.context.Execution.Input.a %}",
				"{% $states.context.StateMachine.Name %}",
				"{% $states.context.Execution.StartTime %}",
				"{% $states.context.State.EnteredTime %}",
				"{% $states.context.State.RetryCount %}",
				"{% $states.context.Execution.RoleArn %}"
			],
			"End":true
		}`),
		input:  `{"a":3}`,
		output: `[3,"m","2000-01-01T00:00:00.000Z","2000-01-01T00:00:00.000Z",0,"role"]`,
	},
	{
		name: "wait",
		definition: asltest.Machine("W", `
			"W":{"Type":"Wait","Seconds":"{% $states.input %}","Next":"P"},
			"P":{"Type":"Pass","Output":"{% $states.context.State.EnteredTime %}","End":true}`),
		input:  `90`,
		output: `"2000-01-01T00:01:30.000Z"`,
	},
	{
		name: "wait until",
		definition: asltest.Machine("W", `
			"W":{"Type":"Wait","Timestamp":"2000-01-02T00:00:00Z","Next":"P"},
			"P":{"Type":"Pass","Output":"{% $states.context.State.EnteredTime %}","End":true}`),
		output: `"2000-01-02T00:00:00.000Z"`,
	},
	{
		name:       "wait for nonsense",
		definition: asltest.Machine("W", `"W":{"Type":"Wait","Timestamp":"{% 'soon' %}","End":true}`),
		error:      states.ErrorQueryEvaluation,
		cause:      "RFC 3339",
	},
	{
		name: "choice condition is no boolean",
		definition: asltest.Machine("C", `
			"C":{"Type":"Choice","Choices":[{"Condition":"{% 1 %}","Next":"S"}],"Default":"S"},
			"S":{"Type":"Succeed"}`),
		error: states.ErrorQueryEvaluation,
		cause: "not true or false",
	},
	{
		name: "choice assigns",
		definition: asltest.Machine("C", `
			"C":{
				"Type":"Choice",
				"Choices":[{"Condition":"{% $states.input = 1 %}","Assign":{"v":"rule"},"Next":"S"}],
				"Assign":{"v":"default"},
				"Default":"S"
			},
			"S":{"Type":"Succeed","Output":"{% $v %}"}`),
		input:  `2`,
		output: `"default"`,
	},
	{
		name: "a rule assigns",
		definition: asltest.Machine("C", `
			"C":{
				"Type":"Choice",
				"Choices":[{"Condition":"{% $states.input = 1 %}","Assign":{"v":"rule"},"Next":"S"}],
				"Assign":{"v":"default"},
				"Default":"S"
			},
			"S":{"Type":"Succeed","Output":"{% $v %}"}`),
		input:  `1`,
		output: `"rule"`,
	},
	{
		name: "ids in the context",
		definition: asltest.Machine("P", `"P":{
			"Type":"Pass",
			"Output":[
				"{% $states.context.Execution.Id = '`+executions+`' & $states.context.Execution.Name %}",
				"{% $states.context.StateMachine.Id %}",
				"{% $states.context.Execution.RedriveCount %}"
			],
			"End":true
		}`),
		output: `[true,"arn:aws:states:us-east-1:000000000000:stateMachine:m",0]`,
	},
	{
		name:       "fail with an error that is no text",
		definition: asltest.Machine("F", `"F":{"Type":"Fail","Error":"{% 1 %}"}`),
		error:      states.ErrorQueryEvaluation,
		cause:      "not a string",
	},
	{
		name:       "all variables too large",
		definition: manyVariables(),
		error:      states.ErrorDataLimit,
		cause:      "variables of the execution",
	},
	{
		name:       "wait too short",
		definition: asltest.Machine("W", `"W":{"Type":"Wait","Seconds":"{% -1 %}","End":true}`),
		error:      states.ErrorQueryEvaluation,
		cause:      "whole number",
	},
}

// manyVariables assigns variables of a quarter of a megabyte each, in all more
// than an execution may have.
func manyVariables() string {
	var all []string
	for i := range 41 {
		all = append(all, fmt.Sprintf(`"V%d":{"Type":"Pass","Assign":{"v%d":"{%% [0..45000] %%}"},"Next":"V%d"}`, i, i, i+1))
	}
	return asltest.Machine("V0", strings.Join(append(all, `"V41":{"Type":"Succeed"}`), ","))
}
