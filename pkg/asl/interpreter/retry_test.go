package interpreter_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/states"
)

// attempts runs a Task that always fails and returns the seconds between its
// attempts.
func attempts(t *testing.T, retry string) []float64 {
	var at []time.Time
	asltest.InWorld(t, asltest.Machine("T", asltest.Task("T", "boom", `,"Retry":[`+retry+`],"End":true`)),
		func(w *asltest.World) {
			boom := w.Invoker.ByName["boom"]
			w.Invoker.ByName["boom"] = func(ctx context.Context, payload string) (string, error) {
				at = append(at, time.Now())
				return boom(ctx, payload)
			}
			if ended := w.Run(`1`); ended.Error != "Boom" {
				t.Errorf("ended with %s %s", ended.Error, ended.Cause)
			}
		})
	var gaps []float64
	for i := 1; i < len(at); i++ {
		gaps = append(gaps, at[i].Sub(at[i-1]).Seconds())
	}
	return gaps
}

func TestRetryBackoff(t *testing.T) {
	for _, c := range []struct{ retry, want string }{
		{`{"ErrorEquals":["Boom"]}`, "[1 2 4]"},
		{`{"ErrorEquals":["Boom"],"IntervalSeconds":3,"BackoffRate":1.5,"MaxAttempts":4}`, "[3 4.5 6.75 10.125]"},
		{`{"ErrorEquals":["States.ALL"],"IntervalSeconds":2,"MaxDelaySeconds":5,"MaxAttempts":4}`, "[2 4 5 5]"},
		{`{"ErrorEquals":["Boom"],"MaxAttempts":0}`, "[]"},
		{`{"ErrorEquals":["Other"]},{"ErrorEquals":["States.TaskFailed"],"MaxAttempts":1}`, "[1]"},
		{`{"ErrorEquals":["Boom"],"MaxAttempts":1},{"ErrorEquals":["States.ALL"],"MaxAttempts":9}`, "[1]"},
	} {
		if got := fmt.Sprint(attempts(t, c.retry)); got != c.want {
			t.Errorf("%s: waited %s s, want %s", c.retry, got, c.want)
		}
	}
}

func TestRetryFullJitter(t *testing.T) {
	waits := attempts(t, `{
		"ErrorEquals":["Boom"],
		"IntervalSeconds":10,
		"BackoffRate":1,
		"MaxAttempts":200,
		"JitterStrategy":"FULL"
	}`)
	sum := 0.0
	for _, wait := range waits {
		if wait < 0 || wait > 10 {
			t.Fatalf("waited %v s, which is not within 0 to 10", wait)
		}
		sum += wait
	}
	if mean := sum / float64(len(waits)); mean < 4 || mean > 6 {
		t.Errorf("mean wait %v s, want about 5", mean)
	}
}

// TestRetryCountsPerRetrier has two retriers that match in turn.
func TestRetryCountsPerRetrier(t *testing.T) {
	asltest.InWorld(t,
		asltest.Machine("T", asltest.Task("T", "alternate", `,
				"Retry":[{"ErrorEquals":["A"],"MaxAttempts":2},{"ErrorEquals":["B"],"MaxAttempts":2}],
				"Next":"S"
			},
			"S":{"Type":"Succeed"`)),
		func(w *asltest.World) {
			n := 0
			w.Invoker.ByName["alternate"] = func(context.Context, string) (string, error) {
				n++
				if n <= 4 {
					return "", &states.FunctionError{Type: []string{"A", "B"}[n%2]}
				}
				return `"done"`, nil
			}
			if ended := w.Run(`1`); string(ended.Output) != `"done"` {
				t.Errorf("ended with %s %s", ended.Error, ended.Output)
			}
		})
}

func TestRetryMapAndParallel(t *testing.T) {
	for name, definition := range map[string]string{
		"parallel": asltest.Machine("P", `"P":{
			"Type":"Parallel",
			"Branches":[
				{"StartAt":"A","States":{`+asltest.Task("A", "flaky", `,"End":true`)+`}},
				{"StartAt":"B","States":{`+asltest.Task("B", "echo", `,"End":true`)+`}}
			],
			"Retry":[{"ErrorEquals":["Flaky"]}],
			"End":true
		}`),
		"inline map": asltest.Machine("P", `"P":{
			"Type":"Map",
			"Items":[1,2],
			"ItemProcessor":{"StartAt":"A","States":{`+asltest.Task("A", "flaky", `,"End":true`)+`}},
			"Retry":[{"ErrorEquals":["Flaky"]}],
			"End":true
		}`),
		"distributed map": asltest.Machine("P", `"P":{
			"Type":"Map",
			"Items":[1,2],
			"ItemProcessor":{
				"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
				"StartAt":"A",
				"States":{`+asltest.Task("A", "flaky", `,"End":true`)+`}
			},
			"Retry":[{"ErrorEquals":["States.ExceedToleratedFailureThreshold"]}],
			"End":true
		}`),
	} {
		t.Run(name, func(t *testing.T) {
			asltest.InWorld(t, definition, func(w *asltest.World) {
				w.Invoker.ByName["flaky"] = asltest.Failing(2, "Flaky")
				if ended := w.Run(`7`); ended.Status != states.StatusSucceeded {
					t.Errorf("ended %s %s %s", ended.Status, ended.Error, ended.Cause)
				}
				if left := w.Leftovers(); len(left) > 0 {
					t.Errorf("left %q", left)
				}
			})
		})
	}
}
