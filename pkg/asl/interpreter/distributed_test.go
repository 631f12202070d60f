package interpreter_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
)

func onlyRun(w *asltest.World, arn string) states.MapRun {
	w.T.Helper()
	runs, err := w.Engine.ListMapRuns(w.T.Context(), arn)
	if err != nil || len(runs) != 1 {
		w.T.Fatalf("map runs %v, %v", runs, err)
	}
	return runs[0]
}

func TestDistributedMap(t *testing.T) {
	for _, c := range []struct {
		name, fields, input, output, error string
		children                           int
	}{
		{name: "plain", input: `[3,1,2]`, output: `[3,1,2]`, children: 3},
		{name: "nothing", input: `[]`, output: `[]`},
		{
			name:     "selector",
			fields:   `"ItemSelector":{"i":"{% $states.context.Map.Item.Index %}"},`,
			input:    `["a","b"]`,
			output:   `[{"i":0},{"i":1}]`,
			children: 2,
		},
		{
			name:     "batches by count",
			fields:   `"ItemBatcher":{"MaxItemsPerBatch":2,"BatchInput":{"k":"{% $count($states.input) %}"}},`,
			input:    `[1,2,3]`,
			output:   `[{"Items":[1,2],"BatchInput":{"k":3}},{"Items":[3],"BatchInput":{"k":3}}]`,
			children: 2,
		},
		{
			name:     "batches by size",
			fields:   `"ItemBatcher":{"MaxInputBytesPerBatch":20},`,
			input:    `["aaa","bbb","c"]`,
			output:   `[{"Items":["aaa"]},{"Items":["bbb"]},{"Items":["c"]}]`,
			children: 3,
		},
		{
			name:   "item larger than a batch",
			fields: `"ItemBatcher":{"MaxInputBytesPerBatch":20},`,
			input:  `["aaaaaaaaaaaaaaa"]`,
			error:  states.ErrorDataLimit,
		},
		{
			name:   "bad batch size",
			fields: `"ItemBatcher":{"MaxItemsPerBatch":"{% 0 %}"},`,
			input:  `[1]`,
			error:  states.ErrorQueryEvaluation,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			asltest.InWorld(t, asltest.Distributed("echo", c.fields), func(w *asltest.World) {
				ended := w.Run(c.input)
				if string(ended.Output) != c.output || ended.Error != c.error {
					t.Errorf("ended %s with %s %s %s", ended.Status, ended.Output, ended.Error, ended.Cause)
				}
				if c.error != "" {
					return
				}
				run := onlyRun(w, ended.ExecutionArn)
				n := run.ExecutionCounts
				if run.Status != states.StatusSucceeded || n.Total != c.children || n.Succeeded != c.children ||
					n.Pending+n.Running != 0 {
					t.Errorf("map run %+v", run)
				}
				page, err := w.Engine.List(t.Context(), engine.ListFilter{MapRunArn: run.MapRunArn})
				if err != nil || len(page.Executions) != c.children {
					t.Errorf("children %v, %v", page, err)
				}
				items := 0
				for _, child := range page.Executions {
					items += child.ItemCount
					if child.MapRunArn != run.MapRunArn || child.Status != states.StatusSucceeded {
						t.Errorf("child %+v", child)
					}
					want := "ExecutionStarted " +
						"TaskStateEntered TaskScheduled TaskStarted TaskSucceeded TaskStateExited " +
						"ExecutionSucceeded"
					if got := strings.Join(w.Types(child.ExecutionArn), " "); got != want {
						t.Errorf("child history %s", got)
					}
				}
				if items != run.ItemCounts.Total {
					t.Errorf("children have %d items, the run %d", items, run.ItemCounts.Total)
				}
			})
		})
	}
}

// TestDistributedChildContext checks that a child does not see outer variables
// and that it has a context of its own.
func TestDistributedChildContext(t *testing.T) {
	definition := asltest.Machine("V", `
		"V":{"Type":"Pass","Assign":{"x":1},"Next":"M"},
		"M":{
			"Type":"Map",
			"Label":"L",
			"Items":[1],
			"ItemProcessor":{
				"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
				"StartAt":"A",
				"States":{
					"A":{
						"Type":"Pass",
						"Assign":{"x":2},
						"Output":[
							"{% $exists($x) %}",
							"{% $exists($states.context.Map) %}",
							"{% $states.context.Execution.Input %}"
						],
						"End":true
					}
				}
			},
			"End":true
		}`)
	asltest.InWorld(t, definition, func(w *asltest.World) {
		if ended := w.Run(`9`); string(ended.Output) != `[[false,false,1]]` {
			t.Errorf("ended with %s %s", ended.Output, ended.Cause)
		}
	})
}

