package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

func TestEntityComesFromTheActiveGeneration(t *testing.T) {
	w := newAPIWorld(t)
	odd := "a/b#c%d?e=f&ü😀 +"
	w.send(deposits(odd, 0, 5)...)
	w.send(deposits(odd, 2, 3)...)
	w.flow()
	view := get[entities.View](w, "GET /entities/{id}", web.EncodeEntity(odd), nil)
	if view.Entity != odd || view.Count != 5 || view.Duplicates != 1 || view.Generation != "g0001" ||
		view.Projection != "accounts" || string(view.State) != `{"owner":"\u003cb\u003e\u0026","open":true,"balance":4}` {
		t.Errorf("got %+v with state %s", view, view.State)
	}
}

func TestHistoryMarksDuplicatesOnAnyPage(t *testing.T) {
	w := newAPIWorld(t)
	w.send(deposits("a", 0, 40)...)
	w.send(deposits("a#", 0, 3)...) // a neighbour in key order
	w.send(deposits("a", 10, 20)...)
	w.send(deposits("a", 15, 45)...)
	w.flow()
	const events = 40 + 10 + 30
	for _, limit := range []int{1, 7, 40, 79, 80, 81} {
		var all []entities.HistoryEvent
		after := map[string]string{"limit": fmt.Sprint(limit)}
		for pages := 0; ; pages++ {
			page := get[entities.HistoryPage](w, "GET /entities/{id}/events", web.EncodeEntity("a"), after)
			all = append(all, page.Events...)
			if page.Next == "" {
				break
			}
			if len(page.Events) != limit || pages > events {
				t.Fatalf("limit %d: page of %d events", limit, len(page.Events))
			}
			after["after"] = page.Next
		}
		if len(all) != events {
			t.Fatalf("limit %d: %d events, want %d", limit, len(all), events)
		}
		seen := map[string]bool{}
		for i, e := range all {
			id := decode[struct{ ID string }](t, string(e.Event)).ID
			if e.Duplicate != seen[id] {
				t.Errorf("limit %d: event %d with id %s: duplicate is %v", limit, i, id, e.Duplicate)
			}
			seen[id] = true
			if i > 0 && e.Position <= all[i-1].Position {
				t.Errorf("limit %d: position %s comes behind %s", limit, e.Position, all[i-1].Position)
			}
		}
	}
}

func TestHistoryHasTheEventsBytes(t *testing.T) {
	w := newAPIWorld(t)
	lines := deposits("a", 0, 1)
	w.send(lines...)
	w.flow()
	response := w.call("GET /entities/{id}/events", web.EncodeEntity("a"), nil, "")
	if !strings.Contains(response.Body, `"data":{"owner":"<b>&"}}`) {
		t.Errorf("the event's data was changed: %s", response.Body)
	}
}

func TestHistoryReadsOnlyWhatTheHeadCovers(t *testing.T) {
	w := newAPIWorld(t)
	w.send(deposits("a", 0, 2)...)
	w.flow()
	at, err := event.NewPosition(9, "1", 0)
	must(t, err)
	stray := eventlog.Entry{Entity: "a", Position: at, Logged: 1, Line: []byte(deposits("a", 7, 8)[0])}
	must(t, w.pump.Log.Put(t.Context(), w.api.Lanes.Of("a"), "2026-03-01T01", []eventlog.Entry{stray}))
	page := get[entities.HistoryPage](w, "GET /entities/{id}/events", web.EncodeEntity("a"), nil)
	if len(page.Events) != 2 {
		t.Errorf("%d events, want 2", len(page.Events))
	}
}

func TestHistoryOutlivesTheDataStore(t *testing.T) {
	w := newAPIWorld(t)
	w.send(deposits("a", 0, 30)...)
	w.flow()
	must(t, w.generations.Clear(t.Context(), "g0001"))
	page := get[entities.HistoryPage](w, "GET /entities/{id}/events", web.EncodeEntity("a"), nil)
	if len(page.Events) != 30 || page.Next != "" {
		t.Errorf("%d events, want 30", len(page.Events))
	}
}

func TestRowsComePageByPage(t *testing.T) {
	w := newAPIWorld(t)
	want := map[string]bool{}
	for i := range 57 {
		id := fmt.Sprintf("%c/%d#%%", rune('a'+i%7), i)
		want[id] = true
		w.send(deposits(id, 0, 2)...)
	}
	w.flow()
	for lane := range apiLanes {
		query := map[string]string{"lane": fmt.Sprint(lane), "limit": "5", "generation": "g0001"}
		last := ""
		for {
			page := get[entities.RowsPage](w, "GET /rows", "", query)
			for _, r := range page.Rows {
				if key := event.EscapeEntity(r.Entity); key <= last {
					t.Errorf("%q comes behind %q", key, last)
				} else {
					last = key
				}
				delete(want, r.Entity)
			}
			if page.Next == "" {
				break
			}
			query["after"] = page.Next
		}
	}
	if len(want) > 0 {
		t.Errorf("%d entities are missing: %v", len(want), want)
	}
}

