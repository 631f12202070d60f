package engine_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
)

var slowMachine = asltest.Machine("T", asltest.Task("T", "slow", `,"End":true`))

func TestStartIsIdempotent(t *testing.T) {
	asltest.InWorld(t, slowMachine, func(w *asltest.World) {
		first, err := w.Engine.Start(t.Context(), "m", "one", []byte(`{"a": 1}`))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		again, err := w.Engine.Start(t.Context(), "m", "one", []byte(`{"a":1}`))
		if err != nil || again != first {
			t.Errorf("started again: %v, %v", again, err)
		}
		_, err = w.Engine.Start(t.Context(), "m", "one", []byte(`{"a":2}`))
		if !errors.Is(err, states.ErrExecutionAlreadyExists) {
			t.Errorf("other input: %v", err)
		}
		w.Wait(first.ExecutionArn)
		_, err = w.Engine.Start(t.Context(), "m", "one", []byte(`{"a":1}`))
		if !errors.Is(err, states.ErrExecutionAlreadyExists) {
			t.Errorf("after the end: %v", err)
		}
		if calls := w.Invoker.Called(); len(calls) != 1 {
			t.Errorf("invoked %d times", len(calls))
		}
	})
}

func TestStartRefuses(t *testing.T) {
	asltest.InWorld(t, slowMachine, func(w *asltest.World) {
		for _, c := range []struct {
			machine, name, input string
			want                 error
		}{
			{"other", "a", `{}`, states.ErrStateMachineDoesNotExist},
			{"m", "a b", `{}`, states.ErrInvalidName},
			{"m", strings.Repeat("x", 81), `{}`, states.ErrInvalidName},
			{"m", "a", `{`, states.ErrInvalidInput},
			{"m", "a", `"` + strings.Repeat("x", states.MaxPayloadBytes) + `"`, states.ErrInvalidInput},
		} {
			if _, err := w.Engine.Start(t.Context(), c.machine, c.name, []byte(c.input)); !errors.Is(err, c.want) {
				t.Errorf("%s %.9s: %v, want %v", c.machine, c.name, err, c.want)
			}
		}
		largest := []byte(`"` + strings.Repeat("x", states.MaxPayloadBytes-2) + `"`)
		if _, err := w.Engine.Start(t.Context(), "m", "a", largest); err != nil {
			t.Errorf("input of exactly the limit: %v", err)
		}
		for _, arn := range []string{"nonsense", "arn:aws:states:us-east-1:000000000000:execution:m:none"} {
			if _, err := w.Engine.Describe(t.Context(), arn); !errors.Is(err, states.ErrInvalidArn) &&
				!errors.Is(err, states.ErrExecutionDoesNotExist) {
				t.Errorf("describe %s: %v", arn, err)
			}
		}
	})
}

// TestStopDropsTheLateResult stops an execution whose function runs on.
func TestStopDropsTheLateResult(t *testing.T) {
	asltest.InWorld(t, slowMachine, func(w *asltest.World) {
		arn := w.Start("one", `1`)
		time.Sleep(10 * time.Second)
		at, err := w.Engine.Stop(t.Context(), arn, "Why", "because")
		if err != nil || time.Since(at) != 0 {
			t.Fatalf("Stop = %v, %v", at, err)
		}
		time.Sleep(2 * time.Minute)
		ended := w.Wait(arn)
		if ended.Status != states.StatusAborted || ended.Error != "Why" || ended.Cause != "because" ||
			!ended.StopDate.Equal(at) {
			t.Errorf("ended %+v", ended)
		}
		want := "ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskStateAborted ExecutionAborted"
		if got := strings.Join(w.Types(arn), " "); got != want {
			t.Errorf("history %s", got)
		}
		if again, err := w.Engine.Stop(t.Context(), arn, "", ""); err != nil || !again.Equal(at) {
			t.Errorf("stopped again: %v, %v", again, err)
		}
	})
}

func TestListAndHistoryPages(t *testing.T) {
	asltest.InWorld(t,
		asltest.Machine("C", `
			"C":{
				"Type":"Choice",
				"Choices":[{"Condition":"{% $states.input = 1 %}","Next":"S"}],
				"Default":"F"
			},
			"S":{"Type":"Succeed"},
			"F":{"Type":"Fail"}`),
		func(w *asltest.World) {
			for i := range 5 {
				time.Sleep(time.Second)
				w.Wait(w.Start(fmt.Sprint("e", i), fmt.Sprint(i%2)))
			}
			var names []string
			for after := ""; ; {
				page, err := w.Engine.List(t.Context(), engine.ListFilter{
					Machine: "m",
					Status:  states.StatusFailed,
					Limit:   2,
					After:   after,
				})
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range page.Executions {
					names = append(names, e.Name)
				}
				if after = page.Next; after == "" {
					break
				}
			}
			if fmt.Sprint(names) != "[e4 e2 e0]" {
				t.Errorf("failed: %v, want the newest first", names)
			}
			unknown := engine.ListFilter{Machine: "x"}
			if _, err := w.Engine.List(t.Context(), unknown); !errors.Is(err, states.ErrStateMachineDoesNotExist) {
				t.Errorf("unknown machine: %v", err)
			}
			const arn = "arn:aws:states:us-east-1:000000000000:execution:m:e1"
			page, err := w.Engine.History(t.Context(), arn, 0, 2, true)
			if err != nil || len(page.Events) != 2 || page.Events[0].Type != "ExecutionSucceeded" ||
				page.Next != page.Events[1].ID-1 {
				t.Errorf("history from its end: %+v, %v", page, err)
			}
			rest, err := w.Engine.History(t.Context(), arn, page.Next, 0, true)
			if err != nil || len(rest.Events) != int(page.Next) || rest.Events[0].ID != page.Next || rest.Next != 0 {
				t.Errorf("the rest of it: %+v, %v", rest, err)
			}
		})
}