// TestThreshold lets a share of the children fail.
func TestThreshold(t *testing.T) {
	for _, c := range []struct {
		fields string
		failed int // of 10
		ok     bool
	}{
		{"", 0, true}, {"", 1, false},
		{`"ToleratedFailureCount":2,`, 2, true}, {`"ToleratedFailureCount":2,`, 3, false},
		{`"ToleratedFailurePercentage":30,`, 3, true}, {`"ToleratedFailurePercentage":30,`, 4, false},
		{`"ToleratedFailurePercentage":"{% 50 %}","ToleratedFailureCount":2,`, 3, false},
		{`"ToleratedFailurePercentage":100,`, 10, true}, {`"ToleratedFailurePercentage":0,`, 1, false},
	} {
		asltest.InWorld(t, asltest.Distributed("some", c.fields+`"MaxConcurrency":1,`), func(w *asltest.World) {
			w.Invoker.ByName["some"] = asltest.Failing(c.failed, "Some")
			ended := w.Run(`[1,2,3,4,5,6,7,8,9,10]`)
			run := onlyRun(w, ended.ExecutionArn)
			if (ended.Status == states.StatusSucceeded) != c.ok || (!c.ok && ended.Error != states.ErrorThreshold) {
				t.Errorf("%s, %d failed: ended %s %s", c.fields, c.failed, ended.Status, ended.Error)
			}
			if c.ok && run.ItemCounts.Failed != c.failed || !c.ok && run.Status != states.StatusFailed {
				t.Errorf("%s: map run %+v", c.fields, run)
			}
		})
	}
}

// TestThresholdStopsRunningChildren also checks that the children's functions
// continue to run.
func TestThresholdStopsRunningChildren(t *testing.T) {
	asltest.InWorld(t, asltest.Distributed("mixed", ""), func(w *asltest.World) {
		var finished atomic.Int32
		w.Invoker.ByName["mixed"] = func(ctx context.Context, payload string) (string, error) {
			if payload == "2" {
				time.Sleep(time.Second)
				return "", &states.FunctionError{Type: "Bad"}
			}
			time.Sleep(time.Minute)
			finished.Add(1)
			return payload, nil
		}
		began := time.Now()
		ended := w.Run(`[1,2,3]`)
		if ended.Error != states.ErrorThreshold || time.Since(began) != time.Second {
			t.Errorf("ended %s after %v", ended.Error, time.Since(began))
		}
		run := onlyRun(w, ended.ExecutionArn)
		if n := run.ExecutionCounts; n.Failed != 1 || n.Aborted != 2 {
			t.Errorf("counts %+v", n)
		}
		time.Sleep(2 * time.Minute)
		if n := finished.Load(); n != 2 {
			t.Errorf("%d functions ran to their end, want 2", n)
		}
	})
}

// TestMaxConcurrency counts what runs at the same time, also after an update.
func TestMaxConcurrency(t *testing.T) {
	most := func(w *asltest.World) func() int {
		var mu sync.Mutex
		now, peak := 0, 0
		w.Invoker.ByName["count"] = func(context.Context, string) (string, error) {
			mu.Lock()
			now++
			peak = max(peak, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return "1", nil
		}
		return func() int { mu.Lock(); defer mu.Unlock(); p := peak; peak = now; return p }
	}
	items := "[" + strings.TrimSuffix(strings.Repeat("1,", 60), ",") + "]"
	counting := func(fields string) string {
		return strings.Replace(asltest.Machine("M", asltest.Inline(fields)),
			`"FunctionName":"echo"`, `"FunctionName":"count"`, 1)
	}
	asltest.InWorld(t, counting(`"MaxConcurrency":3,`),
		func(w *asltest.World) {
			peak := most(w)
			if w.Run(items); peak() != 3 {
				t.Error("the inline Map did not keep to 3")
			}
		})
	asltest.InWorld(t, counting(""),
		func(w *asltest.World) {
			peak := most(w)
			if w.Run(items); peak() != 40 {
				t.Error("the inline Map did not run 40 at once")
			}
		})
	asltest.InWorld(t, asltest.Distributed("count", `"MaxConcurrency":2,`), func(w *asltest.World) {
		peak := most(w)
		arn := w.Start("one", items)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := peak(); got != 2 {
			t.Errorf("%d children ran at once, want 2", got)
		}
		run, ten := onlyRun(w, arn), 10
		if n := run.ExecutionCounts; n.Running != 2 || n.Succeeded == 0 || n.Pending == 0 {
			t.Errorf("counts while it runs %+v", n)
		}
		if err := w.Engine.UpdateMapRun(t.Context(), run.MapRunArn, engine.RunUpdate{MaxConcurrency: &ten}); err != nil {
			t.Fatal(err)
		}
		w.Wait(arn)
		if got := peak(); got != 10 {
			t.Errorf("%d children ran at once after the update, want 10", got)
		}
		update := engine.RunUpdate{MaxConcurrency: &ten}
		if err := w.Engine.UpdateMapRun(t.Context(), run.MapRunArn, update); !errors.Is(err, states.ErrMapRunDoesNotExist) {
			t.Errorf("update after the end: %v", err)
		}
		minus := -1
		update = engine.RunUpdate{MaxConcurrency: &minus}
		if err := w.Engine.UpdateMapRun(t.Context(), run.MapRunArn, update); !errors.Is(err, states.ErrValidation) {
			t.Errorf("negative update: %v", err)
		}
	})
}
