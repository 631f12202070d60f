package steps_test

import (
	"context"
	"errors"
	"testing"

	"reprise/pkg/meter"
	"reprise/pkg/meter/spending"
	"reprise/pkg/platform"
	"reprise/pkg/platform/platformtest"
	"reprise/pkg/replay"
	"reprise/pkg/steps"
)

// reporter reports the replay "r" of a world.
func reporter(t *testing.T, p *platform.Platform) *steps.ReportReplay {
	t.Helper()
	_, _, err := p.Store().Create(t.Context(), "r", replay.Request{})
	must(t, err)
	return &steps.ReportReplay{Closer: p.Closer(), Viewer: p.API().Viewer, Now: p.Now, Log: p.Log}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestAReportSaysHowTheExecutionEnded reports no error, an error of a function
// as Lambda gives it, and an error of a state itself.
func TestAReportSaysHowTheExecutionEnded(t *testing.T) {
	for name, c := range map[string]struct {
		in   steps.ReportInput
		want *replay.Failure
	}{
		"success": {steps.ReportInput{}, nil},
		"function's": {steps.ReportInput{Error: "E", Cause: `{"errorMessage":"m","errorType":"E"}`},
			&replay.Failure{Error: "E", Cause: "m"}},
		"no message": {steps.ReportInput{Error: "E", Cause: `{"errorType":"E"}`},
			&replay.Failure{Error: "E", Cause: `{"errorType":"E"}`}},
		"damaged": {steps.ReportInput{Error: "E", Cause: `{"errorMessage":"m"`},
			&replay.Failure{Error: "E", Cause: `{"errorMessage":"m"`}},
		"state's": {steps.ReportInput{Error: "States.Timeout", Cause: "late"},
			&replay.Failure{Error: "States.Timeout", Cause: "late"}},
	} {
		t.Run(name, func(t *testing.T) {
			report := reporter(t, platformtest.New(t).Platform())
			want := replay.Succeeded
			if c.want != nil {
				want = replay.Failed
			}
			for _, id := range []string{"r", "r", "unknown"} { // a refused replay has no row
				c.in.Replay = id
				view, err := report.Handle(t.Context(), c.in)
				must(t, err)
				if view.ID != id || view.Status != want || (view.Failure == nil) != (c.want == nil) {
					t.Fatalf("%s: %+v", id, view)
				}
				if c.want != nil && *view.Failure != *c.want {
					t.Errorf("%s: %+v, want %+v", id, view.Failure, c.want)
				}
			}
		})
	}
}

// TestAReportShowsWhatTheReplayCost expects the transitions, including the one
// still to come, and what the report itself used. If something cannot be
// counted, the report does not fail.
func TestAReportShowsWhatTheReplayCost(t *testing.T) {
	for name, fails := range map[string]error{"counted": nil, "not counted": errors.New("no history")} {
		t.Run(name, func(t *testing.T) {
			p, m := platformtest.New(t).Platform(), new(meter.Meter)
			report := reporter(t, p)
			report.Spending = &spending.Recorder{Store: p.Store(), Used: meter.NewOutstanding(m), Function: "report-replay"}
			report.Transitions = func(context.Context, string) (int, error) { return 41, fails }
			m.Part("control").Add(meter.WriteUnits, 7)
			view, err := report.Handle(t.Context(), steps.ReportInput{Replay: "r"})
			must(t, err)
			if view.Status != replay.Succeeded || view.Cost == nil || view.Cost.Functions["report-replay"].WriteUnits != 7 {
				t.Fatalf("%+v, cost %+v", view, view.Cost)
			}
			if n := view.Cost.Transitions; (n == nil) != (fails != nil) || n != nil && *n != 42 {
				t.Errorf("%v transitions", n)
			}
		})
	}
}
