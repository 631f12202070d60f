package forecast_test

import (
	"encoding/json"
	"strings"
	"testing"

	"reprise/pkg/meter"
	"reprise/pkg/meter/forecast"
	"reprise/pkg/meter/spending"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/request"
)

// A plan shows that there is no budget and that all failures are tolerated, which are the
// defaults.
func TestAPlanShowsTheDefaultsOfBudgetAndFailures(t *testing.T) {
	w, _ := hourly(t)
	plan, err := forecaster(w).Forecast(t.Context(), replay.Request{})
	w.Must(err)
	raw, err := json.Marshal(plan)
	w.Must(err)
	for _, want := range []string{`"budget":null,"toleratedFailures":null,"dryRun"`, `,"budget":null}`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("the plan lacks %s: %s", want, raw)
		}
	}
}

// A budget below what is expected is warned of, with the share that it allows.
func TestAPlanWarnsOfABudgetThatDoesNotSuffice(t *testing.T) {
	w, _ := hourly(t)
	planned := func(budget request.Budget, charged bool) *forecast.Budget {
		t.Helper()
		f := forecaster(w)
		f.Charged = charged
		plan, err := f.Forecast(t.Context(), replay.Request{Rebuild: true, Budget: &budget})
		w.Must(err)
		if plan.Budget == nil || plan.Budget.Limit != budget || *plan.Input.Budget != budget {
			t.Fatalf("%+v", plan.Budget)
		}
		return plan.Budget
	}
	big := planned(request.Budget{ReadUnits: 1_000_000}, true)
	least, most := big.AtLeast.ReadUnits, big.AtMost.ReadUnits
	if big.Warning != "" || big.Share != (forecast.Share{AtLeast: 1, AtMost: 1}) || least <= 0 || most <= least {
		t.Errorf("%+v", big)
	}
	for _, c := range []struct {
		units   int64
		charged bool
		warning string
	}{
		{most + 1, true, ""}, {most, true, "the replay may pause"}, {least + 1, true, "the replay may pause"},
		{least, true, "the replay will pause"},
		{1, true, "the replay will pause before its end: the budget of 1 read units is "},
		{most + 1, false, ""}, {most, false, "the replay will pause"}, {least + 1, false, "the replay will pause"},
	} {
		b := planned(request.Budget{ReadUnits: c.units}, c.charged)
		if !strings.HasPrefix(b.Warning, c.warning) || (b.Warning == "") != (c.warning == "") ||
			b.Share.AtLeast > b.Share.AtMost || b.Share.AtMost > 1 || b.Share.AtLeast <= 0 {
			t.Errorf("%+v: %+v", c, b)
		}
	}
}

// What the work of a replay is counted as never exceeds what its plan expects at most, so
// that a budget that suffices by the plan stops nothing.
func TestWhatIsCountedStaysWithinThePlan(t *testing.T) {
	for name, r := range map[string]replay.Request{
		"rebuild": {Rebuild: true}, "playback": {}, "filtered": {Types: []string{"it.happened"}},
		"entities": {Entities: []string{"a"}}, "slices": {Slice: "2h"}, "unordered": {Ordering: request.Unordered},
	} {
		w, _ := hourly(t)
		plan, err := forecaster(w).Forecast(t.Context(), r)
		w.Must(err)
		if r.Rebuild { // its generation does not matter here
			plain := r
			plain.Rebuild = false
			w.Plan("r", plain)
		} else {
			w.Plan("r", r)
		}
		before, row := countedOf(t, w), w.Row("r")
		for group := range row.Children() {
			_, err := w.Reader().Read(t.Context(), "r", group, w.Soon())
			w.Must(err)
		}
		w.Change("r", func(row *replay.Row) { row.Request.Rebuild = r.Rebuild })
		after, most := countedOf(t, w), atMost(&plan)
		if before.ReadUnits <= 0 || after.ReadUnits <= before.ReadUnits || after.ReadUnits > most.ReadUnits ||
			after.WriteUnits > most.WriteUnits || after.PutUnits > most.PutUnits || after.Transitions > 0 {
			t.Errorf("%s: %+v, then %+v; planned are %+v at most", name, before, after, most)
		}
	}
}

func countedOf(t *testing.T, w *replaytest.World) meter.Usage {
	t.Helper()
	used, err := spending.Counted{Store: w.Store}.Used(t.Context(), "r")
	w.Must(err)
	return used
}

func atMost(plan *forecast.Plan) (sum meter.Usage) {
	for _, part := range plan.Cost.Parts {
		sum = sum.Add(part.Units.AtMost)
	}
	return sum
}
