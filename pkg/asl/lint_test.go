package asl_test

import (
	"fmt"
	"strings"
	"testing"

	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
)

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
			asltest.Distributed("f", `"ToleratedFailureCount":1,"Output":"{% $states.result[n=1].n %}",`),
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
