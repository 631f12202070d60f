package platform_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"reprise/pkg/meter/spending"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"reprise/pkg/control"
	"reprise/pkg/meter"
	"reprise/pkg/platform"
	"reprise/pkg/platform/platformtest"
	"reprise/pkg/replay"
	"reprise/pkg/steps"
)

// refusing does not store costs while it is on.
type refusing struct {
	control.Table
	on bool
}

func (r *refusing) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	if r.on && strings.HasPrefix(key.Sort, "spent#") {
		return "", errors.New("the store is down")
	}
	return r.Table.Put(ctx, key, body, previous)
}

func costOf(t *testing.T, p *platform.Platform, id string) *spending.Cost {
	t.Helper()
	row, err := p.Store().Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	view, err := p.API().Viewer.View(t.Context(), row)
	if err != nil {
		t.Fatal(err)
	}
	return view.Cost
}

// The usage is kept when the step fails, and when keeping it failed before.
func TestAStepKeepsWhatItUsed(t *testing.T) {
	w := platformtest.New(t)
	table := &refusing{Table: w.Parts.Table}
	w.Parts.Table, w.Parts.Meter, w.Parts.Function = table, new(meter.Meter), "read-segment"
	p := w.Platform()
	if _, _, err := p.Store().Create(t.Context(), "r1", replay.Request{}); err != nil {
		t.Fatal(err)
	}
	fault := messages.InvokeResponse_Error{Type: steps.FaultTransient, Message: "again"}
	var answer error
	step := platform.Logged(p, func(context.Context, steps.SegmentInput) (steps.SegmentOutput, error) {
		w.Parts.Meter.Part("log").Add(meter.ReadUnits, 4)
		return steps.SegmentOutput{}, answer
	})
	for _, c := range []struct {
		refuse bool
		err    error
	}{{true, nil}, {false, nil}, {false, fault}} {
		table.on, answer = c.refuse, c.err
		if _, err := step(t.Context(), steps.SegmentInput{Replay: "r1", Group: 3}); nameOf(err) != nameOf(c.err) {
			t.Errorf("the step's error is %v, want %v", err, c.err)
		}
	}
	if cost := costOf(t, p, "r1"); cost == nil || cost.Functions["read-segment"].ReadUnits != 12 {
		t.Errorf("have %+v", cost)
	}
	if logged := w.Logged.String(); strings.Count(logged, `"level":"WARN","msg":"cost not kept"`) != 1 {
		t.Errorf("logged %s", w.Logged)
	}
}

// nameOf is the name that Lambda reports of an error.
func nameOf(err error) string {
	var named messages.InvokeResponse_Error
	_ = errors.As(err, &named)
	return named.Type
}

// TestABatchIsDividedByTheEventsOfItsReplays has two replays of one log in one
// batch. One of them selects a part.
func TestABatchIsDividedByTheEventsOfItsReplays(t *testing.T) {
	w := platformtest.New(t)
	w.Parts.Meter, w.Parts.Function = new(meter.Meter), "apply-playback"
	p := w.Platform()
	sent := platformtest.Sent(t, p, "one.happened", "two.happened", "two.happened", "one.happened")
	if answer, err := p.Pump()(t.Context(), sent); err != nil || len(answer.BatchItemFailures) > 0 {
		t.Fatalf("%+v, %v", answer, err)
	}
	for id, input := range map[string]string{"all": `{}`, "part": `{"types":["one.happened"]}`} {
		out, err := p.Plan()(t.Context(), steps.PlanInput{Replay: id, Input: []byte(input)})
		if err != nil {
			t.Fatal(err)
		}
		for group := range out.Groups {
			if _, err := p.Read()(t.Context(), steps.SegmentInput{Replay: id, Group: group}); err != nil {
				t.Fatal(err)
			}
		}
	}
	used := meter.Usage{WriteUnits: 10.003, ReadUnits: 77, PutUnits: 1}
	w.Parts.Meter.Part("control").Add(meter.WriteUnits, used.WriteUnits)
	w.Parts.Meter.Part("log").Add(meter.ReadUnits, used.ReadUnits)
	w.Parts.Meter.Part("streams").Add(meter.PutUnits, used.PutUnits)
	answer, err := p.ApplyPlayback()(t.Context(), platformtest.Records(t, p.Playback))
	if err != nil || len(answer.BatchItemFailures) > 0 {
		t.Fatalf("%+v, %v", answer, err)
	}
	if costOf(t, p, "all") == nil || costOf(t, p, "part") == nil {
		t.Fatal("a replay has no cost")
	}
	all, part := costOf(t, p, "all").Total, costOf(t, p, "part").Total
	sum := meter.Usage{WriteUnits: all.WriteUnits, ReadUnits: all.ReadUnits, PutUnits: all.PutUnits}.Add(
		meter.Usage{WriteUnits: part.WriteUnits, ReadUnits: part.ReadUnits, PutUnits: part.PutUnits})
	if sum != used {
		t.Errorf("kept %+v, used %+v", sum, used)
	}
	if ratio := all.ReadUnits / part.ReadUnits; ratio < 1.99 || ratio > 2.01 {
		t.Errorf("4 events cost %+v, 2 cost %+v", all, part)
	}
}
