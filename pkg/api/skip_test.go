package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"reprise/pkg/api/entities"
	"reprise/pkg/api/intake"
	"reprise/pkg/api/web"
	"reprise/pkg/event"
)

// unopened are deposits to an account that was never opened: the first parks it.
func unopened(entity string, n int) []string { return deposits(entity, 1, n+1) }

func (w *apiWorld) skip(entity string, at event.Position) response {
	w.t.Helper()
	return w.call("POST /entities/{id}/skip", web.EncodeEntity(entity), nil,
		fmt.Sprintf(`{"event":%q,"reason":"a test","who":"ann"}`, at))
}

func (w *apiWorld) entity(id string) entities.View {
	w.t.Helper()
	return get[entities.View](w, "GET /entities/{id}", web.EncodeEntity(id), nil)
}

func (w *apiWorld) history(id string) []entities.HistoryEvent {
	w.t.Helper()
	return get[entities.HistoryPage](w, "GET /entities/{id}/events", web.EncodeEntity(id), nil).Events
}

func (w *apiWorld) refused(what string, got response, status int, kind string) {
	w.t.Helper()
	if p := decode[web.Problem](w.t, got.Body); got.StatusCode != status || p.Kind() != kind {
		w.t.Errorf("%s: %d %s, want %d %s", what, got.StatusCode, got.Body, status, kind)
	}
}

func TestSkipStepsOverTheParkedEvent(t *testing.T) {
	w := newAPIWorld(t)
	w.send(append(unopened("p", 1), deposits("p", 0, 1)...)...)
	w.send(deposits("p", 2, 4)...)
	w.flow()
	parked := w.entity("p").Parked
	if parked == nil || parked.Waiting != 3 {
		t.Fatalf("%+v", parked)
	}
	made := w.skip("p", parked.Position)
	if made.StatusCode != http.StatusAccepted {
		t.Fatalf("%d %s", made.StatusCode, made.Body)
	}
	skipping := decode[entities.Skipping](t, made.Body)
	w.flow()
	p := w.entity("p")
	if p.Parked != nil || p.Count != 3 || p.Skipped != 1 || p.Corrections != 1 || p.Position != skipping.Position ||
		!strings.Contains(string(p.State), `"balance":2`) {
		t.Errorf("%+v", p)
	}
	last := w.history("p")[4]
	if last.Position != skipping.Position || !strings.Contains(string(last.Event), `"who":"ann"`) {
		t.Errorf("%+v", last)
	}
	w.refused("once more", w.skip("p", parked.Position), http.StatusConflict, "entity-not-parked")
}

// Whatever is refused is not in the log afterwards.
func TestSkipRefusesWhatWouldHaveNoEffect(t *testing.T) {
	w := newAPIWorld(t)
	w.send(append(unopened("p", 3), deposits("well", 0, 2)...)...)
	w.flow()
	parked, well := w.entity("p").Parked.Position, w.entity("well").Position
	behind := w.entity("p").Position
	beyond, err := event.NewPosition(9, "1", 0)
	must(t, err)
	w.refused("an unknown entity", w.skip("nobody", parked), http.StatusNotFound, "entity-not-found")
	w.refused("an unknown event", w.skip("p", "0001-011-0ff0"), http.StatusNotFound, "event-not-found")
	w.refused("an event of another entity", w.skip("p", well+"0"), http.StatusBadRequest, "invalid-correction")
	w.refused("an event beyond the head", w.skip("p", beyond), http.StatusNotFound, "event-not-found")
	w.refused("an entity that is not parked", w.skip("well", well), http.StatusConflict, "entity-not-parked")
	w.refused("an event that waits", w.skip("p", behind), http.StatusConflict, "parked-elsewhere")
	for _, body := range []string{`{"event":"x","reason":"r"}`, fmt.Sprintf(`{"event":%q,"reason":""}`, parked),
		fmt.Sprintf(`{"event":%q,"reason":%q}`, parked, strings.Repeat("r", event.MaxReasonBytes+1))} {
		got := w.call("POST /entities/{id}/skip", web.EncodeEntity("p"), nil, body)
		w.refused(body, got, http.StatusBadRequest, "invalid-correction")
	}
	w.flow()
	if n := len(w.history("p")) + len(w.history("well")); n != 5 {
		t.Errorf("the log has %d events", n)
	}
}

// A correction that is in the log and not applied yet is found; one that is still in
// the stream is not, and the second becomes a duplicate.
func TestSkipGivenTwice(t *testing.T) {
	w := newAPIWorld(t)
	w.send(unopened("p", 2)...)
	w.flow()
	at := w.entity("p").Parked.Position
	for range 2 {
		if got := w.skip("p", at); got.StatusCode != http.StatusAccepted {
			t.Fatalf("%d %s", got.StatusCode, got.Body)
		}
	}
	w.commit()
	w.refused("given twice", w.skip("p", at), http.StatusConflict, "already-skipped")
	w.flow()
	if p := w.entity("p"); p.Duplicates != 1 || p.Corrections != 0 || p.Skipped != 1 ||
		p.Parked == nil || p.Parked.Waiting != 1 {
		t.Errorf("%+v, %+v", p, p.Parked)
	}
}

func TestReservedTypesAreRefused(t *testing.T) {
	w := newAPIWorld(t)
	w.send(unopened("p", 1)...)
	w.flow()
	made := decode[entities.Skipping](t, w.skip("p", w.entity("p").Parked.Position).Body)
	w.flow()
	correction := string(w.history("p")[1].Event)
	if !strings.Contains(correction, made.ID) {
		t.Fatal(correction)
	}
	line := func(source, kind string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":"1","source":%q,"type":%q,"subject":"p","time":"2026-03-01T00:00:00Z"}`,
			source, kind)
	}
	reserved, source := line("s", "reprise.x"), line(event.SourceCorrections, "x")
	for _, c := range []struct {
		route, line string
		status      int
	}{
		{intake.RouteEvents, reserved, 400}, {intake.RouteEvents, correction, 400}, {intake.RouteEvents, source, 400},
		{intake.RouteImports, reserved, 400}, {intake.RouteImports, source, 400}, {intake.RouteImports, correction, 202},
		{intake.RouteImports, strings.Replace(correction, "skip-", "skip-0", 1), 400},
		{intake.RouteImports, strings.Replace(correction, `"reason":"a test"`, `"reason":""`, 1), 400},
	} {
		headers := map[string]string{"content-type": "application/cloudevents+json"}
		got := w.ask(asked{route: c.route, body: c.line, headers: headers})
		if got.StatusCode != c.status {
			t.Errorf("%s %s: %d %s", c.route, c.line, got.StatusCode, got.Body)
		}
		if c.status == 400 && !strings.Contains(got.Body, "reprise") && !strings.Contains(got.Body, "correction") {
			t.Errorf("%s %s: %s", c.route, c.line, got.Body)
		}
	}
}
