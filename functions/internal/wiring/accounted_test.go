package wiring

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"

	"reprise/pkg/control"
	"reprise/pkg/meter"
	"reprise/pkg/replay"
	"reprise/pkg/steps"
)

// accountedLine is what a query of the logs goes by.
type accountedLine struct {
	Msg, Level, Function, Request, Outcome string
	Took                                   *int64
	WriteUnits, ReadUnits, PutUnits        *float64
	Parts                                  map[string]map[string]float64
}

func linesOf(t *testing.T, logged *bytes.Buffer, message string) []accountedLine {
	t.Helper()
	var found []accountedLine
	for text := range strings.Lines(logged.String()) {
		var line accountedLine
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if line.Msg == message {
			found = append(found, line)
		}
	}
	return found
}

// reportedAs is the name that Lambda reports: it looks at the outer type only.
func reportedAs(err error) string {
	fault, named := err.(messages.InvokeResponse_Error) //nolint:errorlint // as the runtime does
	if !named {
		return fmt.Sprintf("%T", err)
	}
	return fault.Type
}

// TestEveryInvocationEndsWithWhatItUsed, however it ends.
func TestEveryInvocationEndsWithWhatItUsed(t *testing.T) {
	w := newWorld(t)
	w.parts.Meter = new(meter.Meter)
	fault := messages.InvokeResponse_Error{Type: steps.FaultThrottled, Message: "slowly"}
	h := Accounted(w.platform(t), lambda.NewHandler(func(_ context.Context, n int) (string, error) {
		w.parts.Meter.Part("log").Add(meter.ReadUnits, float64(n)+0.5)
		w.parts.Meter.Part("control").Add(meter.WriteUnits, 2)
		switch n {
		case 1:
			return "", fault
		case 2:
			panic("no")
		}
		return "the payload", nil
	}))
	if answer, err := h.Invoke(invoked(t, functionARN), []byte("0")); string(answer) != `"the payload"` || err != nil {
		t.Errorf("%s, %v", answer, err)
	}
	if _, err := h.Invoke(invoked(t, functionARN), []byte("1")); reportedAs(err) != fault.Type {
		t.Errorf("the error is %#v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic does not pass")
			}
		}()
		_, _ = h.Invoke(invoked(t, functionARN), []byte("2"))
	}()
	_, _ = h.Invoke(invoked(t, functionARN), []byte("no JSON"))
	lines := linesOf(t, w.logged, "invocation ended")
	if len(lines) != 4 {
		t.Fatalf("%d lines: %s", len(lines), w.logged)
	}
	for i, want := range []string{"fine 2 0.5 0", "error 2 1.5 0", "panic 2 2.5 0", "error 0 0 0"} {
		l := lines[i]
		if l.Took == nil || l.WriteUnits == nil || l.ReadUnits == nil || l.PutUnits == nil || l.Function != "test" || l.Request != "request-1" {
			t.Fatalf("line %d: %+v", i, l)
		}
		if got := fmt.Sprint(l.Outcome, " ", *l.WriteUnits, " ", *l.ReadUnits, " ", *l.PutUnits); got != want {
			t.Errorf("line %d: %s, want %s", i, got, want)
		}
		if i < 3 && (l.Parts["log"]["readUnits"] != float64(i)+0.5 || l.Parts["control"]["writeUnits"] != 2) {
			t.Errorf("line %d: parts %v", i, l.Parts)
		}
	}
	if strings.Contains(w.logged.String(), "payload") {
		t.Error("a payload was logged")
	}
}

