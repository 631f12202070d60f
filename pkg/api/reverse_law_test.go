package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"reprise/pkg/api/reversals"
	"reprise/pkg/api/web"
	"reprise/pkg/domain/samples"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// undeclared hides how a projection reverses events.
type undeclared struct{ projection.Projection }

// Whatever the history and the event: what is refused is so for a reason and changes
// nothing; otherwise live and rebuilt rows agree, the state is what the preview said, and
// it is the fold without the event, wherever the projection allows that. Reversing the
// reversal brings back what was.
func TestReversedIsTheFoldWithoutTheEvent(t *testing.T) {
	w := newAPIWorld(t)
	set, err := projection.NewSet(undeclared{samples.RepoFiles()}, undeclared{samples.Accounts()})
	must(t, err)
	declared := w.api.Past.Applier
	plain := projection.NewApplier(set, eventlog.View{Log: w.api.EventLog, Heads: w.api.Heads})
	begin, n := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), 0
	seen := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		n++
		h := &travelled{apiWorld: w, entity: fmt.Sprintf("e%d", n)}
		h.history = slices.Concat(opened(h.entity, begin), historyOf(rt, h.entity, begin.Add(time.Minute)))
		if rapid.IntRange(0, 3).Draw(rt, "parked") > 0 {
			h.history = unparked(h.history)
		}
		begin = h.history[len(h.history)-1].at.Add(time.Hour)
		h.begin()
		w.api.Reversals.Applier = plain
		if rapid.Bool().Draw(rt, "declared") {
			w.api.Reversals.Applier = declared
		}
		i := rapid.IntRange(0, len(h.history)-1).Draw(rt, "reversed")
		seen[h.reverseOne(rt, i)]++
	})
	t.Log(seen)
}

// opened begins a history in which little is rejected.
func opened(entity string, at time.Time) []wish {
	all := []wish{{id: "first", kind: "account.opened", data: `{"owner":"Ada"}`, at: at},
		{id: "second", kind: "account.deposited", data: `{"amount":12}`, at: at}}
	for i := range all {
		all[i].write(entity)
	}
	return all
}

// unparked is a history without the events that park its entity.
func unparked(history []wish) []wish {
	for at := foldOf(history).parked; at >= 0; at = foldOf(history).parked {
		history = slices.Delete(history, at, at+1)
	}
	return history
}

// without is a history without an event, and what repeats it.
func without(history []wish, i int) []wish {
	return slices.DeleteFunc(slices.Clone(history), func(e wish) bool { return e.identity() == history[i].identity() })
}

// reverseOne reverses an event, and returns what came of it.
func (h *travelled) reverseOne(rt *rapid.T, i int) string {
	before, left := foldOf(h.history), foldOf(without(h.history, i))
	body := fmt.Sprintf(`{"event":%q,"reason":"r"}`, h.at[i])
	got := h.reverse(h.entity, body)
	want := h.refusal(i, &before)
	if got.StatusCode != http.StatusAccepted {
		kind := kindOf(h.t, got)
		h.mayRefuse(rt, kind, want, got.Body, i, left)
		h.sameRows(rt, before.state, len(h.history))
		return kind
	}
	made := decode[reversals.Reversing](h.t, got.Body)
	if want != "" {
		rt.Fatalf("event %d of %s is reversed, want %s", i, h.entity, want)
	}
	h.flow()
	same := made.Form == reversals.Without || made.SameAsWithout
	if same && (left.parked >= 0 || left.state != text(made.After.State)) {
		rt.Fatalf("event %d of %s is reversed: %s, want %+v", i, h.entity, made.After.State, left)
	}
	if !same && left.parked < 0 && left.state == text(made.After.State) {
		rt.Fatalf("event %d of %s: it is not said that the state is that without the event", i, h.entity)
	}
	h.sameRows(rt, text(made.After.State), len(h.history)+1)
	return string(made.Form) + h.bringBack(rt, made.Position, &before)
}

// bringBack reverses a reversal.
func (h *travelled) bringBack(rt *rapid.T, at event.Position, before *held) string {
	got := h.reverse(h.entity, fmt.Sprintf(`{"event":%q,"reason":"r"}`, at))
	if got.StatusCode != http.StatusAccepted {
		// Of two folds with the same end, only that with the event may be refused.
		if kind := kindOf(h.t, got); before.parked < 0 || kind != "entity-parked" &&
			kind != "event-depended-on" {
			rt.Fatalf("the reversal of %s cannot be reversed: %s", h.entity, got.Body)
		}
		return ", once"
	}
	h.flow()
	h.sameRows(rt, before.state, len(h.history)+2)
	return ", brought back"
}

// refusal is the problem of a request to reverse an event that the history alone tells.
func (h *travelled) refusal(i int, before *held) string {
	e := &h.history[i]
	switch {
	case isRepeated(h.history[:i], e):
		return "event-duplicate"
	case e.corrects():
		return "event-not-reversible"
	case e.kind == "account.renamed":
		return "event-not-applied"
	case before.parked >= 0 && i >= before.parked:
		return "entity-parked"
	case !fits(h.history, i):
		return "event-not-applied"
	}
	return ""
}

// fits reports whether an event was not stepped over: without the corrections that name
// it, it would not park its entity.
func fits(history []wish, i int) bool {
	bare := slices.DeleteFunc(slices.Clone(history[i+1:]), func(e wish) bool {
		return e.corrects() && e.names == history[i].id
	})
	return foldOf(slices.Concat(history[:i+1], bare)).parked != i
}

// mayRefuse checks why a reversal was refused.
func (h *travelled) mayRefuse(rt *rapid.T, kind, want, body string, i int, left held) {
	switch {
	case want != "" && kind == want:
	case want == "" && (kind == "event-depended-on" || kind == "entity-parked") && left.parked >= 0:
		if at := slices.IndexFunc(h.history, func(e wish) bool {
			return e.line == without(h.history, i)[left.parked].line
		}); kind == "event-depended-on" && !strings.Contains(body, string(h.at[at])) {
			rt.Fatalf("event %d of %s: %s, want the event at %s", i, h.entity, body, h.at[at])
		}
	case want == "" && (kind == "reversal-refused" || kind == "entity-parked") && h.declares():
	default:
		rt.Fatalf("event %d of %s is refused with %s, want %q; without it: %+v", i, h.entity, body, want, left)
	}
}

// declares reports whether projections declare how they reverse: an inverse may be refused.
func (h *travelled) declares() bool { return h.api.Reversals.Applier == h.api.Past.Applier }

// sameRows compares the live row with a fold from the first event on, and with a state.
func (h *travelled) sameRows(rt *rapid.T, state string, events int) {
	live, again := h.apiWorld.entity(h.entity), h.rebuilt(h.entity)
	if text(live.State) != state || text(again.State) != text(live.State) || live.Chain != again.Chain ||
		live.Count != again.Count || (live.Parked == nil) != (again.Parked == nil) ||
		len(h.apiWorld.history(h.entity)) != events {
		rt.Fatalf("%s: live %s, rebuilt %s, want %s and %d events", h.entity, live.State, again.State, state, events)
	}
}

func kindOf(t testing.TB, got response) string {
	t.Helper()
	problem := decode[web.Problem](t, got.Body)
	return problem.Kind()
}
