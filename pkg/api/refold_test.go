package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/pkg/api/entities"
	"reprise/pkg/api/past"
	"reprise/pkg/api/web"
	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/projection"
)

func (w *apiWorld) refold(entity, request string) response {
	w.t.Helper()
	return w.call("POST /entities/{id}/refold", web.EncodeEntity(entity), nil,
		fmt.Sprintf(`{"request":%q,"reason":"a test","who":"ann"}`, request))
}

// spoil changes what the store says of an entity.
func (w *apiWorld) spoil(entity string) {
	w.t.Helper()
	lane := w.api.Lanes.Of(entity)
	generation := w.generations.Open("g0001")
	rows, err := generation.Rows(w.t.Context(), lane, []string{entity})
	must(w.t, err)
	row := rows[entity]
	row.State, row.Count = []byte(`{"balance":-1}`), 99
	lost, err := generation.WriteRows(w.t.Context(), lane, []datastore.RowWrite{{Row: row, Previous: row.Position}})
	if err != nil || len(lost) > 0 {
		w.t.Fatal(lost, err)
	}
}

func TestRefoldMendsARow(t *testing.T) {
	w := newAPIWorld(t)
	w.send(deposits("a", 0, 4)...)
	w.flow()
	right := w.entity("a")
	w.spoil("a")
	answer := w.refold("a", "r1")
	made := decode[entities.Refolding](t, answer.Body)
	if answer.StatusCode != http.StatusAccepted || made.Repeated || made.Request != "r1" ||
		made.ID != event.RefoldID("r1", "a") {
		t.Fatalf("%d %s", answer.StatusCode, answer.Body)
	}
	w.send(deposits("a", 4, 5)...)
	w.flow()
	a := w.entity("a")
	if a.Count != right.Count+1 || a.Corrections != 1 || !strings.Contains(string(a.State), `"balance":4`) {
		t.Errorf("%+v %s", a, a.State)
	}
	again := w.refold("a", "r1")
	repeated := decode[entities.Refolding](t, again.Body)
	if again.StatusCode != http.StatusOK || !repeated.Repeated || repeated.Position != made.Position {
		t.Errorf("repeated: %d %s", again.StatusCode, again.Body)
	}
	w.flow()
	if n := len(w.history("a")); n != 6 {
		t.Errorf("the log has %d events", n)
	}
	shown := get[past.StateAt](w, stateRoute, web.EncodeEntity("a"), map[string]string{
		"at": string(made.Position)})
	if shown.Outcome != past.Correction || shown.Count != right.Count {
		t.Errorf("the state at the correction: %+v", shown)
	}
}

func TestRefoldRefusesWhatItCannotDo(t *testing.T) {
	w := newAPIWorld(t)
	w.send(deposits("a", 0, 2)...)
	w.flow()
	w.refused("an unknown entity", w.refold("nobody", "r"), http.StatusNotFound, "entity-not-found")
	w.refused("no request", w.refold("a", ""), http.StatusBadRequest, "invalid-correction")
	w.refused("a long request", w.refold("a", strings.Repeat("r", event.MaxRequestBytes+1)), http.StatusBadRequest,
		"invalid-correction")
	if n := len(w.history("a")); n != 2 {
		t.Errorf("the log has %d events", n)
	}
}

// An entity beyond the limit is refused before anything is appended.
func TestRefoldRefusesALongHistory(t *testing.T) {
	w := newAPIWorld(t)
	const batch = 5000
	for from := 0; from <= projection.MaxRefoldEvents; from += batch {
		w.send(deposits("a", from, min(from+batch, projection.MaxRefoldEvents+1))...)
	}
	w.flow()
	w.refused("a long history", w.refold("a", "r"), http.StatusUnprocessableEntity, "history-too-long")
}

func (w *apiWorld) touched(input string) (all []string, pages int) {
	w.t.Helper()
	for after := ""; ; pages++ {
		body, err := json.Marshal(entities.TouchedRequest{Input: json.RawMessage(input), After: after})
		must(w.t, err)
		answer := w.call("POST /touched", "", nil, string(body))
		if answer.StatusCode != http.StatusOK {
			w.t.Fatalf("%s: %d %s", input, answer.StatusCode, answer.Body)
		}
		page := decode[entities.TouchedPage](w.t, answer.Body)
		all = append(all, page.Entities...)
		if after = page.Next; after == "" {
			slices.Sort(all)
			return slices.Compact(all), pages + 1
		}
	}
}

