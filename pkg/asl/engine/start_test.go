package engine_test

import (
	"context"
	"errors"
	"strings"
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