func TestOnEndIsCalledAgain(t *testing.T) {
	m := asltest.Parse(t, asltest.Machine("P", `"P":{"Type":"Pass","End":true}`))
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []string
		refuse := 2
		w := &asltest.World{T: t, Journal: &asltest.Memory{}, Invoker: asltest.StandardFunctions()}
		w.Config = func(c *engine.Config) {
			c.OnEnd = func(_ context.Context, ended states.Execution) error {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, ended.Name+" "+string(ended.Status))
				if refuse > 0 {
					refuse--
					return errors.New("not now")
				}
				return nil
			}
		}
		w.Open(map[string]*asl.Machine{"m": m})
		w.Wait(w.Start("one", `1`))
		synctest.Wait()
		if n, err := w.Engine.Prune(t.Context(), time.Now().Add(time.Hour)); n != 0 || err != nil {
			t.Errorf("pruned %d executions whose end was not taken: %v", n, err)
		}
		w.Close() // the notice is still in the journal
		w.Open(map[string]*asl.Machine{"m": m})
		defer w.Close()
		time.Sleep(time.Minute)
		mu.Lock()
		got := fmt.Sprint(told)
		mu.Unlock()
		if got != "[one SUCCEEDED one SUCCEEDED one SUCCEEDED]" {
			t.Errorf("told %s", got)
		}
	})
}

// TestDefinitionStays changes the machine while an execution waits and the
// engine is away.
func TestDefinitionStays(t *testing.T) {
	wait := func(output string) *asl.Machine {
		return asltest.Parse(t, asltest.Machine("W", `"W":{"Type":"Wait","Seconds":100,"Output":"`+output+`","End":true}`))
	}
	synctest.Test(t, func(t *testing.T) {
		w := &asltest.World{T: t, Journal: &asltest.Memory{}, Invoker: asltest.StandardFunctions()}
		w.Open(map[string]*asl.Machine{"m": wait("old")})
		arn := w.Start("one", `1`)
		synctest.Wait()
		w.Close()
		w.Open(map[string]*asl.Machine{"m": wait("new")})
		defer w.Close()
		if ended := w.Wait(arn); string(ended.Output) != `"old"` {
			t.Errorf("ended with %s", ended.Output)
		}
		if ended := w.Wait(w.Start("two", `1`)); string(ended.Output) != `"new"` {
			t.Errorf("a new one ended with %s", ended.Output)
		}
	})
}

// TestStartBeforeRun journals the start; Run takes it up. Afterwards the
// engine says that it has stopped.
func TestStartBeforeRun(t *testing.T) {
	m := asltest.Parse(t, asltest.Machine("P", `"P":{"Type":"Pass","End":true}`))
	synctest.Test(t, func(t *testing.T) {
		engine, err := engine.New(engine.Config{
			Machines: map[string]*asl.Machine{"m": m},
			Invoker:  asltest.StandardFunctions(),
			Journal:  &asltest.Memory{},
		})
		if err != nil {
			t.Fatal(err)
		}
		started, err := engine.Start(t.Context(), "m", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- engine.Run(ctx) }()
		if ended, err := engine.Wait(t.Context(), started.ExecutionArn); err != nil || string(ended.Output) != `{}` {
			t.Errorf("ended with %s, %v", ended.Output, err)
		}
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		if _, err := engine.Start(t.Context(), "m", "late", nil); !errors.Is(err, states.ErrStopped) {
			t.Errorf("start after the end: %v", err)
		}
		if err := engine.Run(t.Context()); err == nil {
			t.Error("an engine ran twice")
		}
	})
}

