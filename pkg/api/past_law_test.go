package api_test

import (
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"reprise/pkg/api/past"
	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/projection"
	"reprise/pkg/projection/statediff"
)

const (
	explainRoute = "GET /past/{id}/explain"
	diffRoute    = "GET /past/{id}/diff"
)

type changed = statediff.Change

// travelled is a history in the log of a world, with where its events are.
type travelled struct {
	*apiWorld
	entity  string
	history []wish
	at      []event.Position
	logged  []time.Time
}

// Whatever the history: the state at each place is the fold of what is up to there, the
// explanation tells what became of each event and ends at the row of the live path, and a
// difference leads from one state to the other.
func TestThePastIsTheFoldOfWhatWasThen(t *testing.T) {
	w := newAPIWorld(t)
	present := w.api.Past.Applier
	begin, n := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		w.api.Past.Applier = present
		if rapid.Bool().Draw(rt, "indexed") {
			w.api.Past.Applier = present.Apart(projection.IndexAbove(3, 2), projection.ResumeAfter(2))
		}
		h := &travelled{apiWorld: w, entity: fmt.Sprintf("e%d", n)}
		h.history = historyOf(rt, h.entity, begin)
		begin = h.history[len(h.history)-1].at.Add(time.Hour)
		h.begin()
		h.compareStates(rt)
		h.compareTimes(rt)
		h.compareExplanation(rt, rapid.IntRange(1, 15).Draw(rt, "page"))
		for range 3 {
			from := rapid.IntRange(0, len(h.history)).Draw(rt, "from")
			h.compareDiff(rt, from, rapid.IntRange(1, len(h.history)).Draw(rt, "to"))
		}
	})
}

// begin lets the world take the history in, and notes where its events are.
func (h *travelled) begin() {
	h.t.Helper()
	var lines []string
	for i := range h.history {
		lines = append(lines, h.history[i].line)
	}
	h.send(lines...)
	h.flow()
	for _, e := range h.apiWorld.history(h.entity) {
		h.at, h.logged = append(h.at, e.Position), append(h.logged, e.Logged)
	}
}

func (h *travelled) compareStates(rt *rapid.T) {
	for i := range h.history {
		want, got := foldOf(h.history[:i+1]), h.stateAt(h.entity, string(h.at[i]))
		if text(got.State) != want.state || got.Count != want.count || got.Number != i+1 || !got.Settled ||
			got.Position != h.at[i] || text(got.Before) != foldOf(h.history[:i]).state ||
			got.Outcome != outcomeOf(h.history[:i+1]) {
			rt.Fatalf("at event %d of %s: %+v, want %+v, %s", i, h.entity, got, want, outcomeOf(h.history[:i+1]))
		}
		if parked := got.Parked != nil; parked != (want.parked >= 0) || parked && got.Parked.Position != h.at[want.parked] {
			rt.Fatalf("at event %d of %s: parked %+v, want %+v", i, h.entity, got.Parked, want)
		}
	}
}

// compareTimes asks for exactly the time of an event, just before, and just after it.
func (h *travelled) compareTimes(rt *rapid.T) {
	i := rapid.IntRange(0, len(h.history)-1).Draw(rt, "event")
	for _, off := range []time.Duration{-time.Millisecond, -time.Nanosecond, 0, time.Nanosecond, time.Millisecond} {
		at := h.logged[i].Add(off)
		n := 0
		for n < len(h.logged) && !h.logged[n].After(at) {
			n++
		}
		query := map[string]string{"at": at.Format(time.RFC3339Nano)}
		response := h.call(stateRoute, web.EncodeEntity(h.entity), query, "")
		if n == 0 {
			if p := decode[web.Problem](h.t, response.Body); p.Kind() != "event-not-found" {
				rt.Fatalf("at %s: %s", query["at"], response.Body)
			}
			continue
		}
		got := decode[past.StateAt](h.t, response.Body)
		if text(got.State) != foldOf(h.history[:n]).state || got.Number != n || !got.Logged.Equal(h.logged[n-1]) ||
			got.Settled != h.logged[len(h.logged)-1].After(at.Truncate(time.Millisecond)) {
			rt.Fatalf("at %s: %+v, want that of %d events", query["at"], got, n)
		}
	}
}

