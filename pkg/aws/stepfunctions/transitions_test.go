package stepfunctions_test

import (
	"context"
	"errors"
	"testing"

	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
)

// counted has a map run whose children call a function that fails at first,
// then a choice, and then a task, which plays the report.
const counted = `{
	"QueryLanguage":"JSONata",
	"StartAt":"Each",
	"States":{
		"Each":{
			"Type":"Map",
			"Label":"Each",
			"Items":"{% $states.input.items %}",
			"ItemProcessor":{
				"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
				"StartAt":"Call",
				"States":{
					"Call":{
						"Type":"Task",
						"Resource":"arn:aws:states:::lambda:invoke",
						"Arguments":{"FunctionName":"flaky","Payload":{}},
						"Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":1,"BackoffRate":1,"MaxAttempts":5}],
						"Next":"Done"
					},
					"Done":{"Type":"Succeed"}
				}
			},
			"Next":"Again"
		},
		"Again":{
			"Type":"Choice",
			"Choices":[{"Condition":"{% $count($states.input) > 5 %}","Next":"Bad"}],
			"Default":"Second"
		},
		"Second":{
			"Type":"Map",
			"Label":"Second",
			"Items":[1],
			"ItemProcessor":{
				"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
				"StartAt":"One",
				"States":{"One":{"Type":"Pass","End":true}}
			},
			"Next":"Report"
		},
		"Report":{
			"Type":"Task",
			"Resource":"arn:aws:states:::lambda:invoke",
			"Arguments":{"FunctionName":"report","Payload":{}},
			"Next":"Good"
		},
		"Good":{"Type":"Succeed"},
		"Bad":{"Type":"Fail"}
	}
}`

// paid counts transitions from the runner's own histories, independently of the
// code under test: states entered, and attempts of a task after its first.
func (w *world) paid(t *testing.T, arn string) int {
	t.Helper()
	n, first := 0, false
	for from := int64(0); ; {
		page, err := w.engine.History(t.Context(), arn, from, 2, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			switch {
			case e.StateEntered != nil:
				n, first = n+1, true
			case e.TaskScheduled != nil && first:
				first = false
			case e.TaskScheduled != nil:
				n++
			}
		}
		if from = page.Next; from == 0 {
			return n
		}
	}
}

// TestTransitionsAreThoseThatArePaidFor counts from inside the last task and
// after the end.
func TestTransitionsAreThoseThatArePaidFor(t *testing.T) {
	w := newWorld(t)
	m := w.machine("counted")
	reporting := make(chan int, 1)
	w.invoke.failures.Store(2)
	w.invoke.report = func(ctx context.Context) error {
		n, err := m.Transitions(ctx, "r-1")
		reporting <- n
		return err
	}
	if err := m.Start(t.Context(), "r-1", []byte(`{"items":[1,2,3,4,5]}`)); err != nil {
		t.Fatal(err)
	}
	if ended := w.wait(t, m, "r-1"); ended.Status != states.StatusSucceeded {
		t.Fatalf("ended as %+v", ended)
	}
	want := w.paid(t, m.ExecutionARN("r-1"))
	runs, err := w.engine.ListMapRuns(t.Context(), m.ExecutionARN("r-1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range runs {
		children, err := w.engine.List(t.Context(), engine.ListFilter{MapRunArn: run.MapRunArn, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, child := range children.Executions {
			want += w.paid(t, child.ExecutionArn)
		}
	}
	// 5 states of the execution, 5 children of 2 states and 1 of 1, and 2 retries.
	if want != 5+5*2+1+2 {
		t.Fatalf("the runner's histories have %d", want)
	}
	if n, err := m.Transitions(t.Context(), "r-1"); n != want || err != nil {
		t.Errorf("counted %d, %v, want %d", n, err, want)
	}
	if n := <-reporting; n != want-1 {
		t.Errorf("counted %d with one transition still to come, want %d", n, want-1)
	}
	if _, err := m.Transitions(t.Context(), "none"); !errors.Is(err, states.ErrExecutionDoesNotExist) {
		t.Errorf("of none: %v", err)
	}
}