func TestLanesShowLogAndApplied(t *testing.T) {
	w := newAPIWorld(t)
	w.send(deposits("a", 0, 3)...)
	view := get[api.LanesView](w, "GET /lanes", "", nil)
	if view.Generation != "g0001" || view.Lost || len(view.Lanes) != apiLanes || view.Lanes[0].Logged != nil {
		t.Errorf("before: %+v", view)
	}
	w.flow()
	lane := get[api.LanesView](w, "GET /lanes", "", nil).Lanes[w.api.Lanes.Of("a")]
	if lane.Count != 3 || lane.Position == "" || lane.Applied != lane.Position || lane.Logged == nil {
		t.Errorf("after: %+v", lane)
	}
}

func TestLostGenerationIsReportedAsLost(t *testing.T) {
	for name, lose := range map[string]func(*apiWorld) error{
		"wiped": func(w *apiWorld) error { return w.generations.Clear(w.t.Context(), "g0001") },
		"gone":  func(w *apiWorld) error { return w.generations.Drop(w.t.Context(), "g0001") },
		"known to lack events": func(w *apiWorld) error {
			_, err := w.registry.Lose(w.t.Context(), "g0001", datastore.Loss{Lane: 1, Count: 2, Why: "they never came"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newAPIWorld(t)
			w.send(deposits("a", 0, 3)...)
			w.flow()
			must(t, lose(w))
			for _, route := range []string{"GET /entities/{id}", "GET /rows"} {
				query := map[string]string{}
				if route == "GET /rows" {
					query["lane"] = "0"
				}
				response := w.call(route, web.EncodeEntity("a"), query, "")
				problem := decode[web.Problem](t, response.Body)
				if response.StatusCode != http.StatusServiceUnavailable || problem.Kind() != "generation-lost" ||
					!strings.Contains(problem.Detail, "replay start --rebuild --promote") || problem.RetryAfter != 0 {
					t.Errorf("%s: %d %s", route, response.StatusCode, response.Body)
				}
			}
			if view := get[api.LanesView](w, "GET /lanes", "", nil); !view.Lost {
				t.Error("GET /lanes does not say that it is lost")
			}
			if view := get[api.GenerationsView](w, "GET /generations", "", nil); !view.Generations[0].Lost {
				t.Error("GET /generations does not say that it is lost")
			}
			if view := get[api.StatusView](w, "GET /status", "", nil); !view.Generations[0].Lost || view.Log.Events != 3 {
				t.Errorf("GET /status: %+v", view)
			}
		})
	}
}

func TestWipeRefusesOtherGenerations(t *testing.T) {
	w := newAPIWorld(t)
	w.send(deposits("a", 0, 3)...)
	w.flow()
	if got := w.call("POST /state/wipe", "", nil, `{"generation":"g0002"}`); got.StatusCode != http.StatusConflict {
		t.Errorf("another generation: %d", got.StatusCode)
	}
	get[entities.View](w, "GET /entities/{id}", web.EncodeEntity("a"), nil)
	if got := w.call("POST /state/wipe", "", nil, `{"generation":"g0001"}`); got.StatusCode != http.StatusOK {
		t.Errorf("the active one: %d %s", got.StatusCode, got.Body)
	}
	if got := w.call("GET /entities/{id}", web.EncodeEntity("a"), nil,
		""); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("entity afterwards: %d", got.StatusCode)
	}
	if !strings.Contains(w.logged.String(), "generation wiped") {
		t.Error("a wipe is not logged")
	}
}

func TestStatusCounts(t *testing.T) {
	w := newAPIWorld(t)
	w.send(deposits("a", 0, 3)...)
	w.send(deposits("never-opened", 1, 4)...)
	w.flow()
	must(t, w.pump.Log.Quarantine(t.Context(), 2, eventlog.Quarantined{Position: "0001-011-0000", Reason: "undecodable"}))
	_, _, err := w.store.Create(t.Context(), "running", replay.Request{})
	must(t, err)
	view := get[api.StatusView](w, "GET /status", "", nil)
	if view.Log.Events != 6 || view.Log.Bytes == 0 || view.Log.Newest == nil || view.Log.Lanes != apiLanes ||
		view.Quarantined != (entities.Bounded{Count: 1, Complete: true}) ||
		view.Parked != (entities.Bounded{Count: 1, Complete: true}) ||
		len(view.Replays) != 1 || view.Replays[0].ID != "running" || len(view.Streams) != 2 || view.Executions == nil {
		t.Errorf("got %+v", view)
	}
}
