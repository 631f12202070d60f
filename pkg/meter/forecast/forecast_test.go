package forecast_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/meter/forecast"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/request"
)

// hourly has three events of two entities in each of four hours.
func hourly(t *testing.T) (w *replaytest.World, start time.Time) {
	t.Helper()
	w = replaytest.New(t)
	start = w.Now
	for range 4 {
		w.Send("a", "b", "a")
		w.Now = w.Now.Add(time.Hour)
	}
	return w, start
}

func forecaster(w *replaytest.World) *forecast.Forecaster {
	return &forecast.Forecaster{Planner: w.Planner(), Readers: 3, Charged: true}
}

// What is read is known from the manifests; what is delivered only where whole
// buckets are selected. The replay that is then run keeps to the plan.
func TestAPlanCountsWhatTheReplayReads(t *testing.T) {
	w, start := hourly(t)
	at := func(after time.Duration) *time.Time { when := start.Add(after); return &when }
	for i, tt := range []struct {
		request           replay.Request
		read, least, most int64
		entities          int
	}{
		{replay.Request{}, 12, 12, 12, -1},
		{replay.Request{Rebuild: true}, 12, 12, 12, -1},
		{replay.Request{From: at(time.Hour), To: at(3 * time.Hour)}, 6, 6, 6, -1},
		{replay.Request{From: at(time.Hour + time.Minute)}, 9, 6, 9, -1},
		{replay.Request{To: at(time.Hour + time.Minute)}, 6, 3, 6, -1},
		{replay.Request{Types: []string{"it.happened"}}, 12, 0, 12, -1},
		{replay.Request{Prefixes: []string{"a"}}, 12, 0, 12, -1},
		{replay.Request{Attribute: &request.Attribute{Name: "tenant"}}, 12, 0, 12, -1},
		{replay.Request{Slice: "2h"}, 12, 12, 12, -1},
		{replay.Request{To: at(-time.Hour)}, 0, 0, 0, 0},
	} {
		plan, err := forecaster(w).Forecast(t.Context(), tt.request)
		w.Must(err)
		if plan.Read != (forecast.Range{AtLeast: tt.read, AtMost: tt.read}) ||
			plan.Delivered != (forecast.Range{AtLeast: tt.least, AtMost: tt.most}) ||
			(plan.Entities == nil) != (tt.entities < 0) || plan.Readers != 3 || !plan.Cut.Equal(w.Now) {
			t.Errorf("%+v is planned as %+v", tt.request, plan)
		}
		if tt.request.Rebuild {
			continue
		}
		id := fmt.Sprint("r", i)
		row := w.Plan(id, tt.request)
		w.Deliver(id)
		took := w.Consume().Events
		if row.Total != tt.read || row.Slices != plan.Slices || row.Groups != plan.Groups || len(row.Lanes) != plan.Lanes ||
			took < tt.least || took > tt.most {
			t.Errorf("%+v read %d and delivered %d, planned %+v", tt.request, row.Total, took, plan)
		}
	}
}

// A plan of single entities counts them, and bounds what is read by their buckets.
func TestAPlanOfSingleEntitiesKnowsTheirNumber(t *testing.T) {
	w, _ := hourly(t)
	plan, err := forecaster(w).Forecast(t.Context(), replay.Request{Entities: []string{"a", "unknown"}})
	w.Must(err)
	if plan.Entities == nil || *plan.Entities != 2 || plan.Read.AtLeast != 0 || plan.Read.AtMost < 8 {
		t.Errorf("%+v", plan)
	}
}

