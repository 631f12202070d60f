package interpreter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/states"
)

var update = flag.Bool("update", false, "write the golden files")

// TestHistoryGolden compares whole histories with files.
func TestHistoryGolden(t *testing.T) {
	for name, definition := range map[string]string{
		"task": asltest.Machine("T", asltest.Task("T", "echo", `,
			"TimeoutSeconds":60,
			"Assign":{"x":"{% $states.result.Payload %}"},
			"End":true`)),
		"retry": asltest.Machine("T", asltest.Task("T", "flaky", `,
			"Retry":[{"ErrorEquals":["Flaky"]}],
			"End":true`)),
		"caught": asltest.Machine("T", asltest.Task("T", "boom", `,
				"Catch":[{"ErrorEquals":["Boom"],"Next":"F"}],
				"End":true
			},
			"F":{"Type":"Fail","Error":"Own","Cause":"after all"`)),
		"choice": asltest.Machine("C", `
			"C":{
				"Type":"Choice",
				"Choices":[{"Condition":"{% $states.input = 7 %}","Output":"seven","Next":"W"}],
				"Default":"S"
			},
			"W":{"Type":"Wait","Seconds":5,"Next":"S"},
			"S":{"Type":"Succeed"}`),
		"inline map": asltest.Machine("M", strings.Replace(
			asltest.Inline(`"MaxConcurrency":1,`),
			"{% $states.input %}", "{% [1,2] %}", 1,
		)),
		"distributed map": strings.Replace(
			asltest.Distributed("echo", `"MaxConcurrency":1,`),
			"{% $states.input %}", "{% [1,2] %}", 1,
		),
		"parallel": asltest.Machine("P", `"P":{
			"Type":"Parallel",
			"Branches":[
				{"StartAt":"A","States":{`+asltest.Task("A", "later", `,"End":true`)+`}},
				{"StartAt":"B","States":{"B":{"Type":"Wait","Seconds":9,"End":true}}}
			],
			"End":true
		}`),
		"parallel fails": asltest.Machine("P", `"P":{
			"Type":"Parallel",
			"Branches":[
				{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":9,"End":true}}},
				{
					"StartAt":"B",
					"States":{"B":{"Type":"Wait","Seconds":1,"Next":"F"},"F":{"Type":"Fail","Error":"E"}}
				}
			],
			"End":true
		}`),
		"wait for token": asltest.Machine("T", `"T":{
			"Type":"Task",
			"Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
			"Arguments":{"FunctionName":"take","Payload":"{% $states.context.Task.Token %}"},
			"TimeoutSeconds":100,
			"HeartbeatSeconds":30,
			"End":true
		}`),
		"inline map fails": asltest.Machine("M", `"M":{
			"Type":"Map",
			"Items":["long","short"],
			"ItemProcessor":{
				"StartAt":"C",
				"States":{
					"C":{
						"Type":"Choice",
						"Choices":[{"Condition":"{% $states.input = 'short' %}","Next":"W"}],
						"Default":"L"
					},
					"L":{"Type":"Wait","Seconds":9,"End":true},
					"W":{"Type":"Wait","Seconds":1,"Next":"F"},
					"F":{"Type":"Fail","Error":"E"}
				}
			},
			"End":true
		}`),
		"submit fails": asltest.Machine("T", `"T":{
			"Type":"Task",
			"Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
			"Arguments":{"FunctionName":"crash","Payload":"{% $states.context.Task.Token %}"},
			"End":true
		}`),
		"evaluation": asltest.Machine("P", `"P":{"Type":"Pass","Output":"{% $states.input.none %}","End":true}`),
	} {
		t.Run(name, func(t *testing.T) {
			asltest.InWorld(t, definition, func(w *asltest.World) {
				w.Invoker.ByName["flaky"] = asltest.Failing(2, "Flaky")
				w.Invoker.ByName["later"] = func(_ context.Context, payload string) (string, error) {
					time.Sleep(time.Second)
					return payload, nil
				}
				w.Invoker.ByName["take"] = func(_ context.Context, payload string) (string, error) {
					go func() {
						time.Sleep(time.Second)
						if err := w.Engine.SendTaskSuccess(strings.Trim(payload, `"`), []byte(`{"got":1}`)); err != nil {
							t.Error(err)
						}
					}()
					return "null", nil
				}
				arn := w.Start("one", `7`)
				w.Wait(arn)
				synctest.Wait()
				compare(t, name, w.History(arn))
			})
		})
	}
}

func compare(t *testing.T, name string, events []states.Event) {
	t.Helper()
	var got bytes.Buffer
	for _, event := range canonical(events) {
		line, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "%s\n", line)
	}
	file := filepath.Join("testdata", "history", strings.ReplaceAll(name, " ", "-")+".jsonl")
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("history differs from %s (%v); go test -update writes it:\n%s", file, err, got.String())
	}
}

// canonical sorts the events of branches that ran at the same time by their
// content, because the order of their goroutines is not fixed.
func canonical(events []states.Event) []states.Event {
	text := func(e states.Event) string {
		e.ID, e.PreviousEventID = 0, 0
		raw, _ := json.Marshal(e)
		return string(raw)
	}
	ids := map[int64]int64{0: 0}
	var ordered []states.Event
	for left := slices.Clone(events); len(left) > 0; {
		best := -1
		for i, e := range left {
			_, ready := ids[e.PreviousEventID]
			if ready && (best < 0 || text(e) < text(left[best])) {
				best = i
			}
		}
		next := left[best]
		left = slices.Delete(left, best, best+1)
		ids[next.ID] = int64(len(ordered) + 1)
		next.ID, next.PreviousEventID = ids[next.ID], ids[next.PreviousEventID]
		ordered = append(ordered, next)
	}
	return ordered
}

// TestHistoryTruncates checks that a cause is cut in the history and not in the
// description.
func TestHistoryTruncates(t *testing.T) {
	asltest.InWorld(t, asltest.Machine("T", asltest.Task("T", "verbose", `,"End":true`)), func(w *asltest.World) {
		long := strings.Repeat("é", 40_000)
		w.Invoker.ByName["verbose"] = func(context.Context, string) (string, error) {
			return "", &states.FunctionError{Type: "V", Message: long}
		}
		ended := w.Run(`1`)
		events := w.History(ended.ExecutionArn)
		cause := events[len(events)-1].ExecutionFailed.Cause
		if len(cause) > 32_768 || len(cause) < 32_760 || strings.ContainsRune(cause, '\uFFFD') {
			t.Errorf("the history's cause has %d bytes", len(cause))
		}
		if !strings.Contains(ended.Cause, long) {
			t.Error("the description's cause is cut")
		}
	})
}
