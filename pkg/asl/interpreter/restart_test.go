package interpreter_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/states"
)

// TestShutdownDuringATask stops the engine while a function runs. What the
// function returns because of that is not the task's result.
func TestShutdownDuringATask(t *testing.T) {
	m := asltest.Parse(t, asltest.Machine("T", asltest.Task("T", "slow", `,"End":true`)))
	synctest.Test(t, func(t *testing.T) {
		w := &asltest.World{T: t, Journal: &asltest.Memory{}, Invoker: asltest.StandardFunctions()}
		w.Open(map[string]*asl.Machine{"m": m})
		arn := w.Start("one", `1`)
		time.Sleep(time.Second)
		w.Close()
		w.Open(map[string]*asl.Machine{"m": m})
		defer w.Close()
		if ended := w.Wait(arn); string(ended.Output) != `1` {
			t.Errorf("ended %s %s %s", ended.Status, ended.Error, ended.Cause)
		}
		if calls := w.Invoker.Called(); len(calls) != 2 {
			t.Errorf("invoked %d times, want 2", len(calls))
		}
	})
}

// TestCrashWhileStopping stops executions with nested map runs and crashes
// after each write: the children must not continue.
func TestCrashWhileStopping(t *testing.T) {
	const config = `"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},`
	m := asltest.Parse(t, asltest.Machine("P", `"P":{
		"Type":"Parallel",
		"Branches":[{"StartAt":"M","States":{
			"M":{
				"Type":"Map",
				"Label":"outer",
				"Items":[1,2],
				"ItemProcessor":{`+config+`"StartAt":"N","States":{
					"N":{
						"Type":"Map",
						"Label":"inner",
						"Items":[1,2],
						"ItemProcessor":{`+config+`"StartAt":"W","States":{
							"W":{"Type":"Wait","Seconds":90,"End":true}
						}},
						"End":true
					}
				}},
				"End":true
			}
		}}],
		"End":true
	}`))
	machines := map[string]*asl.Machine{"m": m}
	journal := &asltest.Memory{}
	stoppedAt := 0
	synctest.Test(t, func(t *testing.T) {
		w := &asltest.World{T: t, Journal: journal, Invoker: asltest.StandardFunctions()}
		w.Open(machines)
		defer w.Close()
		arn := w.Start("one", `1`)
		time.Sleep(time.Second)
		stoppedAt, _ = journal.Writes()
		if _, err := w.Engine.Stop(t.Context(), arn, "", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	})
	all, _ := journal.Writes()
	for n := stoppedAt + 1; n <= all; n++ {
		t.Run(fmt.Sprint(n-stoppedAt), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &asltest.World{T: t, Journal: journal.AsOf(n), Invoker: asltest.StandardFunctions()}
				w.Open(machines)
				defer w.Close()
				synctest.Wait()
				if left := w.Leftovers(); len(left) > 0 {
					t.Errorf("left %q", left)
				}
				checkAll(w)
			})
		})
	}
}

// TestCrashAfterABranchFailed crashes between a branch's failure and the end of
// its sibling: the sibling's task is not invoked again, and history says once
// that it was aborted.
func TestCrashAfterABranchFailed(t *testing.T) {
	const siblings = 8
	branches := ""
	for i := range siblings {
		branches += fmt.Sprintf(`{"StartAt":"A%d","States":{%s}},`,
			i, asltest.Task(fmt.Sprint("A", i), "slow", `,"End":true`))
	}
	m := asltest.Parse(t, asltest.Machine("P", `
		"P":{
			"Type":"Parallel",
			"Branches":[
				`+branches+`{
					"StartAt":"B",
					"States":{"B":{"Type":"Wait","Seconds":1,"Next":"F"},"F":{"Type":"Fail","Error":"E"}}
				}
			],
			"Catch":[{"ErrorEquals":["E"],"Next":"W"}],
			"End":true
		},
		"W":{"Type":"Wait","Seconds":99,"End":true}`))
	machines := map[string]*asl.Machine{"m": m}
	journal := &asltest.Memory{}
	synctest.Test(t, func(t *testing.T) {
		w := &asltest.World{T: t, Journal: journal, Invoker: asltest.StandardFunctions()}
		w.Open(machines)
		defer w.Close()
		w.Wait(w.Start("one", `1`))
	})
	all, _ := journal.Writes()
	failed := 0
	for n := all; n > 0; n-- {
		past := journal.AsOf(n)
		raw, found, _ := past.Get(fmt.Sprint("frame\x00m:one\x00.", siblings))
		if !found || !strings.Contains(string(raw), `"failure"`) {
			continue
		}
		failed++
		synctest.Test(t, func(t *testing.T) {
			w := &asltest.World{T: t, Journal: past, Invoker: asltest.StandardFunctions()}
			w.Open(machines)
			defer w.Close()
			ended := w.Wait("arn:aws:states:us-east-1:000000000000:execution:m:one")
			if calls := w.Invoker.Called(); ended.Status != states.StatusSucceeded || len(calls) > 0 {
				t.Errorf("ended %s, invoked %v", ended.Status, calls)
			}
			inside, _, _ := strings.Cut(fmt.Sprint(w.Types(ended.ExecutionArn)), "ParallelStateFailed")
			if got := strings.Count(inside, "TaskStateAborted"); got != siblings {
				t.Errorf("history tells %d times that a task was aborted, want %d", got, siblings)
			}
		})
	}
	if failed == 0 {
		t.Error("no write of the journal lies between the failure and the end")
	}
}
