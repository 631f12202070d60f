package stepfunctions_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/smithy-go"

	"reprise/pkg/asl/states"
	"reprise/pkg/aws/stepfunctions"
	"reprise/pkg/replay/lifecycle"
)

// TestStart starts one execution however often it is asked to, even after the
// execution has ended, and refuses another input under its name.
func TestStart(t *testing.T) {
	w := newWorld(t)
	m := w.machine("each")
	if state, err := m.State(t.Context(), "r-1"); state != lifecycle.ExecutionUnknown || err != nil {
		t.Fatalf("before: %q, %v", state, err)
	}
	for _, input := range []string{`{"items":[1,2,3]}`, `{"items":[1,2,3]}`} {
		if err := m.Start(t.Context(), "r-1", []byte(input)); err != nil {
			t.Fatal(err)
		}
	}
	ended := w.wait(t, m, "r-1")
	if ended.Status != states.StatusSucceeded || string(ended.Output) != "[1,2,3]" || ended.Name != "r-1" ||
		ended.StopDate.IsZero() {
		t.Fatalf("ended as %+v", ended)
	}
	if err := m.Start(t.Context(), "r-1", []byte(` {"items": [1,2,3] } `)); err != nil {
		t.Fatalf("start what has ended: %v", err)
	}
	if err := m.Start(t.Context(), "r-1", []byte(`{"items":[4]}`)); !errors.Is(err, states.ErrExecutionAlreadyExists) {
		t.Fatalf("start with other input: %v", err)
	}
	if err := m.Start(t.Context(), "not a name", nil); err == nil {
		t.Fatal("started under a bad name")
	}
	if state, err := m.State(t.Context(), "r-1"); state != "SUCCEEDED" || err != nil {
		t.Fatalf("after: %q, %v", state, err)
	}
	if m.Name() != "each" {
		t.Fatalf("name %q", m.Name())
	}
}

