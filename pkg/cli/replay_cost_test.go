package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"reprise/pkg/meter/spending"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// The answer is one of a platform on AWS.
func TestReplayGetShowsTheCost(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	transitions := int64(1234)
	view := lifecycle.View{ID: "r1", Status: replay.Succeeded, Phase: replay.Succeeded, Created: at, Cut: &at,
		Cost: &spending.Cost{Transitions: &transitions,
			Total: spending.Spent{WriteUnits: 10_500, ReadUnits: 20_000.5, PutUnits: 3, Dollars: 0.0399125},
			Functions: map[string]spending.Spent{
				"read-segment": {ReadUnits: 19_000, Dollars: 0.002375}, "apply-playback": {WriteUnits: 10_000, Dollars: 0.00625},
				"plan-replay": {Dollars: 0.0000001}, "check-drained": {Dollars: 0.0000001},
			}}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(view); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	s := &shell{t: t, endpoint: server.URL}
	const golden = `cost        $0.039912: 10,500 write, 20,001 read and 3 PUT units, 1,234 transitions
most of it  apply-playback $0.006250, read-segment $0.002375, check-drained $0.000000
`
	if out := s.fine("", "replay", "get", "r1"); !strings.HasSuffix(out, golden) {
		t.Errorf("have\n%swant at its end\n%s", out, golden)
	}
	got := decode[lifecycle.View](t, s.fine("", "replay", "get", "r1", "--json"))
	if got.Cost == nil || *got.Cost.Transitions != 1234 ||
		got.Cost.Functions["read-segment"].ReadUnits != 19_000 {
		t.Errorf("have %+v", got.Cost)
	}
	view.Cost.Transitions = nil
	if out := s.fine("", "replay", "get", "r1"); !strings.Contains(out, "PUT units, transitions not known\n") {
		t.Errorf("have\n%s", out)
	}
	view.Cost = nil
	if out := s.fine("", "replay", "get", "r1"); strings.Contains(out, "cost") {
		t.Errorf("have\n%s", out)
	}
}