// TestTouchedIsWhatAReplayWouldDeliver compares with a filter over all events.
func TestTouchedIsWhatAReplayWouldDeliver(t *testing.T) {
	w := newAPIWorld(t)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	type sent struct {
		entity, kind string
		hour         int
	}
	var all []sent
	for i := range 600 {
		s := sent{fmt.Sprintf("%s-%d", []string{"car", "cart", "bus"}[r.IntN(3)], r.IntN(30)),
			[]string{"moved", "stopped", "account.opened"}[r.IntN(3)], i / 10}
		all = append(all, s)
		w.send(fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"s","type":%q,"subject":%q,"tenant":"t%d",`+
			`"time":"2026-03-%02dT%02d:30:00Z"}`, i, s.kind, s.entity, i%7, 1+s.hour/24, s.hour%24))
	}
	w.flow()
	for input, wanted := range map[string]func(int, sent) bool{
		`{}`:                      func(int, sent) bool { return true },
		`{"types":["moved"]}`:     func(_ int, s sent) bool { return s.kind == "moved" },
		`{"prefixes":["cart-1"]}`: func(_ int, s sent) bool { return strings.HasPrefix(s.entity, "cart-1") },
		`{"entities":["bus-3","car-1","none"]}`: func(_ int, s sent) bool {
			return s.entity == "bus-3" || s.entity == "car-1"
		},
		`{"entities":["bus-3"],"types":["moved"],"from":"2026-03-02T00:00:00Z"}`: func(_ int, s sent) bool {
			return s.entity == "bus-3" && s.kind == "moved" && s.hour >= 24
		},
		`{"from":"2026-03-01T05:00:00Z","to":"2026-03-01T07:30:00Z","types":["stopped"]}`: func(_ int, s sent) bool {
			return s.hour >= 5 && s.hour < 7 && s.kind == "stopped"
		},
		`{"entities":["bus-3"],"prefixes":["car-2"],"attribute":{"name":"tenant","value":"t3"}}`: func(i int, s sent) bool {
			return (s.entity == "bus-3" || strings.HasPrefix(s.entity, "car-2")) && i%7 == 3
		},
	} {
		want := make(map[string]bool)
		for i, s := range all {
			if wanted(i, s) {
				want[s.entity] = true
			}
		}
		have, pages := w.touched(input)
		if !slices.Equal(have, slices.Sorted(maps.Keys(want))) {
			t.Errorf("%s: %v, want %v", input, have, slices.Sorted(maps.Keys(want)))
		}
		if input == `{}` && pages < 2 {
			t.Errorf("all were found in %d page", pages)
		}
	}
}

func TestTouchedRefusesWhatSelectsNothing(t *testing.T) {
	w := newAPIWorld(t)
	for body, kind := range map[string]string{
		`{}`:                               "invalid-replay",
		`{"input":{"rebuild":true}}`:       "invalid-replay",
		`{"input":{"rate":5}}`:             "invalid-replay",
		`{"input":{"typ":["x"]}}`:          "invalid-replay",
		`{"input":{},"after":"x"}`:         "invalid-parameter",
		`{"input":{},"after":"9999__"}`:    "invalid-parameter",
		`{"input":{},"after":"00__"}`:      "invalid-parameter",
		`{"input":{},"after":"0_x_"}`:      "invalid-parameter",
		`{"input":{},"after":"0__\u0000"}`: "invalid-parameter",
	} {
		w.refused(body, w.call("POST /touched", "", nil, body), http.StatusBadRequest, kind)
	}
}

// listing counts the documents of a partition that are listed.
type listing struct {
	control.Table
	partition string
	listed    int
}

func (l *listing) List(ctx context.Context, partition, after string, limit int) ([]control.Document, error) {
	docs, err := l.Table.List(ctx, partition, after, limit)
	if strings.HasPrefix(partition, l.partition) {
		l.listed += len(docs)
	}
	return docs, err
}

// A page of touched entities looks at the buckets that it reads, and not at all that a
// long history has.
func TestAPageOfTouchedEntitiesLooksAtItsOwnBuckets(t *testing.T) {
	w := newAPIWorld(t)
	begin := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	const buckets = 1300
	for at := 0; at < buckets; {
		var lines []string
		for ; at < buckets && len(lines) < 100; at++ {
			when := begin.Add(time.Duration(at) * time.Hour).Format(time.RFC3339)
			lines = append(lines, fmt.Sprintf(
				`{"specversion":"1.0","id":"%d","source":"s","type":"moved","subject":"x","time":%q}`, at, when))
		}
		w.send(lines...)
	}
	w.commit()
	table := &listing{Table: w.api.Heads.Table, partition: "manifest"}
	w.api.Heads.Table = table
	answer := w.call("POST /touched", "", nil, `{"input":{"types":["moved"]}}`)
	page := decode[entities.TouchedPage](t, answer.Body)
	if page.Next == "" || table.listed == 0 || table.listed > 500 {
		t.Errorf("%d manifests for a page of %d events: %s", table.listed, page.Events, answer.Body)
	}
	if all, pages := w.touched(`{"types":["moved"]}`); len(all) != 1 || pages < buckets/128 {
		t.Errorf("%v on %d pages", all, pages)
	}
}
