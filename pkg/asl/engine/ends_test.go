package engine_test

import (
	"context"
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

// TestStopDropsTheLateResult stops an execution whose function continues to
// run.
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

// TestWaitEndsWithTheEngine checks that Wait does not hang, and that a failing
// journal stops the engine with the journal's error.
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
