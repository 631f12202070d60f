package steps_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"reprise/pkg/platform"
	"reprise/pkg/platform/platformtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/steps"
)

// noExecutions are those of a state machine that nobody has started.
type noExecutions struct{}

func (noExecutions) Start(context.Context, string, []byte) error { return nil }

func (noExecutions) State(context.Context, string) (lifecycle.ExecutionStatus, error) {
	return lifecycle.ExecutionUnknown, nil
}

func (noExecutions) Stop(context.Context, string, string, string) error { return nil }

func (noExecutions) Release(context.Context, string, []byte) error { return nil }

func (noExecutions) SetConcurrency(context.Context, string, int) error { return nil }

// controllable is a platform with the replay "r".
func controllable(t *testing.T) *platform.Platform {
	t.Helper()
	p := platformtest.New(t).Platform()
	p.Executions = noExecutions{}
	_, _, err := p.Store().Create(t.Context(), "r", replay.Request{})
	must(t, err)
	return p
}

// TestControlRefusesWhatItDoesNotKnow names the member at fault, and changes nothing.
func TestControlRefusesWhatItDoesNotKnow(t *testing.T) {
	p := controllable(t)
	before, err := p.Store().Load(t.Context(), "r")
	must(t, err)
	for input, c := range map[string]struct{ name, names string }{
		`{"replay":"r","action":"stop"}`:                                  {steps.FaultInvalidInput, "action"},
		`{"replay":"r","action":"Pause"}`:                                 {steps.FaultInvalidInput, "action"},
		`{"replay":"r","action":""}`:                                      {steps.FaultInvalidInput, "action"},
		`{"replay":"r","action":null}`:                                    {steps.FaultInvalidInput, "action"},
		`{"replay":"r","action":["pause"]}`:                               {steps.FaultInvalidInput, "action"},
		`{"replay":"r"}`:                                                  {steps.FaultInvalidInput, "action"},
		`{"action":"pause"}`:                                              {steps.FaultInvalidInput, "replay"},
		`{"replay":7,"action":"pause"}`:                                   {steps.FaultInvalidInput, "replay"},
		`{"replay":"r/../s","action":"pause"}`:                            {steps.FaultInvalidInput, "replay"},
		`{"Replay":"r","action":"pause"}`:                                 {steps.FaultInvalidInput, "Replay"},
		`{"replay":"r","action":"pause","force":true}`:                    {steps.FaultInvalidInput, "force"},
		`{"replay":"r","replay":"r","action":"pause"}`:                    {steps.FaultInvalidInput, "replay"},
		`{"replay":"r","action":"pause","rate":1}`:                        {steps.FaultInvalidInput, "rate"},
		`{"replay":"r","action":"set-rate"}`:                              {steps.FaultInvalidInput, "rate"},
		`{"replay":"r","action":"set-rate","rate":-1}`:                    {steps.FaultInvalidInput, "rate"},
		`{"replay":"r","action":"set-rate","rate":1,"parallelism":1}`:     {steps.FaultInvalidInput, "parallelism"},
		`{"replay":"r","action":"set-parallelism"}`:                       {steps.FaultInvalidInput, "parallelism"},
		`{"replay":"r","action":"set-parallelism","parallelism":0}`:       {steps.FaultInvalidInput, "parallelism"},
		`{"replay":"r","action":"set-parallelism","parallelism":257}`:     {steps.FaultInvalidInput, "parallelism"},
		`{"replay":"r","action":"set-parallelism","parallelism":"2"}`:     {steps.FaultInvalidInput, "parallelism"},
		`{"replay":"unknown","action":"set-parallelism","parallelism":2}`: {steps.FaultInvalidInput, "not found"},
		`"pause"`:                                {steps.FaultInvalidInput, ""},
		`{}`:                                     {steps.FaultInvalidInput, "replay"},
		``:                                       {steps.FaultInvalidInput, ""},
		`{"replay":"unknown","action":"cancel"}`: {steps.FaultInvalidInput, "not found"},
	} {
		var named messages.InvokeResponse_Error
		_, err := p.Control()(t.Context(), steps.ControlInput{Input: json.RawMessage(input)})
		if !errors.As(err, &named) || named.Type != c.name || !strings.Contains(named.Message, c.names) {
			t.Errorf("%s is refused as %v", input, err)
		}
	}
	after, err := p.Store().Load(t.Context(), "r")
	if err != nil || after.Rate != nil || after.Parallelism != nil || after.Paused || after.Cancel ||
		after.Status != before.Status {
		t.Errorf("the replay is %+v, %v", after, err)
	}
}

// TestControlSteers pauses twice, resumes, cancels, and then may do nothing more.
func TestControlSteers(t *testing.T) {
	p := controllable(t)
	for _, c := range []struct {
		action string
		want   steps.ControlOutput
		fault  string
	}{
		{"pause", steps.ControlOutput{Replay: "r", Status: replay.Running, Pausing: true}, ""},
		{"pause", steps.ControlOutput{Replay: "r", Status: replay.Running, Pausing: true}, ""},
		{"resume", steps.ControlOutput{Replay: "r", Status: replay.Running}, ""},
		{"cancel", steps.ControlOutput{Replay: "r", Status: replay.Cancelled}, ""},
		{"pause", steps.ControlOutput{}, steps.FaultConflict},
		{"resume", steps.ControlOutput{}, steps.FaultConflict},
		{"cancel", steps.ControlOutput{}, steps.FaultConflict},
	} {
		got, err := p.Control()(t.Context(),
			steps.ControlInput{Input: json.RawMessage(`{"replay":"r","action":"` + c.action + `"}`)})
		var named messages.InvokeResponse_Error
		errors.As(err, &named)
		if got != c.want || named.Type != c.fault || (err != nil) != (c.fault != "") {
			t.Errorf("%s: %+v, %v", c.action, got, err)
		}
	}
}

// TestControlSetsNumbers changes the row, and no more after the end.
func TestControlSetsNumbers(t *testing.T) {
	p := controllable(t)
	for _, input := range []string{`"action":"set-rate","rate":0`, `"action":"set-rate","rate":7`,
		`"action":"set-parallelism","parallelism":3`, `"action":"set-parallelism","parallelism":3`} {
		got, err := p.Control()(t.Context(), steps.ControlInput{Input: json.RawMessage(`{"replay":"r",` + input + `}`)})
		if err != nil || got.Status != replay.Running {
			t.Errorf("%s: %+v, %v", input, got, err)
		}
	}
	row, err := p.Store().Load(t.Context(), "r")
	if err != nil || row.Limit() != 7 || row.Parallel() != 3 {
		t.Errorf("rate %d, parallelism %d, %v", row.Limit(), row.Parallel(), err)
	}
	_, _, err = p.Store().End(t.Context(), "r", replay.Succeeded, nil, nil)
	must(t, err)
	var named messages.InvokeResponse_Error
	_, err = p.Control()(t.Context(),
		steps.ControlInput{Input: json.RawMessage(`{"replay":"r","action":"set-parallelism","parallelism":4}`)})
	if !errors.As(err, &named) || named.Type != steps.FaultConflict {
		t.Errorf("after the end: %v", err)
	}
}
