package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// The positions of the rows that parkMany writes.
const (
	firstBad event.Position = "0001-011-0000"
	lastSeen event.Position = "0001-012-0000"
)

// parkMany writes parked rows, each with a neighbour that is not parked.
func (w *apiWorld) parkMany(n int) {
	w.t.Helper()
	generation := w.generations.Open("g0001")
	byLane := make(map[event.Lane][]datastore.RowWrite)
	for i := range n {
		row := datastore.Row{Entity: fmt.Sprintf("p/%05d", i), Position: lastSeen, Count: 1, State: json.RawMessage(`{}`),
			Parked: &datastore.Parked{Position: firstBad, Type: "t", Reason: fmt.Sprintf("reason %d", i%100), Waiting: 3}}
		lane := w.api.Lanes.Of(row.Entity)
		byLane[lane] = append(byLane[lane], datastore.RowWrite{Row: row})
		row.Entity, row.Parked = row.Entity+"/well", nil
		lane = w.api.Lanes.Of(row.Entity)
		byLane[lane] = append(byLane[lane], datastore.RowWrite{Row: row})
	}
	for lane, writes := range byLane {
		for len(writes) > 0 {
			n := min(len(writes), datastore.MaxBatch)
			_, err := generation.WriteRows(w.t.Context(), lane, writes[:n])
			must(w.t, err)
			writes = writes[n:]
		}
	}
}

// parked lists all pages and returns the number of pages.
func (w *apiWorld) parked(query map[string]string) (all []entities.ParkedEntity, pages int) {
	w.t.Helper()
	for {
		page := get[entities.ParkedPage](w, "GET /parked", "", query)
		all = append(all, page.Parked...)
		if pages++; page.Next == "" {
			return all, pages
		}
		query["after"] = page.Next
	}
}

func TestParkedEntitiesComePageByPage(t *testing.T) {
	w := newAPIWorld(t)
	w.parkMany(20_000)
	all, pages := w.parked(map[string]string{"limit": "1000"})
	seen := make(map[string]bool)
	for _, p := range all {
		seen[p.Entity] = true
		if p.Position != firstBad || p.Last != lastSeen || p.Waiting != 3 || p.Lane != w.api.Lanes.Of(p.Entity) {
			t.Fatalf("%+v", p)
		}
	}
	if len(seen) != 20_000 || len(all) != 20_000 || pages < 20 || pages > 25 {
		t.Errorf("%d entities, %d different ones, in %d pages", len(all), len(seen), pages)
	}
	// Few match, and no page looks at more than 2,000.
	all, pages = w.parked(map[string]string{"reason": "reason 7"})
	if len(all) != 11*200 || pages < 11 {
		t.Errorf("with a reason: %d in %d pages", len(all), pages)
	}
	for _, p := range all {
		if !strings.HasPrefix(p.Reason, "reason 7") {
			t.Errorf("%+v", p)
		}
	}
	if view := get[api.StatusView](w, "GET /status", "", nil); view.Parked != (entities.Bounded{Count: 1000}) {
		t.Errorf("status: %+v", view.Parked)
	}
}

// A generation of an earlier release has no complete index.
func TestParkedEntitiesOfAGenerationWithoutAnIndex(t *testing.T) {
	w := newAPIWorld(t)
	w.parkMany(300)
	w.unindex("g0001")
	if all, _ := w.parked(map[string]string{}); len(all) != 300 {
		t.Errorf("%d entities", len(all))
	}
	view := get[api.StatusView](w, "GET /status", "", nil)
	if view.Parked != (entities.Bounded{Count: 300, Complete: true}) {
		t.Errorf("status: %+v", view.Parked)
	}
}

func TestParkedEntitiesOfALostGeneration(t *testing.T) {
	w := newAPIWorld(t)
	w.parkMany(3)
	must(t, w.generations.Clear(t.Context(), "g0001"))
	got := w.call("GET /parked", "", nil, "")
	w.refused("a lost generation", got, http.StatusServiceUnavailable, "generation-lost")
}

func TestParkedRefusesWrongParameters(t *testing.T) {
	w := newAPIWorld(t)
	for _, after := range []string{"x", "-1", "9999", "0.", "0.!", "0.YQ=="} {
		if got := w.call("GET /parked", "", map[string]string{"after": after}, ""); got.StatusCode != http.StatusBadRequest {
			t.Errorf("after=%s: %d %s", after, got.StatusCode, got.Body)
		}
	}
	if got := w.call("GET /parked", "", map[string]string{"generation": "g9"}, ""); got.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown generation: %d %s", got.StatusCode, got.Body)
	}
}

// unindex makes a generation one of an earlier release.
func (w *apiWorld) unindex(id string) {
	w.t.Helper()
	_, err := control.Update(w.t.Context(), w.registry.Table, control.Key{Partition: "registry", Sort: "generations"},
		func(s *datastore.RegistryState, _ bool) error {
			info, found := s.Find(id)
			if !found {
				w.t.Fatalf("no generation %s", id)
			}
			info.Indexed = false
			return nil
		})
	must(w.t, err)
}
