package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/api/intake"
	"reprise/pkg/api/past"
	"reprise/pkg/api/web"
	"reprise/pkg/replay"
)

const stateRoute = "GET /past/{id}/state"

func (w *apiWorld) stateAt(entity, at string) past.StateAt {
	w.t.Helper()
	return get[past.StateAt](w, stateRoute, web.EncodeEntity(entity), map[string]string{"at": at})
}

// The state after each event is what the live path had then, with what became of the
// event, at its position and at its time.
func TestStatesOfThePastAreThoseThatWere(t *testing.T) {
	w := newAPIWorld(t)
	lines := deposits("a", 0, 4)
	lines = append(lines, lines[3]) // a duplicate, which gets a time of its own
	unknown := strings.NewReplacer(`"id":"1"`, `"id":"x"`, "account.deposited", "nobody.knows")
	lines = append(lines, unknown.Replace(lines[1]))
	lines = append(lines, strings.NewReplacer(`"id":"1"`, `"id":"y"`, `"amount":1`, `"amount":-1`).Replace(lines[1]))
	lines = append(lines, deposits("a", 5, 6)...)
	for i := range lines {
		lines[i] = strings.Replace(lines[i], "T0", fmt.Sprintf("T0%d:0", i), 1)
		lines[i] = strings.Replace(lines[i], lines[i][strings.Index(lines[i], `"time"`):strings.Index(lines[i], `,"data"`)],
			fmt.Sprintf(`"time":"2026-03-01T0%d:00:00Z"`, i), 1)
	}
	outcomes := []past.Outcome{"applied", "applied", "applied", "applied", "conflict", "ignored", "parked", "waiting"}
	before := "null"
	for i, line := range lines {
		w.send(line)
		w.flow()
		live := get[entities.View](w, "GET /entities/{id}", web.EncodeEntity("a"), nil)
		for _, at := range []string{"", string(live.Position), fmt.Sprintf("2026-03-01T0%d:59:59+00:00", i)} {
			got := w.stateAt("a", at)
			if string(got.State) != string(live.State) || got.Count != live.Count || got.Position != live.Position ||
				got.Outcome != outcomes[i] || got.Number != i+1 || (got.Parked == nil) != (live.Parked == nil) {
				t.Errorf("event %d at %q: %+v, live %+v", i, at, got, live)
			}
			if shown := string(got.Before); shown != before {
				t.Errorf("event %d at %q: before it %s, want %s", i, at, shown, before)
			}
		}
		before = string(live.State)
	}
	first := w.stateAt("a", "2026-03-01T00:30:00Z")
	if first.Number != 1 || string(first.Before) != "null" || first.Outcome != "applied" {
		t.Errorf("after the first event: %+v", first)
	}
}

// A history that is too long is refused, with what else there is, up to where it is not.
func TestStatesOfLongHistoriesAreBounded(t *testing.T) {
	w := newAPIWorld(t)
	for from := 0; from < 10_001; from += 2000 {
		w.send(deposits("a", from, min(from+2000, 10_001))...)
		w.commit()
	}
	response := w.call(stateRoute, web.EncodeEntity("a"), nil, "")
	if response.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(response.Body, "history-too-long") {
		t.Errorf("%d %.300s", response.StatusCode, response.Body)
	}
}

func TestStatesAreAskedForStrictly(t *testing.T) {
	w := newAPIWorld(t)
	w.send(deposits("a", 0, 2)...)
	w.flow()
	for at, want := range map[string]string{
		"yesterday": "invalid-parameter", "-1": "invalid-parameter", "0001": "invalid-parameter",
		"2026-03-01": "invalid-parameter", "1960-03-01T00:00:00Z": "invalid-parameter",
		"2020-01-01T00:00:00Z": "event-not-found",
	} {
		response := w.call(stateRoute, web.EncodeEntity("a"), map[string]string{"at": at}, "")
		if !strings.Contains(response.Body, want) {
			t.Errorf("at %s: %d %s", at, response.StatusCode, response.Body)
		}
	}
	if response := w.call(stateRoute, web.EncodeEntity("none"), nil, ""); response.StatusCode != http.StatusNotFound {
		t.Errorf("of an entity without events: %d %s", response.StatusCode, response.Body)
	}
}

// While a platform runs, it keeps how its replays go, without anybody who watches.
func TestSamplesAreKeptWhileNobodyWatches(t *testing.T) {
	w := newLiveWorld(t)
	ctx, ended := t.Context(), make(chan struct{})
	go func() { defer close(ended); w.live.Sample(ctx) }()
	t.Cleanup(func() { <-ended })
	_, _, err := w.store.Create(t.Context(), "r1", replay.Request{})
	must(t, err)
	for range 9 { // nothing is written: nothing is read
		w.tick()
	}
	if n := w.looks.Load(); n != 0 {
		t.Errorf("%d looks at an idle platform", n)
	}
	w.writes.Add(1)
	for range 9 {
		w.tick()
	}
	_, _, err = w.store.End(t.Context(), "r1", replay.Failed, nil, nil)
	must(t, err)
	w.writes.Add(1)
	for range 9 {
		w.tick()
	}
	if n := w.looks.Load(); n != 2 {
		t.Errorf("%d looks after two writes", n)
	}
	w.handler = api.NewLocal(&intake.Load{}, w.load, w.api, &api.Playback{}, w.live)
	got := get[api.SamplesView](w.apiWorld, "GET /replays/{id}/samples", "r1", nil)
	if len(got.Samples) != 2 || got.Samples[0].Status != replay.Running || got.Samples[1].Status != replay.Failed ||
		got.Samples[0].At.After(time.Now()) {
		t.Errorf("%+v", got)
	}
	if response := w.call("GET /replays/{id}/samples", "none", nil, ""); response.StatusCode != http.StatusNotFound {
		t.Errorf("of none: %d %s", response.StatusCode, response.Body)
	}
}

// GET /generations says what each generation holds.
func TestGenerationsSayWhatTheyHold(t *testing.T) {
	w := newAPIWorld(t)
	w.send(deposits("a", 0, 3)...)
	w.send(strings.Replace(deposits("b", 1, 2)[0], `"amount":1`, `"amount":-1`, 1)) // it has no account
	w.flow()
	w.send(deposits("a", 3, 5)...)
	w.commit()
	view := get[api.GenerationsView](w, "GET /generations", "", nil)
	if len(view.Generations) != 1 {
		t.Fatalf("%+v", view)
	}
	g := view.Generations[0]
	if g.Activated == nil || g.Detail == nil || *g.Detail.Events != 4 || *g.Detail.Behind != 2 ||
		g.Detail.Parked.Count != 1 || g.Detail.KeptUntil != nil {
		t.Errorf("%+v %+v", g, g.Detail)
	}
}