func TestStop(t *testing.T) {
	w := newWorld(t)
	m := w.machine("parked")
	if err := m.Stop(t.Context(), "none", "Error", "cause"); err != nil {
		t.Fatalf("stop an unknown execution: %v", err)
	}
	if err := m.Start(t.Context(), "r-1", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	<-w.tokens
	running, next, err := m.List(t.Context(), states.StatusRunning, "", 10)
	if err != nil || len(running) != 1 || running[0].Name != "r-1" || next != "" {
		t.Fatalf("running %+v, %q, %v", running, next, err)
	}
	for range 2 {
		if err := m.Stop(t.Context(), "r-1", "Reprise.Cancelled", strings.Repeat("é", 40_000)); err != nil {
			t.Fatal(err)
		}
	}
	ended := w.wait(t, m, "r-1")
	if ended.Status != states.StatusAborted || ended.Error != "Reprise.Cancelled" || len(ended.Cause) != 32_768 {
		t.Fatalf("ended as %s, %s", ended.Status, ended.Error)
	}
}

// TestTokens answers a token once. Later answers have no effect.
func TestTokens(t *testing.T) {
	w := newWorld(t)
	m := w.machine("parked")
	if err := m.Start(t.Context(), "good", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	token := <-w.tokens
	if err := m.SendTaskHeartbeat(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if err := m.SendTaskSuccess(t.Context(), token, []byte(`{"done":true}`)); err != nil {
		t.Fatal(err)
	}
	if ended := w.wait(t, m, "good"); string(ended.Output) != `{"done":true}` {
		t.Fatalf("output %s", ended.Output)
	}
	if err := m.SendTaskSuccess(t.Context(), token, []byte(`{}`)); !stepfunctions.IsOver(err) {
		t.Fatalf("answer again: %v", err)
	}
	if err := m.SendTaskSuccess(t.Context(), "no token", []byte(`{}`)); !errors.Is(err, states.ErrInvalidToken) ||
		stepfunctions.IsOver(err) {
		t.Fatalf("answer an invalid token: %v", err)
	}
	if err := m.Start(t.Context(), "bad", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := m.SendTaskFailure(t.Context(), <-w.tokens, "Why", "because"); err != nil {
		t.Fatal(err)
	}
	if ended := w.wait(t, m, "bad"); ended.Status != states.StatusFailed || ended.Error != "Why" ||
		ended.Cause != "because" {
		t.Fatalf("ended as %+v", ended)
	}
}

func TestMapRuns(t *testing.T) {
	w := newWorld(t)
	m := w.machine("each")
	if err := m.Start(t.Context(), "r-1", []byte(`{"items":["a","b","c"]}`)); err != nil {
		t.Fatal(err)
	}
	w.wait(t, m, "r-1")
	runs, err := m.MapRuns(t.Context(), "r-1")
	if err != nil || len(runs) != 1 {
		t.Fatalf("have %+v, %v", runs, err)
	}
	run := runs[0]
	if run.Status != states.StatusSucceeded || run.ItemCounts.Succeeded != 3 || run.ExecutionCounts.Total != 3 ||
		run.ExecutionArn != m.ExecutionARN("r-1") {
		t.Fatalf("have %+v", run)
	}
	var names []string
	for after := ""; ; {
		page, next, err := m.Children(t.Context(), run.MapRunArn, states.StatusSucceeded, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, child := range page {
			if child.MapRunArn != run.MapRunArn {
				t.Fatalf("child %+v", child)
			}
			names = append(names, child.Name)
		}
		if after = next; after == "" {
			break
		}
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != 3 {
		t.Fatalf("children %q", names)
	}
	if _, err := m.MapRuns(t.Context(), "none"); !errors.Is(err, states.ErrExecutionDoesNotExist) {
		t.Fatalf("map runs of an unknown execution: %v", err)
	}
}

// TestHistory reads the same events as the runner's history, in both
// directions.
func TestHistory(t *testing.T) {
	w := newWorld(t)
	m := w.machine("each")
	if err := m.Start(t.Context(), "r-1", []byte(`{"items":[1]}`)); err != nil {
		t.Fatal(err)
	}
	w.wait(t, m, "r-1")
	var types []string
	var input string
	err := m.History(t.Context(), "r-1", false, func(e states.Event) error {
		types = append(types, e.Type)
		if e.ExecutionStarted != nil {
			input = e.ExecutionStarted.Input
		}
		if e.Type == "MapStateEntered" && (e.StateEntered == nil || e.StateEntered.Name != "Each") {
			t.Errorf("entered %+v", e.StateEntered)
		}
		return nil
	})
	if err != nil || input != `{"items":[1]}` || types[0] != "ExecutionStarted" ||
		types[len(types)-1] != "ExecutionSucceeded" {
		t.Fatalf("have %q with input %q, %v", types, input, err)
	}
	enough := errors.New("enough")
	err = m.History(t.Context(), "r-1", true, func(e states.Event) error {
		if e.Type != "ExecutionSucceeded" {
			t.Errorf("last event is %s", e.Type)
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Fatalf("have %v", err)
	}
}

// throttled refuses every call.
type throttled struct{ stepfunctions.Client }

func (throttled) StartExecution(
	context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options),
) (*sfn.StartExecutionOutput, error) {
	return nil, &smithy.GenericAPIError{Code: "ThrottlingException"}
}

func TestThrottled(t *testing.T) {
	m := stepfunctions.New(throttled{}, "arn:aws:states:eu-west-1:123456789012:stateMachine:m")
	if err := m.Start(t.Context(), "r-1", nil); !errors.Is(err, stepfunctions.ErrThrottled) {
		t.Fatalf("have %v", err)
	}
}

// TestSetConcurrency changes the running map run, and nothing where there is none.
func TestSetConcurrency(t *testing.T) {
	w := newWorld(t)
	m := w.machine("held")
	set := func(name string, n int) {
		t.Helper()
		if err := m.SetConcurrency(t.Context(), name, n); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	set("unknown", 2)
	if err := m.Start(t.Context(), "r", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	tokens := []string{<-w.tokens}
	set("r", 3)
	for range 2 { // the others begin although the first one waits
		tokens = append(tokens, <-w.tokens)
	}
	runs, err := m.MapRuns(t.Context(), "r")
	if err != nil || len(runs) != 1 || runs[0].MaxConcurrency != 3 {
		t.Errorf("%+v, %v", runs, err)
	}
	for _, token := range tokens {
		if err := m.Release(t.Context(), token, []byte(`{"parallelism":3}`)); err != nil {
			t.Fatal(err)
		}
	}
	ended := w.wait(t, m, "r")
	if want := `[{"parallelism":3},{"parallelism":3},{"parallelism":3}]`; string(ended.Output) != want {
		t.Errorf("output %s", ended.Output)
	}
	set("r", 2)
}
