package interpreter_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/states"
)

// TestErrorNames checks which lists of error names catch which errors.
func TestErrorNames(t *testing.T) {
	open := func(name, function, fields string) string {
		return strings.TrimSuffix(asltest.Task(name, function, fields), "}")
	}
	raise := map[string]string{
		"Own":            open("T", "boom", ""),
		"Lambda.Unknown": open("T", "crash", ""),
		"Timeout":        open("T", "slow", `,"TimeoutSeconds":5`),
		"HeartbeatTimeout": strings.Replace(
			open("T", "nil", `,"TimeoutSeconds":50,"HeartbeatSeconds":5`),
			`lambda:invoke"`, `lambda:invoke.waitForTaskToken"`, 1,
		),
		"QueryEvaluation":   strings.Replace(open("T", "echo", ""), "$states.input", "$states.input.none", 1),
		"DataLimitExceeded": open("T", "big", ""),
		"Threshold": `"T":{
			"Type":"Map",
			"Items":[1],
			"ItemProcessor":{
				"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
				"StartAt":"F",
				"States":{"F":{"Type":"Fail","Error":"Inner"}}
			}`,
		"NoChoiceMatched": `"T":{
			"Type":"Parallel",
			"Branches":[
				{
					"StartAt":"F",
					"States":{
						"F":{"Type":"Choice","Choices":[{"Condition":false,"Next":"G"}]},
						"G":{"Type":"Succeed"}
					}
				}
			]`,
		"ParallelOwn": `"T":{
			"Type":"Parallel",
			"Branches":[{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"Boom"}}}]`,
		"RuntimeFromFunction": open("T", "runtime", ""),
	}
	for _, c := range []struct {
		names string
		catch []string
	}{
		{
			`"States.ALL"`,
			[]string{
				"Own", "Lambda.Unknown", "Timeout", "HeartbeatTimeout", "QueryEvaluation", "Threshold",
				"NoChoiceMatched", "ParallelOwn",
			},
		},
		{
			`"States.TaskFailed"`,
			[]string{
				"Own", "Lambda.Unknown", "HeartbeatTimeout", "QueryEvaluation", "Threshold", "NoChoiceMatched",
				"ParallelOwn",
			},
		},
		{`"States.Timeout"`, []string{"Timeout", "HeartbeatTimeout"}},
		{`"States.HeartbeatTimeout"`, []string{"HeartbeatTimeout"}},
		{`"Boom","Lambda.Unknown"`, []string{"Own", "Lambda.Unknown", "ParallelOwn"}},
		{`"States.QueryEvaluationError"`, []string{"QueryEvaluation"}},
		{`"States.ExceedToleratedFailureThreshold"`, []string{"Threshold"}},
		{`"States.NoChoiceMatched"`, []string{"NoChoiceMatched"}},
		{`"Inner"`, nil},
	} {
		for name, state := range raise {
			definition := asltest.Machine("T", state+`,
					"Catch":[{"ErrorEquals":[`+c.names+`],"Output":"caught","Next":"S"}],
					"End":true
				},
				"S":{"Type":"Succeed"}`)
			asltest.InWorld(t, definition, func(w *asltest.World) {
				w.Invoker.ByName["runtime"] = func(context.Context, string) (string, error) {
					return "", &states.FunctionError{Type: states.ErrorRuntime}
				}
				ended := w.Run(`1`)
				caught, want := string(ended.Output) == `"caught"`, slices.Contains(c.catch, name)
				if caught != want {
					t.Errorf("%s catches %s: %v, want %v (ended %s %s %s)",
						c.names, name, caught, want, ended.Status, ended.Error, ended.Cause)
				}
			})
		}
	}
}

// TestTimeouts checks TimeoutSeconds of a task and of the machine.
func TestTimeouts(t *testing.T) {
	asltest.InWorld(t,
		asltest.Machine("T", asltest.Task("T", "slow", `,
			"TimeoutSeconds":"{% 2 * 5 %}",
			"Retry":[{"ErrorEquals":["States.Timeout"],"MaxAttempts":1}],
			"End":true`)),
		func(w *asltest.World) {
			began := time.Now()
			if ended := w.Run(`1`); ended.Error != states.ErrorTimeout || time.Since(began) != 21*time.Second {
				t.Errorf("ended %s after %v", ended.Error, time.Since(began))
			}
		})
	definition := asltest.Machine("T", asltest.Task("T", "slow", `,
		"Catch":[{"ErrorEquals":["States.ALL"],"Next":"T"}],
		"End":true`))
	definition = strings.Replace(definition, `{`, `{"TimeoutSeconds":30,`, 1)
	asltest.InWorld(t, definition, func(w *asltest.World) {
		began := time.Now()
		ended := w.Run(`1`)
		if ended.Status != states.StatusTimedOut || time.Since(began) != 30*time.Second {
			t.Errorf("ended %s after %v", ended.Status, time.Since(began))
		}
		want := "ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskStateAborted ExecutionTimedOut"
		if got := strings.Join(w.Types(ended.ExecutionArn), " "); got != want {
			t.Errorf("history %s", got)
		}
	})
}

// TestEventLimit loops until the history is full.
func TestEventLimit(t *testing.T) {
	asltest.InWorld(t, asltest.Machine("A", `"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"}`),
		func(w *asltest.World) {
			w.Journal.Forget = true
			ended := w.Run(`1`)
			events := w.History(ended.ExecutionArn)
			if ended.Status != states.StatusFailed || len(events) != states.MaxEvents ||
				events[len(events)-1].Type != "ExecutionFailed" {
				t.Errorf("ended %s %s after %d events", ended.Status, ended.Cause, len(events))
			}
		})
}
