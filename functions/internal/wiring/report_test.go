package wiring

import (
	"context"
	"errors"
	"testing"

	"reprise/pkg/meter"
	"reprise/pkg/platform"
	"reprise/pkg/replay"
	"reprise/pkg/steps"
)

// TestAReportWithoutTransitionsIsAReport: without the permission, or when the service
// throttles, the report lacks the number, but the replay does not fail.
func TestAReportWithoutTransitionsIsAReport(t *testing.T) {
	w := newWorld(t)
	w.Parts.Meter, w.Parts.Function = new(meter.Meter), "report-replay"
	for _, c := range []struct {
		id    string
		count int
		err   error
	}{{"counted", 41, nil}, {"not-counted", 0, errors.New("access denied")}} {
		var p *platform.Platform
		w.Parts.Transitions = func(ctx context.Context, id string) (int, error) {
			if row, err := p.Store().Load(ctx, id); err != nil || row.Status.Ended() {
				t.Errorf("%s is shown as ended without its transitions: %v", id, err)
			}
			if _, bounded := ctx.Deadline(); !bounded || id != c.id {
				t.Errorf("counts %s without an end", id)
			}
			return c.count, c.err
		}
		p = w.Platform()
		if _, _, err := p.Store().Create(t.Context(), c.id, replay.Request{}); err != nil {
			t.Fatal(err)
		}
		w.Parts.Meter.Part("control").Add(meter.ReadUnits, 8)
		view, err := p.Report()(t.Context(), steps.ReportInput{Replay: c.id})
		if err != nil || view.Status != replay.Succeeded || view.Cost == nil || view.Cost.Total.ReadUnits < 8 {
			t.Fatalf("%s: %+v, %v", c.id, view, err)
		}
		switch got := view.Cost.Transitions; {
		case c.err != nil && got != nil:
			t.Errorf("%s: %d transitions", c.id, *got)
		case c.err == nil && (got == nil || *got != 42): // and the one behind the report
			t.Errorf("%s: %v transitions", c.id, got)
		}
	}
	if warnings := linesOf(t, w.Logged, "transitions not counted"); len(warnings) != 1 {
		t.Errorf("logged %s", w.Logged)
	}
}