// TestWaitEndsWithTheEngine must not hang, and a failing journal stops the
// engine with its error.
func TestWaitEndsWithTheEngine(t *testing.T) {
	m := asltest.Parse(t, slowMachine)
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("disk is full")
		w := &asltest.World{T: t, Journal: &asltest.Memory{}, Invoker: asltest.StandardFunctions()}
		w.Open(map[string]*asl.Machine{"m": m})
		arn := w.Start("one", `1`)
		waited := make(chan error)
		go func() { _, err := w.Engine.Wait(t.Context(), arn); waited <- err }()
		synctest.Wait()
		w.Journal.Break(broken)
		if err := <-waited; !errors.Is(err, states.ErrStopped) {
			t.Errorf("Wait: %v", err)
		}
		if err := <-w.Ran; !errors.Is(err, broken) {
			t.Errorf("Run: %v, want the journal's error", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.Engine.Wait(ctx, arn); err == nil {
			t.Error("Wait on a stopped engine gave no error")
		}
	})
}

func TestPruneAndKeepEnded(t *testing.T) {
	m := asltest.Parse(t, asltest.Machine("M", `"M":{
		"Type":"Map",
		"Items":[1,2],
		"ItemProcessor":{
			"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
			"StartAt":"P",
			"States":{"P":{"Type":"Pass","End":true}}
		},
		"End":true
	}`))
	synctest.Test(t, func(t *testing.T) {
		w := &asltest.World{T: t, Journal: &asltest.Memory{}, Invoker: asltest.StandardFunctions()}
		w.Config = func(c *engine.Config) { c.KeepEnded = 3 }
		w.Open(map[string]*asl.Machine{"m": m})
		defer w.Close()
		for i := range 5 {
			w.Wait(w.Start(fmt.Sprint("e", i), `1`))
			time.Sleep(time.Second)
		}
		page, err := w.Engine.List(t.Context(), engine.ListFilter{Machine: "m"})
		if err != nil || len(page.Executions) != 3 || page.Executions[2].Name != "e2" {
			t.Errorf("kept %v, %v", page.Executions, err)
		}
		if n, err := w.Engine.Prune(t.Context(), time.Now().Add(-1500*time.Millisecond)); n != 2 || err != nil {
			t.Errorf("pruned %d, %v", n, err)
		}
		if n, err := w.Engine.Prune(t.Context(), time.Now()); n != 1 || err != nil {
			t.Errorf("pruned %d, %v", n, err)
		}
		for _, key := range w.Journal.Keys() {
			if !strings.HasPrefix(key, "definition\x00") {
				t.Errorf("pruning left %q", key)
			}
		}
		w.Wait(w.Start("e0", `1`))
	})
}

func TestNewRefuses(t *testing.T) {
	m := asltest.Parse(t, asltest.Machine("S", `"S":{"Type":"Succeed"}`))
	if _, err := engine.New(engine.Config{Invoker: asltest.StandardFunctions()}); err == nil {
		t.Error("an engine without a journal was made")
	}
	_, err := engine.New(engine.Config{
		Machines: map[string]*asl.Machine{"a b": m},
		Invoker:  asltest.StandardFunctions(),
		Journal:  &asltest.Memory{},
	})
	if !errors.Is(err, states.ErrInvalidName) {
		t.Errorf("a machine with a space in its name: %v", err)
	}
}

// TestWhileNothingRuns: what nobody drives can be neither stopped nor answered.
func TestWhileNothingRuns(t *testing.T) {
	m := asltest.Parse(t, slowMachine)
	e, err := engine.New(engine.Config{
		Machines: map[string]*asl.Machine{"m": m},
		Invoker:  asltest.StandardFunctions(),
		Journal:  &asltest.Memory{},
	})
	if err != nil {
		t.Fatal(err)
	}
	started, err := e.Start(t.Context(), "m", "one", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Stop(t.Context(), started.ExecutionArn, "", ""); !errors.Is(err, states.ErrStopped) {
		t.Errorf("stop: %v", err)
	}
	token := base64.RawURLEncoding.EncodeToString([]byte("m:one\x00\x00secret"))
	if err := e.SendTaskHeartbeat(token); !errors.Is(err, states.ErrStopped) {
		t.Errorf("heartbeat: %v", err)
	}
}

func TestLongErrorsAreRefused(t *testing.T) {
	asltest.InWorld(t, slowMachine, func(w *asltest.World) {
		arn := w.Start("one", `1`)
		if _, err := w.Engine.Stop(t.Context(), arn, strings.Repeat("e", 257), ""); !errors.Is(err, states.ErrValidation) {
			t.Errorf("stop with a long error: %v", err)
		}
		if err := w.Engine.SendTaskFailure("any", "", strings.Repeat("c", 32_769)); !errors.Is(err, states.ErrValidation) {
			t.Errorf("failure with a long cause: %v", err)
		}
		for _, arn := range []string{"nonsense", "arn:aws:states:us-east-1:000000000000:execution:m:one"} {
			_, described := w.Engine.DescribeMapRun(t.Context(), arn)
			_, listed := w.Engine.List(t.Context(), engine.ListFilter{MapRunArn: arn})
			for _, err := range []error{described, listed, w.Engine.UpdateMapRun(t.Context(), arn, engine.RunUpdate{})} {
				if !errors.Is(err, states.ErrInvalidArn) {
					t.Errorf("%s as a map run: %v", arn, err)
				}
			}
		}
	})
}
