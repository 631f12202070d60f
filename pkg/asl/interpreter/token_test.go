package interpreter_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

// TestTokens sends successes, failures and heartbeats to tasks that wait for a
// token, and lets some time out.
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

// TestTokensInside answers tasks that wait inside branches and iterations.
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

// asked calls back when the answer to a token is looked up, which is the last that an
// execution does after a restart before it waits for the token again.
type asked struct {
	*asltest.Memory
	back func()
}

func (j asked) Get(key string) ([]byte, bool, error) {
	if strings.HasPrefix(key, strings.TrimSuffix(journal.Answers(""), "\x00")) {
		j.back()
	}
	return j.Memory.Get(key)
}

// TestTokensOfARestart answers tasks in two branches while their execution is resumed. An
// answer that comes before the engine waits for it is to be sent again, and none is lost.
func TestTokensOfARestart(t *testing.T) {
	branch := func(name string) string {
		return `{"StartAt":"` + name + `","States":{"` + name + `":{
			"Type":"Task",
			"Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
			"Arguments":{"FunctionName":"take","Payload":"{% $states.context.Task.Token %}"},
			"End":true
		}}}`
	}
	m := asltest.Parse(t, asltest.Machine("P",
		`"P":{"Type":"Parallel","Branches":[`+branch("A")+`,`+branch("B")+`],"End":true}`))
	synctest.Test(t, func(t *testing.T) {
		w := &asltest.World{T: t, Journal: &asltest.Memory{}, Invoker: asltest.StandardFunctions()}
		var mu sync.Mutex
		var tokens []string
		w.Invoker.ByName["take"] = func(_ context.Context, payload string) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			tokens = append(tokens, strings.Trim(payload, `"`))
			return "null", nil
		}
		w.Open(map[string]*asl.Machine{"m": m})
		arn := w.Start("one", `{}`)
		synctest.Wait()
		w.Close()

		early := 0
		answered := make(map[string]bool)
		answer := func() {
			mu.Lock()
			defer mu.Unlock()
			for _, token := range tokens {
				if answered[token] {
					continue
				}
				switch err := w.Engine.SendTaskSuccess(token, []byte(`1`)); {
				case err == nil:
					answered[token] = true
				case errors.Is(err, states.ErrStopped):
					early++
				default:
					t.Errorf("answered while it is resumed: %v", err)
				}
			}
		}
		w.Config = func(c *engine.Config) { c.Journal = asked{w.Journal, answer} }
		w.Open(map[string]*asl.Machine{"m": m})
		defer w.Close()
		answer()
		if ended := w.Wait(arn); string(ended.Output) != `[1,1]` {
			t.Errorf("ended %s with %s %s", ended.Status, ended.Output, ended.Cause)
		}
		if early == 0 {
			t.Error("no answer came too early")
		}
	})
}
