package engine_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/interpreter"
	"reprise/pkg/asl/states"
)

func stateOf(t *testing.T, fields string) *asl.State {
	t.Helper()
	s, err := asl.ParseState("T", []byte(`{"QueryLanguage":"JSONata",`+fields+`}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const slow = `"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"slow"},"End":true`

// TestATrialIsBounded: a Wait or a function that takes longer than a trial may.
func TestATrialIsBounded(t *testing.T) {
	asltest.InWorld(t, asltest.Machine("P", `"P":{"Type":"Pass","End":true}`), func(w *asltest.World) {
		for fields, want := range map[string]time.Duration{
			`"Type":"Wait","Seconds":20,"Next":"B"`:  20 * time.Second,
			`"Type":"Wait","Seconds":900,"Next":"B"`: engine.TryTime,
			slow:                                     engine.TryTime,
		} {
			began := time.Now()
			tried, err := w.Engine.Try(w.T.Context(), interpreter.Trial{State: stateOf(t, fields)})
			if took := time.Since(began); err != nil || took != want {
				t.Errorf("%s: %v, %v; want %v", fields, took, err, want)
			}
			expired := tried.Failure != nil && tried.Failure.Error == states.ErrorTimeout
			if expired != (want == engine.TryTime) {
				t.Errorf("%s: %+v", fields, tried)
			}
		}
	})
}

// TestATrialEndsWithItsCallerOrTheEngine, and leaves nothing in the journal.
func TestATrialEndsWithItsCallerOrTheEngine(t *testing.T) {
	asltest.InWorld(t, asltest.Machine("P", `"P":{"Type":"Pass","End":true}`), func(w *asltest.World) {
		trial := interpreter.Trial{State: stateOf(t, slow)}
		ctx, cancel := context.WithTimeout(w.T.Context(), time.Second)
		defer cancel()
		if _, err := w.Engine.Try(ctx, trial); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller that has left: %v", err)
		}
		failed := make(chan error, 1)
		go func() {
			_, err := w.Engine.Try(w.T.Context(), trial)
			failed <- err
		}()
		synctest.Wait()
		w.Close()
		if err := <-failed; !errors.Is(err, states.ErrStopped) {
			t.Errorf("an engine that stops: %v", err)
		}
		if _, err := w.Engine.Try(w.T.Context(), trial); !errors.Is(err, states.ErrStopped) {
			t.Errorf("an engine that has stopped: %v", err)
		}
		defer w.Open(nil) // for the world to close
		err := w.Journal.Scan("", "\xff", func(key string, _ []byte) (bool, error) {
			t.Errorf("the journal has %s", key)
			return true, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
