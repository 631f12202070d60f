package forecast_test

import (
	"testing"
	"time"

	"reprise/pkg/meter/forecast"
	"reprise/pkg/replay"
)

// A plan tells whether a rebuild will move its cut: by the time that it takes at least and
// at most, and half of the event stream's retention.
func TestAPlanTellsWhetherARebuildCatchesUp(t *testing.T) {
	w, _ := hourly(t)
	expect := func(r replay.Request, retention time.Duration) forecast.CatchUp {
		t.Helper()
		f := forecaster(w)
		f.Retention = retention
		plan, err := f.Forecast(t.Context(), r)
		w.Must(err)
		return plan.CatchUp
	}
	for name, c := range map[string]struct {
		request   replay.Request
		retention time.Duration
		want      forecast.CatchUp
	}{
		"no rebuild":            {replay.Request{Rate: 1}, time.Second, forecast.NoCatchUp},
		"kept for ever":         {replay.Request{Rebuild: true, Rate: 1}, 0, forecast.NoCatchUp},
		"slow":                  {replay.Request{Rebuild: true, Rate: 1}, 2 * time.Second, forecast.ExpectedCatchUp},
		"nothing known":         {replay.Request{Rebuild: true}, 24 * time.Hour, forecast.PossibleCatchUp},
		"as long as it is kept": {replay.Request{Rebuild: true, Rate: 1}, 24 * time.Hour, forecast.PossibleCatchUp},
	} {
		if have := expect(c.request, c.retention); have != c.want {
			t.Errorf("%s: %s", name, have)
		}
	}
}
