package workflows_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
	"reprise/workflows"
)

// steps answers the functions of the machine by the names of their placeholders.
type answers map[string]func(payload map[string]any) string

// ran is an execution of the machine that has ended.
type ran struct {
	states.Execution
	history []states.Event
	runs    []states.MapRun
}

// entered counts the states that were entered.
func (r ran) entered(name string) (n int) {
	for _, e := range r.history {
		if e.StateEntered != nil && e.StateEntered.Name == name {
			n++
		}
	}
	return n
}

// run executes the machine with an input to its end, on a clock that passes at once.
func run(t *testing.T, input string, by answers) (r ran) {
	t.Helper()
	return runAll(t, input, by, nil)
}

// runAll is run that visits the children of map runs, too, if each is not nil. Only one
// answer is given at a time, so answers may count and remember.
func runAll(t *testing.T, input string, by answers, each func(child ran)) (r ran) {
	t.Helper()
	return runMachine(t, string(substituted(t)), input, by, each)
}

// runMachine is runAll of any machine.
func runMachine(t *testing.T, definition, input string, by answers, each func(child ran)) (r ran) {
	t.Helper()
	var answering sync.Mutex
	asltest.InWorld(t, definition, func(w *asltest.World) {
		for placeholder, answer := range by {
			w.Invoker.ByName[substitutions()[placeholder]] = func(_ context.Context, payload string) (string, error) {
				var decoded map[string]any
				if err := json.Unmarshal([]byte(payload), &decoded); err != nil {
					return "", err
				}
				answering.Lock()
				result := answer(decoded)
				answering.Unlock()
				if name, failed := strings.CutPrefix(result, "!"); failed {
					return "", &states.FunctionError{Type: name, Message: "why"}
				}
				return result, nil
			}
		}
		arn := w.Start("r", input)
		r = ran{Execution: w.Wait(arn), history: w.History(arn)}
		var err error
		if r.runs, err = w.Engine.ListMapRuns(t.Context(), arn); err != nil {
			t.Fatal(err)
		}
		for _, run := range r.runs {
			page, err := w.Engine.List(t.Context(), engine.ListFilter{MapRunArn: run.MapRunArn, Limit: 1000})
			if err != nil {
				t.Fatal(err)
			}
			for _, child := range page.Executions {
				if each != nil {
					each(ran{Execution: child, history: w.History(child.ExecutionArn)})
				}
			}
		}
	})
	return r
}

// smooth answers as the steps of a replay in which nothing has to wait.
func smooth() answers {
	always := func(result string) func(map[string]any) string {
		return func(map[string]any) string { return result }
	}
	return answers{
		"PlanReplayArn": always(`{"replay":"r","proved":false,"groups":2,"inputs":[{"group":0,"lanes":"","from":"","to":""},
			{"group":1,"lanes":"","from":"","to":""}],"parallelism":2,"toleratedFailures":2,"rebuild":true,
			"promote":true,"stopped":false,"paused":false,"dryRun":false}`),
		"ReadSegmentArn":       always(`{"status":"done"}`),
		"CheckDrainedArn":      always(`{"status":"drained"}`),
		"ProveCompletenessArn": always(`{"complete":true,"expected":3,"applied":3,"differences":0}`),
		"FollowStreamArn":      always(`{}`),
		"PromoteGenerationArn": always(`{"status":"promoted"}`),
		"ReportReplayArn":      always(`{}`),
	}
}

// A drain may wait for half a day, and the promotion for hours, without coming near the
// service's limit of history events; and a short wait ends soon.
func TestWaitsGrow(t *testing.T) {
	const limit = 25_000
	for _, c := range []struct {
		lasts, late time.Duration
		events      int
	}{
		{4 * time.Second, 4 * time.Second, 100},
		{time.Minute, 40 * time.Second, 150},
		{12 * time.Hour, 3 * time.Minute, limit / 5},
	} {
		t.Run(c.lasts.String(), func(t *testing.T) {
			var began, drained, promoted time.Time
			wait := func(since *time.Time, waiting, done string) func(map[string]any) string {
				return func(map[string]any) string {
					if since.IsZero() {
						*since = time.Now()
					}
					if time.Since(*since) < c.lasts {
						time.Sleep(5 * time.Second)
						return fmt.Sprintf(`{"status":%q}`, waiting)
					}
					return fmt.Sprintf(`{"status":%q}`, done)
				}
			}
			by := smooth()
			by["CheckDrainedArn"] = wait(&began, "waiting", "drained")
			by["ProveCompletenessArn"] = func(map[string]any) string {
				drained = time.Now()
				return `{"complete":true,"expected":3,"applied":3,"differences":0}`
			}
			var follows time.Time
			by["PromoteGenerationArn"] = wait(&follows, "catching-up", "promoted")
			by["ReportReplayArn"] = func(map[string]any) string { promoted = time.Now(); return `{}` }
			r := run(t, `{}`, by)
			if r.Status != states.StatusSucceeded || len(r.history) > 2*c.events {
				t.Errorf("%s %s %s with %d events", r.Status, r.Error, r.Cause, len(r.history))
			}
			for what, late := range map[string]time.Duration{
				"drain":     drained.Sub(began) - c.lasts,
				"promotion": promoted.Sub(follows) - c.lasts,
			} {
				if late < 0 || late > c.late {
					t.Errorf("the %s of %s ends %s late", what, c.lasts, late)
				}
			}
		})
	}
}

// Nothing waits if there is nothing to wait for.
func TestASmoothReplayEntersNoWait(t *testing.T) {
	r := run(t, `{}`, smooth())
	if r.Status != states.StatusSucceeded {
		t.Fatalf("%s %s %s", r.Status, r.Error, r.Cause)
	}
	for _, name := range []string{"PauseBeforeDrain", "PauseBeforePromotion", "AwaitResume"} {
		if n := r.entered(name); n != 0 {
			t.Errorf("%s was entered %d times", name, n)
		}
	}
}

// An execution may last longer than the longest pause.
func TestTheExecutionOutlivesAPause(t *testing.T) {
	var machine struct{ TimeoutSeconds float64 }
	if err := json.Unmarshal([]byte(workflows.Replay()), &machine); err != nil {
		t.Fatal(err)
	}
	pause := decoded(t).States["AwaitResume"].TimeoutSeconds.(float64)
	if machine.TimeoutSeconds <= pause {
		t.Errorf("an execution ends after %v s, a pause after %v s", machine.TimeoutSeconds, pause)
	}
}