func (h *travelled) compareExplanation(rt *rapid.T, limit int) {
	var all []past.Explained
	for after := event.Position(""); ; {
		page := get[past.Explanation](h.apiWorld, explainRoute, web.EncodeEntity(h.entity),
			map[string]string{"after": string(after), "limit": fmt.Sprint(limit)})
		if all = append(all, page.Events...); page.Next == "" || len(all) > len(h.history) {
			break
		}
		if after = page.Next; len(page.Events) != limit {
			rt.Fatalf("a page of %d events, want %d", len(page.Events), limit)
		}
	}
	if len(all) != len(h.history) {
		rt.Fatalf("%d events explained, want %d", len(all), len(h.history))
	}
	state := ""
	for i, e := range all {
		want := foldOf(h.history[:i+1])
		if e.Outcome != outcomeOf(h.history[:i+1]) || e.Number != i+1 || e.Position != h.at[i] || e.ID != h.history[i].id ||
			e.Applied != want.count-foldOf(h.history[:i]).count || (e.ParkedAt == "") != (want.parked < 0) {
			rt.Fatalf("event %d: %+v, want %s, %+v", i, e, outcomeOf(h.history[:i+1]), want)
		}
		if state = applied(h.t, state, e.Changes); state != normalText(h.t, want.state) {
			rt.Fatalf("the changes of event %d lead to %s, want %s", i, state, want.state)
		}
		if skips := e.Skipped != ""; skips != (stepped(h.history[:i+1]) > stepped(h.history[:i])) {
			rt.Fatalf("event %d steps over %q", i, e.Skipped)
		}
	}
	if row := h.apiWorld.entity(h.entity); state != normalText(h.t, text(row.State)) {
		rt.Fatalf("explained %s, live %s", state, row.State)
	}
}

// stepped counts the events that were rejected and stepped over.
func stepped(prefix []wish) (n int) {
	end := len(prefix)
	if parked := foldOf(prefix).parked; parked >= 0 {
		end = parked
	}
	for i := range end {
		if !isRepeated(prefix[:i], &prefix[i]) && isSteppedOver(prefix, i) && !prefix[i].corrects() &&
			foldOf(append(append([]wish{}, prefix[:i+1]...), correctionsIn(prefix[i+1:])...)).count ==
				foldOf(append(append([]wish{}, prefix[:i]...), correctionsIn(prefix[i+1:])...)).count &&
			prefix[i].kind != "account.renamed" {
			n++
		}
	}
	return n
}

func correctionsIn(history []wish) (some []wish) {
	for i := range history {
		if history[i].corrects() {
			some = append(some, history[i])
		}
	}
	return some
}

// compareDiff compares the states after so many events.
func (h *travelled) compareDiff(rt *rapid.T, from, to int) {
	place := func(n int) string {
		if n == 0 {
			return h.logged[0].Add(-time.Hour).Format(time.RFC3339Nano)
		}
		return string(h.at[n-1])
	}
	got := get[past.Difference](h.apiWorld, diffRoute, web.EncodeEntity(h.entity),
		map[string]string{"from": place(from), "to": place(to)})
	old, now := foldOf(h.history[:from]), foldOf(h.history[:to])
	if applied(h.t, old.state, got.Changes) != normalText(h.t, now.state) ||
		(got.Changed == 0) != (old.state == now.state) {
		rt.Fatalf("from %d to %d events: %+v, want from %s to %s", from, to, got, old.state, now.state)
	}
	back := get[past.Difference](h.apiWorld, diffRoute, web.EncodeEntity(h.entity),
		map[string]string{"from": place(to), "to": place(from)})
	if got.From.Number != from || got.To.Number != to || got.To.Count != now.count ||
		len(back.Changes) != len(got.Changes) || !reflect.DeepEqual(back.From, got.To) ||
		!reflect.DeepEqual(back.To, got.From) {
		rt.Fatalf("from %d to %d events: %+v, back %+v", from, to, got, back)
	}
}

// text is a state, "" for null.
func text(state []byte) string {
	if string(state) == "null" {
		return ""
	}
	return string(state)
}

// A time that the lane's log has not passed, the future included, is the end of the log,
// and says so. The clock is that of the entity's lane alone.
func TestTheFutureIsNotSettled(t *testing.T) {
	w := newAPIWorld(t)
	w.send(deposits("a", 0, 2)...)
	w.flow()
	for at, settled := range map[string]bool{
		"2026-03-01T00:59:59.999999999Z": true, "2026-03-01T01:00:00Z": false, "2199-01-01T00:00:00+02:00": false, "": false,
	} {
		if got := w.stateAt("a", at); got.Settled != settled {
			t.Errorf("at %q: %+v", at, got)
		}
	}
	response := w.call(diffRoute, web.EncodeEntity("a"), map[string]string{"from": "2199-01-01T00:00:00Z"}, "")
	if d := decode[past.Difference](t, response.Body); response.StatusCode != http.StatusOK || d.Changed != 0 ||
		d.From.Settled || d.From.Number != 2 {
		t.Errorf("%s", response.Body)
	}
}
