package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/api/intake"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// Whatever is refused is not in the log afterwards.
func TestReverseRefusesWhatHasNoEffectOrWouldPark(t *testing.T) {
	w := newAPIWorld(t)
	withdrawn := booked("a", "3", "withdrawn", `{"amount":10}`)
	w.send(append(account("a", 2), withdrawn, withdrawn, booked("a", "4", "ignored", `{}`),
		booked("a", "5", "withdrawn", `{"amount":1}`), booked("a", "6", "deposited", `{"amount":4}`))...)
	w.flow()
	for what, c := range map[string]struct {
		entity, body string
		status       int
		kind         string
	}{
		"an unknown entity":     {"b", named("1", ""), 404, "entity-not-found"},
		"an unknown event":      {"a", named("77", ""), 404, "event-not-found"},
		"an unknown position":   {"a", `{"event":"0001-011-0ff0","reason":"r"}`, 404, "event-not-found"},
		"no event":              {"a", `{"reason":"r"}`, 400, "invalid-correction"},
		"two names of an event": {"a", named("1", `,"event":"0001-011-0ff0"`), 400, "invalid-correction"},
		"no id":                 {"a", `{"source":"bank","reason":"r"}`, 400, "invalid-correction"},
		"no reason":             {"a", `{"source":"bank","id":"1"}`, 400, "invalid-correction"},
		"no position":           {"a", `{"event":"x","reason":"r"}`, 400, "invalid-correction"},
		"an ignored event":      {"a", named("4", ""), 409, "event-not-applied"},
		"where it is parked":    {"a", named("5", ""), 409, "entity-parked"},
		"what waits":            {"a", named("6", ""), 409, "entity-parked"},
		"what others depend on": {"a", named("1", ""), 409, "entity-parked"},
		"an inverse that waits": {"a", named("2", ""), 409, "entity-parked"},
		"an unknown member":     {"a", named("1", `,"force":true`), 400, "malformed-body"},
		"a long reason": {"a", `{"source":"s","id":"1","reason":"` + strings.Repeat("r", 1001) + `"}`, 400,
			"invalid-correction"},
	} {
		for _, dry := range []string{"", `,"dryRun":true}`} {
			body := c.body
			if dry != "" {
				body = strings.TrimSuffix(body, "}") + dry
			}
			w.refused(what, w.reverse(c.entity, body), c.status, c.kind)
		}
	}
	repeated := w.history("a")[3].Position
	w.refused("a duplicate", w.reverse("a", fmt.Sprintf(`{"event":%q,"reason":"r"}`, repeated)), 409, "event-duplicate")
	if w.flow(); len(w.history("a")) != 7 {
		t.Errorf("the log has %d events", len(w.history("a")))
	}
	w.skip("a", w.entity("a").Parked.Position)
	w.flow()
	w.refused("what was stepped over", w.reverse("a", named("5", "")), 409, "event-not-applied")
	skip := w.history("a")[7].Position
	w.refused("another correction", w.reverse("a", fmt.Sprintf(`{"event":%q,"reason":"r"}`, skip)), 409,
		"event-not-reversible")
	got := w.reverse("a", named("1", ""))
	w.refused("what others depend on", got, 409, "event-depended-on")
	if second := string(w.history("a")[1].Position); !strings.Contains(got.Body, second) ||
		!strings.Contains(got.Body, "account.deposited") {
		t.Errorf("it does not say which: %s", got.Body)
	}
	w.refused("what is spent already", w.reverse("a", named("2", "")), 409, "reversal-refused")
	if w.flow(); len(w.history("a")) != 8 {
		t.Errorf("the log has %d events", len(w.history("a")))
	}
	w.agrees("a", `"balance":4`)
}

// A history that is too long is refused by name, and so is what other code would fold.
func TestReverseRefusesWhatItCannotFold(t *testing.T) {
	w := newAPIWorld(t)
	long := deposits("long", 1, 10_000)
	w.send(append(account("long", 1), long[:5000]...)...)
	w.flow()
	w.send(append(long[5000:], booked("long", "last", "deposited", `{"amount":1}`))...)
	w.flow()
	w.refused("a long history", w.reverse("long", named("last", "")), http.StatusUnprocessableEntity, "history-too-long")
	w.send(account("a", 2)...)
	w.flow()
	count := func(n int, _ *event.Event) (int, error) { return n + 1, nil }
	set, err := projection.NewSet(projection.New("accounts", 2, []string{"account.deposited"}, count))
	must(t, err)
	w.api.Reversals.Applier = projection.NewApplier(set, eventlog.View{Log: w.api.EventLog, Heads: w.api.Heads})
	w.refused("other projections", w.reverse("a", named("2", "")), http.StatusConflict, "other-version")
	if w.flow(); len(w.history("a")) != 2 {
		t.Error("something was appended")
	}
}

// Nobody can send what the platform would take for a reversal; a type of one's own that
// ends like that is a type like any other.
func TestReversalsCannotBeForged(t *testing.T) {
	w := newAPIWorld(t)
	w.send(account("a", 3)...)
	w.flow()
	w.reversed("a", named("2", ""), http.StatusAccepted)
	w.flow()
	reversal := string(w.history("a")[3].Event)
	send := func(route, line string) response {
		headers := map[string]string{"content-type": "application/cloudevents+json"}
		return w.ask(asked{route: route, body: line, headers: headers})
	}
	w.refused("a reversal", send(intake.RouteEvents, reversal), 400, "invalid-event")
	w.refused("a changed one", send(intake.RouteImports, strings.Replace(reversal, `"amount":10`, `"amount":11,"x":1`, 1)),
		202, "")
	w.refused("another event", send(intake.RouteImports, strings.Replace(reversal, `"id":"2"`, `"id":"3"`, 1)), 400,
		"invalid-event")
	own := strings.Replace(strings.Replace(reversal, event.SourceCorrections, "bank", 1), `reverse-`, `mine-`, 1)
	if got := send(intake.RouteEvents, own); got.StatusCode != http.StatusAccepted {
		t.Errorf("%d %s", got.StatusCode, got.Body)
	}
	w.flow()
	if a := w.entity("a"); a.Ignored != 1 || !slices.Equal([]byte(a.State), []byte(w.rebuilt("a").State)) {
		t.Errorf("%+v", a)
	}
}
