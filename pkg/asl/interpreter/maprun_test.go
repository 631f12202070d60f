package interpreter_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
)

// TestUpdateOfTolerances lets a running map run tolerate failures that it did
// not tolerate at its start.
func TestUpdateOfTolerances(t *testing.T) {
	two, most, tooMuch, minus := int64(2), 50.0, 101.0, int64(-1)
	for _, update := range []engine.RunUpdate{{ToleratedFailureCount: &two}, {ToleratedFailurePercentage: &most}} {
		asltest.InWorld(t, asltest.Distributed("late", ""), func(w *asltest.World) {
			w.Invoker.ByName["late"] = func(_ context.Context, payload string) (string, error) {
				time.Sleep(time.Minute)
				if payload == "1" {
					return "", &states.FunctionError{Type: "Late"}
				}
				return payload, nil
			}
			arn := w.Start("one", `[1,2,3]`)
			time.Sleep(time.Second)
			run := onlyRun(w, arn).MapRunArn
			for _, wrong := range []engine.RunUpdate{{ToleratedFailureCount: &minus}, {ToleratedFailurePercentage: &tooMuch}} {
				if err := w.Engine.UpdateMapRun(t.Context(), run, wrong); !errors.Is(err, states.ErrValidation) {
					t.Errorf("update with %+v: %v", wrong, err)
				}
			}
			if err := w.Engine.UpdateMapRun(t.Context(), run, update); err != nil {
				t.Fatal(err)
			}
			if ended := w.Wait(arn); string(ended.Output) != `[2,3]` {
				t.Errorf("ended %s with %s %s", ended.Status, ended.Output, ended.Error)
			}
		})
	}
}

// TestStopReachesChildren stops the parent of running children.
func TestStopReachesChildren(t *testing.T) {
	asltest.InWorld(t, asltest.Distributed("slow", ""), func(w *asltest.World) {
		arn := w.Start("one", `[1,2]`)
		time.Sleep(time.Second)
		if _, err := w.Engine.Stop(t.Context(), arn, "", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		run := onlyRun(w, arn)
		if run.Status != states.StatusAborted || run.ExecutionCounts.Aborted != 2 {
			t.Errorf("map run %+v", run)
		}
		page, _ := w.Engine.List(t.Context(), engine.ListFilter{MapRunArn: run.MapRunArn, Status: states.StatusAborted})
		if len(page.Executions) != 2 {
			t.Errorf("aborted children: %v", page.Executions)
		}
		want := []string{
			"ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunAborted",
			"MapStateAborted", "ExecutionAborted",
		}
		if got := w.Types(arn); !slices.Equal(got, want) {
			t.Errorf("history %v", got)
		}
	})
}

// TestOutputsOverTheLimit collects more than a state's output may hold.
func TestOutputsOverTheLimit(t *testing.T) {
	asltest.InWorld(t, asltest.Distributed("half", ""), func(w *asltest.World) {
		w.Invoker.ByName["half"] = func(context.Context, string) (string, error) {
			return fmt.Sprintf("%q", strings.Repeat("x", 150_000)), nil
		}
		if ended := w.Run(`[1,2]`); ended.Error != states.ErrorDataLimit {
			t.Errorf("ended %s %s", ended.Error, ended.Cause)
		}
	})
}

// TestNestedDistributed runs a distributed Map inside a child.
func TestNestedDistributed(t *testing.T) {
	definition := asltest.Machine("M", `"M":{
		"Type":"Map",
		"Label":"outer",
		"Items":[[1,2],[3]],
		"ItemProcessor":{
			"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
			"StartAt":"N",
			"States":{
				"N":{
					"Type":"Map",
					"Label":"inner",
					"Items":"{% $states.input %}",
					"ItemProcessor":{
						"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
						"StartAt":"A",
						"States":{`+asltest.Task("A", "slow", `,"End":true`)+`}
					},
					"End":true
				}
			}
		},
		"End":true
	}`)
	asltest.InWorld(t, definition, func(w *asltest.World) {
		if ended := w.Run(`1`); string(ended.Output) != `[[1,2],[3]]` {
			t.Errorf("ended %s %s", ended.Output, ended.Cause)
		}
		arn := w.Start("stopped", `1`)
		time.Sleep(time.Second)
		if _, err := w.Engine.Stop(t.Context(), arn, "", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if left := w.Leftovers(); len(left) > 0 {
			t.Errorf("left %q", left)
		}
	})
}
