package reversals

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/projection"
)

// Each reversal without an inverse has all events of its entity folded again, wherever it
// is folded from its beginning: so many of both there may be, and no more.
func TestWhatReversalsFoldAgainIsBounded(t *testing.T) {
	set, err := projection.NewSet()
	if err != nil {
		t.Fatal(err)
	}
	a := &Reversals{Applier: projection.NewApplier(set, nil)}
	for _, c := range []struct {
		events, reversals int
		fits              bool
	}{{1, 99, true}, {1, 100, false}, {1900, 99, true}, {9980, 19, true}, {9980, 20, false}, {9980, 0, true}} {
		h := &history{first: make(map[event.Digest]int)}
		add := func(e event.Event) {
			h.first[e.Identity()] = len(h.events)
			at := event.Position(fmt.Sprintf("0001-05%05d-0000", 10_000+len(h.events)))
			h.events = append(h.events, projection.Placed{Event: e, Position: at})
		}
		for i := range c.events {
			add(event.Event{ID: fmt.Sprint(i), Source: "s", Type: "t", Subject: "x"})
		}
		for i := range c.reversals {
			e, err := event.NewReversal("x", event.Reversal{Source: "s", ID: fmt.Sprint(i), Type: "t",
				Position: "0001-011-0000", Reason: "r"}, time.UnixMilli(0))
			if err != nil {
				t.Fatal(err)
			}
			add(e)
		}
		_, err := a.inverse(t.Context(), h, nil, &h.events[0].Event)
		var problem *web.Problem
		if errors.As(err, &problem) == c.fits || !c.fits && problem.Kind() != "too-many-reversals" {
			t.Errorf("%d events, %d reversals: %v", c.events, c.reversals, err)
		}
	}
}
