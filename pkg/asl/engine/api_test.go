package engine_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
)

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
