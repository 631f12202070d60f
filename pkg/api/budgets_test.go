package api_test

import (
	"net/http"
	"strings"
	"testing"

	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/request"
)

// A budget is set and lifted; what cannot be one is refused by name and changes nothing.
func TestABudgetIsSetOverHTTP(t *testing.T) {
	w := newAPIWorld(t)
	_, _, err := w.store.Create(t.Context(), "r1", replay.Request{Budget: &request.Budget{ReadUnits: 7}})
	must(t, err)
	for _, c := range []struct {
		id, body string
		status   int
		detail   string
	}{
		{"r1", `{"budget":{"dollars":0}}`, http.StatusBadRequest, "budget: dollars 0 is not an amount"},
		{"r1", `{"budget":{"dollars":-1}}`, http.StatusBadRequest, "budget"},
		{"r1", `{"budget":{"dollars":1e999}}`, http.StatusBadRequest, "budget"},
		{"r1", `{"budget":{"dollars":NaN}}`, http.StatusBadRequest, "JSON"},
		{"r1", `{"budget":{"dollars":"5"}}`, http.StatusBadRequest, "budget"},
		{"r1", `{"budget":{"readUnits":1.5}}`, http.StatusBadRequest, "budget: readUnits 1.5 is not a whole number"},
		{"r1", `{"budget":{"dollars":5,"readUnits":5}}`, http.StatusBadRequest, "exactly one of dollars and readUnits"},
		{"r1", `{"budget":{}}`, http.StatusBadRequest, "exactly one of dollars and readUnits"},
		{"r1", `{"budget":5}`, http.StatusBadRequest, "budget: it must be an object"},
		{"r1", `{"budget":"none"}`, http.StatusBadRequest, "budget: it must be an object"},
		{"r1", `{"budget":{"dollars":5},"rate":5}`, http.StatusBadRequest, "rate"},
		{"r1", `{}`, http.StatusBadRequest, "budget is required"},
		{"none", `{"budget":{"dollars":5}}`, http.StatusNotFound, "no replay has this id"},
		{"<script>", `{"budget":{"dollars":5}}`, http.StatusNotFound, "no replay has this id"},
	} {
		got := w.call("POST /replays/{id}/budget", c.id, nil, c.body)
		if got.StatusCode != c.status || !strings.Contains(got.Body, jsonText(c.detail)) {
			t.Errorf("%s %s: %d %s", c.id, c.body, got.StatusCode, got.Body)
		}
	}
	row, err := w.store.Load(t.Context(), "r1")
	if err != nil || row.Budget != nil || row.Paused {
		t.Errorf("what was refused changed the replay: %+v, %v", row, err)
	}
	for body, want := range map[string]request.Budget{
		`{"budget":{"dollars":5.000001}}`: {Dollars: 5_000_001},
		`{"budget":null}`:                 {},
	} {
		if got := w.call("POST /replays/{id}/budget", "r1", nil, body); got.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", body, got.StatusCode, got.Body)
		}
		view := get[lifecycle.View](w, "GET /replays/{id}", "r1", nil)
		if none := view.Budget == nil; none != want.None() || !none && view.Budget.Limit != want {
			t.Errorf("%s: %+v", body, view.Budget)
		}
	}
}
