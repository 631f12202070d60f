package interpreter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/states"
)

// attempts runs a Task that always fails and gives the seconds between its
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

// TestTokens answers, fails, beats and misses tasks that wait for a token.
func TestTokens(t *testing.T) {
	definition := asltest.Machine("T", `"T":{
		"Type":"Task",
		"Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
		"TimeoutSeconds":100,
		"HeartbeatSeconds":30,
		"Arguments":{"FunctionName":"take","Payload":"{% $states.context.Task.Token %}"},
		"Retry":[{"ErrorEquals":["States.HeartbeatTimeout"],"MaxAttempts":1}],
		"End":true
	}`)
	with := func(name string, do func(t *testing.T, w *asltest.World, arn string, token func() string)) {
		t.Run(name, func(t *testing.T) {
			asltest.InWorld(t, definition, func(w *asltest.World) {
				tokens := make(chan string, 9)
				w.Invoker.ByName["take"] = func(_ context.Context, payload string) (string, error) {
					tokens <- strings.Trim(payload, `"`)
					return "null", nil
				}
				arn := w.Start("one", `{}`)
				do(t, w, arn, func() string { token := <-tokens; synctest.Wait(); return token })
				w.History(arn)
			})
		})
	}
	with("success", func(t *testing.T, w *asltest.World, arn string, token func() string) {
		one := token()
		if err := w.Engine.SendTaskSuccess(one, []byte(`{`)); !errors.Is(err, states.ErrInvalidOutput) {
			t.Errorf("bad output: %v", err)
		}
		if err := w.Engine.SendTaskSuccess(one, []byte(`{"a":1}`)); err != nil {
			t.Error(err)
		}
		if ended := w.Wait(arn); string(ended.Output) != `{"a":1}` {
			t.Errorf("output %s", ended.Output)
		}
		want := "ExecutionStarted " +
			"TaskStateEntered TaskScheduled TaskStarted TaskSubmitted TaskSucceeded TaskStateExited " +
			"ExecutionSucceeded"
		if got := strings.Join(w.Types(arn), " "); got != want {
			t.Errorf("history %s", got)
		}
		if err := w.Engine.SendTaskSuccess(one, []byte(`{}`)); !errors.Is(err, states.ErrTaskTimedOut) {
			t.Errorf("answered twice: %v", err)
		}
	})
	with("failure", func(t *testing.T, w *asltest.World, arn string, token func() string) {
		if err := w.Engine.SendTaskFailure(token(), "Mine", "why"); err != nil {
			t.Error(err)
		}
		if ended := w.Wait(arn); ended.Error != "Mine" || ended.Cause != "why" {
			t.Errorf("ended %s %s", ended.Error, ended.Cause)
		}
	})
	with("heartbeats", func(t *testing.T, w *asltest.World, arn string, token func() string) {
		one := token()
		for range 3 {
			time.Sleep(25 * time.Second)
			if err := w.Engine.SendTaskHeartbeat(one); err != nil {
				t.Errorf("heartbeat: %v", err)
			}
			synctest.Wait()
		}
		time.Sleep(26 * time.Second) // beyond TimeoutSeconds
		synctest.Wait()
		if ended := w.Wait(arn); ended.Error != states.ErrorTimeout {
			t.Errorf("ended %s", ended.Error)
		}
	})
	with("missed heartbeat makes a new token", func(t *testing.T, w *asltest.World, arn string, token func() string) {
		one := token()
		two := token()
		if one == two {
			t.Error("the retry has the same token")
		}
		if err := w.Engine.SendTaskSuccess(one, []byte(`1`)); !errors.Is(err, states.ErrTaskTimedOut) {
			t.Errorf("old token: %v", err)
		}
		if err := w.Engine.SendTaskSuccess(two, []byte(`2`)); err != nil {
			t.Error(err)
		}
		if ended := w.Wait(arn); string(ended.Output) != `2` {
			t.Errorf("output %s", ended.Output)
		}
	})
	with("wrong tokens", func(t *testing.T, w *asltest.World, arn string, token func() string) {
		one := token()
		for _, c := range []struct {
			token string
			want  error
		}{
			{"!", states.ErrInvalidToken},
			{"aGk", states.ErrInvalidToken},
			{"bTpub25lAAB4", states.ErrTaskDoesNotExist},
			{"bTpvbmUAAHg", states.ErrTaskTimedOut},
			{"bTpvbmUALjEAeA", states.ErrTaskTimedOut},
		} {
			if err := w.Engine.SendTaskHeartbeat(c.token); !errors.Is(err, c.want) {
				t.Errorf("token %q: %v, want %v", c.token, err, c.want)
			}
		}
		if _, err := w.Engine.Stop(t.Context(), arn, "E", "C"); err != nil {
			t.Error(err)
		}
		if err := w.Engine.SendTaskSuccess(one, []byte(`2`)); !errors.Is(err, states.ErrTaskTimedOut) {
			t.Errorf("after Stop: %v", err)
		}
	})
}

// TestTokensInside answers tasks that wait inside branches of iterations.
func TestTokensInside(t *testing.T) {
	ask := func(name string) string {
		return `{
			"StartAt":"` + name + `",
			"States":{
				"` + name + `":{
					"Type":"Task",
					"Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
					"Arguments":{
						"FunctionName":"take",
						"Payload":["` + name + `","{% $states.input %}","{% $states.context.Task.Token %}"]
					},
					"End":true
				}
			}
		}`
	}
	definition := asltest.Machine("M", `"M":{
		"Type":"Map",
		"Items":[1,2],
		"ItemProcessor":{
			"StartAt":"P",
			"States":{"P":{"Type":"Parallel","Branches":[`+ask("A")+`,`+ask("B")+`],"End":true}}
		},
		"End":true
	}`)
	asltest.InWorld(t, definition, func(w *asltest.World) {
		w.Invoker.ByName["take"] = func(_ context.Context, payload string) (string, error) {
			var asked []any
			if err := json.Unmarshal([]byte(payload), &asked); err != nil {
				return "", err
			}
			go func() {
				token := asked[2].(string)
				answer, _ := json.Marshal(asked[:2])
				if err := w.Engine.SendTaskSuccess(token, answer); err != nil {
					t.Errorf("answer of %s: %v", answer, err)
				}
				if err := w.Engine.SendTaskHeartbeat(token); !errors.Is(err, states.ErrTaskTimedOut) {
					t.Errorf("heartbeat after the answer of %s: %v", answer, err)
				}
			}()
			time.Sleep(time.Second)
			return "null", nil
		}
		if ended := w.Run(`{}`); string(ended.Output) != `[[["A",1],["B",1]],[["A",2],["B",2]]]` {
			t.Errorf("ended %s with %s %s", ended.Status, ended.Output, ended.Cause)
		}
	})
}