// TestNothingIsCountedWithoutAMeter, and the line is there all the same.
func TestNothingIsCountedWithoutAMeter(t *testing.T) {
	w := newWorld(t)
	h := Accounted(w.platform(t), lambda.NewHandler(func() error { return nil }))
	if _, err := h.Invoke(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if lines := linesOf(t, w.logged, "invocation ended"); len(lines) != 1 || *lines[0].ReadUnits != 0 {
		t.Errorf("logged %s", w.logged)
	}
}

// refusing does not store costs while it is on.
type refusing struct {
	control.Table
	on bool
}

func (r *refusing) Put(ctx context.Context, key control.Key, body []byte, previous control.Version) (control.Version, error) {
	if r.on && strings.HasPrefix(key.Sort, "spent#") {
		return "", errors.New("the store is down")
	}
	return r.Table.Put(ctx, key, body, previous)
}

func (w *world) cost(t *testing.T, p *Platform, id string) *replay.Cost {
	t.Helper()
	row, err := p.store.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	view, err := p.viewer().View(t.Context(), row)
	if err != nil {
		t.Fatal(err)
	}
	return view.Cost
}

// TestAStepKeepsWhatItUsed when it fails, and when keeping failed before.
func TestAStepKeepsWhatItUsed(t *testing.T) {
	w := newWorld(t)
	table := &refusing{Table: w.parts.Table}
	w.parts.Table, w.parts.Meter, w.parts.Function = table, new(meter.Meter), "read-segment"
	p := w.platform(t)
	if _, _, err := p.store.Create(t.Context(), "r1", replay.Request{}); err != nil {
		t.Fatal(err)
	}
	fault := messages.InvokeResponse_Error{Type: steps.FaultTransient, Message: "again"}
	var answer error
	step := Step(p, func(context.Context, steps.SegmentInput) (steps.SegmentOutput, error) {
		w.parts.Meter.Part("log").Add(meter.ReadUnits, 4)
		return steps.SegmentOutput{}, answer
	})
	for _, c := range []struct {
		refuse bool
		err    error
	}{{true, nil}, {false, nil}, {false, fault}} {
		table.on, answer = c.refuse, c.err
		if _, err := step(t.Context(), steps.SegmentInput{Replay: "r1", Group: 3}); reportedAs(err) != reportedAs(c.err) {
			t.Errorf("the step's error is %v, want %v", err, c.err)
		}
	}
	if cost := w.cost(t, p, "r1"); cost == nil || cost.Functions["read-segment"].ReadUnits != 12 {
		t.Errorf("have %+v", cost)
	}
	if warnings := linesOf(t, w.logged, "cost not kept"); len(warnings) != 1 || warnings[0].Level != "WARN" {
		t.Errorf("logged %s", w.logged)
	}
}

// TestABatchIsDividedByTheEventsOfItsReplays has two replays of one log in one
// batch; one of them selects a part.
func TestABatchIsDividedByTheEventsOfItsReplays(t *testing.T) {
	w := newWorld(t)
	w.parts.Meter, w.parts.Function = new(meter.Meter), "apply-playback"
	p := w.platform(t)
	if answer, err := p.Pump().Handle(t.Context(), sent(t, p, "one.happened", "two.happened", "two.happened", "one.happened")); err != nil || len(answer.BatchItemFailures) > 0 {
		t.Fatalf("%+v, %v", answer, err)
	}
	for id, input := range map[string]string{"all": `{}`, "part": `{"types":["one.happened"]}`} {
		out, err := p.Plan().Handle(t.Context(), steps.PlanInput{Replay: id, Input: []byte(input)})
		if err != nil {
			t.Fatal(err)
		}
		for group := range out.Groups {
			if _, err := p.Read().Handle(t.Context(), steps.SegmentInput{Replay: id, Group: group}); err != nil {
				t.Fatal(err)
			}
		}
	}
	used := meter.Usage{WriteUnits: 10.003, ReadUnits: 77, PutUnits: 1}
	w.parts.Meter.Part("control").Add(meter.WriteUnits, used.WriteUnits)
	w.parts.Meter.Part("log").Add(meter.ReadUnits, used.ReadUnits)
	w.parts.Meter.Part("streams").Add(meter.PutUnits, used.PutUnits)
	answer, err := p.Playback().Handle(t.Context(), recordsOf(t, p, p.Settings.Names.PlaybackStream()))
	if err != nil || len(answer.BatchItemFailures) > 0 {
		t.Fatalf("%+v, %v", answer, err)
	}
	if w.cost(t, p, "all") == nil || w.cost(t, p, "part") == nil {
		t.Fatal("a replay has no cost")
	}
	all, part := w.cost(t, p, "all").Total, w.cost(t, p, "part").Total
	sum := meter.Usage{WriteUnits: all.WriteUnits, ReadUnits: all.ReadUnits, PutUnits: all.PutUnits}.Add(
		meter.Usage{WriteUnits: part.WriteUnits, ReadUnits: part.ReadUnits, PutUnits: part.PutUnits})
	if sum != used {
		t.Errorf("kept %+v, used %+v", sum, used)
	}
	if ratio := all.ReadUnits / part.ReadUnits; ratio < 1.99 || ratio > 2.01 {
		t.Errorf("4 events cost %+v, 2 cost %+v", all, part)
	}
}
