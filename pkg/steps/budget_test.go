package steps_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/platform"
	"reprise/pkg/replay"
	"reprise/pkg/replay/request"
	"reprise/pkg/steps"
)

// TestControlSetsBudgets from the console of Step Functions, and refuses by name what is
// none.
func TestControlSetsBudgets(t *testing.T) {
	p := controllable(t)
	for _, c := range []struct{ members, fault, names string }{
		{`"action":"set-budget"`, steps.FaultInvalidInput, "budget is missing"},
		{`"action":"set-budget","budget":{"dollars":-1}`, steps.FaultInvalidInput, "budget: dollars -1"},
		{`"action":"set-budget","budget":"5usd"`, steps.FaultInvalidInput, "budget"},
		{`"action":"set-budget","budget":{}`, steps.FaultInvalidInput, "budget needs exactly one"},
		{`"action":"set-budget","Budget":{"dollars":1}`, steps.FaultInvalidInput, "Budget"},
		{`"action":"pause","budget":{"dollars":1}`, steps.FaultInvalidInput, "budget does not belong to the action pause"},
		{`"action":"resume","budget":null`, steps.FaultInvalidInput, "budget does not belong to the action resume"},
		{`"action":"set-budget","budget":{"dollars":2.5}`, "", ""},
	} {
		_, err := p.Control()(t.Context(), steps.ControlInput{Input: json.RawMessage(`{"replay":"r",` + c.members + `}`)})
		var named messages.InvokeResponse_Error
		errors.As(err, &named)
		if named.Type != c.fault || !strings.Contains(named.Message, c.names) {
			t.Errorf("%s: %v", c.members, err)
		}
	}
	row, err := p.Store().Load(t.Context(), "r")
	if err != nil || row.Cap() != (request.Budget{Dollars: 2_500_000}) || row.Paused {
		t.Errorf("%+v, %v", row, err)
	}
}

// logged puts an event into the log.
func logged(t *testing.T, p *platform.Platform) {
	t.Helper()
	e := event.Event{ID: "1", Source: "test", Type: "it.happened", Subject: "x"}
	lane := p.Lanes.Of(e.Subject)
	data, err := p.Codec.Pack(record.Header{Lane: lane}, [][]byte{e.AppendJSON(nil)})
	must(t, err)
	_, err = p.EventPump().Commit(t.Context(), lane, []eventlog.Incoming{{Sequence: "101", Data: data}})
	must(t, err)
}

// TestThePlanChecksTheBudget before the first reader, and says how many groups may fail.
// The history of the execution then says why it waits.
func TestThePlanChecksTheBudget(t *testing.T) {
	p := controllable(t)
	for id, c := range map[string]struct {
		input     string
		tolerated int
		paused    bool
		why       string
	}{
		"a": {`{}`, 0, false, "resumed or cancelled meanwhile"},
		"b": {`{"toleratedFailures":3,"budget":{"readUnits":1}}`, 3, false, "resumed or cancelled meanwhile"},
	} {
		out, err := p.Plan()(t.Context(), steps.PlanInput{Replay: id, Input: json.RawMessage(c.input)})
		must(t, err)
		// The log is empty: nothing is read, and no lane is planned.
		if out.ToleratedFailures != c.tolerated || out.Paused != c.paused {
			t.Errorf("%s: %+v", c.input, out)
		}
	}
	_, _, err := p.Store().Create(t.Context(), "poor", replay.Request{Budget: &request.Budget{ReadUnits: 1}})
	must(t, err)
	logged(t, p)
	_, err = p.Planner().Plan(t.Context(), "poor")
	must(t, err)
	again := steps.PlanInput{Replay: "poor", Input: json.RawMessage(`{"budget":{"readUnits":1}}`)}
	out, err := p.Plan()(t.Context(), again)
	must(t, err)
	if !out.Paused || out.ToleratedFailures != 1 {
		t.Errorf("%+v", out)
	}
	wait := func(id string) steps.WaitOutput {
		t.Helper()
		in := steps.WaitInput{Replay: id, Token: "token", Execution: steps.Execution{Name: id}}
		waits, err := p.AwaitResume()(t.Context(), in)
		must(t, err)
		return waits
	}
	if w := wait("poor"); !strings.HasPrefix(w.Why, "paused: the budget of 1 read units is used up (") ||
		!strings.Contains(w.Next, "raise the budget") {
		t.Errorf("%+v", w)
	}
	_, _, err = p.Store().RequestPause(t.Context(), "a")
	must(t, err)
	if w := wait("a"); w.Why != "paused by a person" || w.Next == "" {
		t.Errorf("%+v", w)
	}
	if w := wait("b"); w.Why != "resumed or cancelled meanwhile" {
		t.Errorf("%+v", w)
	}
}