// A forecast writes nothing, and refuses what a replay would refuse.
func TestAForecastWritesNothing(t *testing.T) {
	w, _ := hourly(t)
	f := forecaster(w)
	refuse := func(control.Key) error { return errors.New("it was written") }
	f.Planner.Store.Table = replaytest.Intercepted{Table: w.Store.Table, Write: refuse}
	for _, r := range []replay.Request{{}, {Entities: []string{"a"}}, {Rebuild: true, Promote: true}} {
		if _, err := f.Forecast(t.Context(), r); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for _, r := range []replay.Request{{Rate: -1}, {Promote: true}} {
		if _, err := f.Forecast(t.Context(), r); !errors.Is(err, replay.ErrRequest) {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

// past ends a replay of some events after some seconds.
func past(t *testing.T, w *replaytest.World, id string, r replay.Request, events int64, took time.Duration) {
	t.Helper()
	w.Create(id, r)
	w.Must(w.Store.Started(t.Context(), id))
	w.Change(id, func(row *replay.Row) { row.Total = events })
	w.Now = w.Now.Add(took)
	_, _, err := w.Store.End(t.Context(), id, replay.Succeeded, nil, nil)
	w.Must(err)
}

// The expected time rests on earlier replays of the same kind and size, and on the
// rate. Small and slowed ones say nothing about a large one.
func TestTheTimeRestsOnEarlierReplays(t *testing.T) {
	w, _ := hourly(t)
	expect := func(r replay.Request) forecast.Duration {
		plan, err := forecaster(w).Forecast(t.Context(), r)
		w.Must(err)
		return plan.Duration
	}
	if d := expect(replay.Request{}); d.AtMost != nil || d.AtLeast > 0.001 {
		t.Errorf("without a measurement: %+v", d)
	}
	past(t, w, "tiny", replay.Request{}, 0, time.Hour)
	past(t, w, "slowed", replay.Request{Rate: 1}, 12, time.Hour)
	past(t, w, "rebuilt", replay.Request{Rebuild: true}, 12, time.Hour)
	w.Create("held", replay.Request{})
	w.Change("held", func(row *replay.Row) { row.Rates = 2 })
	past(t, w, "held", replay.Request{}, 12, time.Hour)
	w.Create("continued", replay.Request{})
	w.Change("continued", func(row *replay.Row) { row.Executions = []string{"continued.1"} })
	past(t, w, "continued", replay.Request{}, 12, time.Second)
	if d := expect(replay.Request{}); d.AtMost != nil {
		t.Errorf("after replays of another kind or size: %+v", d)
	}
	past(t, w, "slow", replay.Request{}, 12, 12*time.Second)
	past(t, w, "fast", replay.Request{}, 24, 12*time.Second)
	if d := expect(replay.Request{}); d.AtLeast != 4 || d.AtMost == nil || *d.AtMost != 18 {
		t.Errorf("after two replays: %+v", d)
	}
	if d := expect(replay.Request{Rate: 2}); d.AtLeast != 6 || *d.AtMost != 18 {
		t.Errorf("at 2 events/s: %+v", d)
	}
	if d := expect(replay.Request{Rate: 2, Types: []string{"a"}}); d.AtLeast != 4 || *d.AtMost != 18 {
		t.Errorf("at 2 events/s of perhaps no event: %+v", d)
	}
	for i := range 10 {
		past(t, w, fmt.Sprint("newer", i), replay.Request{}, 12, 3*time.Second)
	}
	if d := expect(replay.Request{}); d.AtLeast != 2 || *d.AtMost != 4.5 {
		t.Errorf("after ten newer replays: %+v", d)
	}
}

// Each part of the price is a range, and the parts add up.
func TestTheCostIsARangeByPart(t *testing.T) {
	w, _ := hourly(t)
	for _, r := range []replay.Request{{}, {Rebuild: true}, {Entities: []string{"a"}}, {Types: []string{"x"}},
		{Ordering: request.ByWindow}, {Ordering: request.Unordered}} {
		plan, err := forecaster(w).Forecast(t.Context(), r)
		w.Must(err)
		var sum forecast.Dollars
		for _, part := range plan.Cost.Parts {
			if part.Dollars.AtLeast > part.Dollars.AtMost || part.Dollars.AtLeast < 0 {
				t.Errorf("%+v: %+v", r, part)
			}
			sum.AtLeast += part.Dollars.AtLeast
			sum.AtMost += part.Dollars.AtMost
		}
		if sum != plan.Cost.Dollars || sum.AtLeast <= 0 || (len(plan.Cost.Parts) == 7) != r.Rebuild {
			t.Errorf("%+v: %+v", r, plan.Cost)
		}
	}
	free := forecaster(w)
	free.Charged = false
	if plan, err := free.Forecast(t.Context(), replay.Request{}); err != nil || plan.Cost != nil {
		t.Errorf("where nothing is charged: %+v, %v", plan.Cost, err)
	}
}
