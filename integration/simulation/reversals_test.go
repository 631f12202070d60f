package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// reversing is the stream of the random source for reversals.
const reversing = 15

// chooseReversals draws from its own random source, so that a seed's world does not change
// unless events are reversed.
func (w *world) chooseReversals() {
	r := rand.New(rand.NewPCG(w.seed, reversing))
	if w.drawn.reversals = r.IntN(3) == 0 && w.attacks.reversals; w.drawn.reversals {
		w.reversals = r
	}
}

// reversal draws one of an event of a lane that was sent, which may be of any kind, and
// reversed before. Some bring an inverse, which may be refused.
func (p *producer) reversal(lane event.Lane) (e event.Event, drawn bool) {
	w := p.world
	w.gate.mu.Lock()
	defer w.gate.mu.Unlock()
	r := w.reversals
	if r == nil || r.IntN(4) > 0 {
		return e, false
	}
	var named []event.Event
	for _, sent := range p.sent {
		if w.lanes.Of(sent.Subject) == lane && sent.Type != event.TypeSkipped && sent.Type != event.TypeRefolded {
			named = append(named, sent)
		}
	}
	if len(named) == 0 {
		return e, false
	}
	of := named[r.IntN(len(named))]
	made := event.Reversal{Source: of.Source, ID: of.ID, Type: of.Type, Position: "0001-011-0000", Reason: "because"}
	if r.IntN(3) == 0 {
		kind := []string{typeNoted, typeNoted, typeNoted, typeOther, typeRefused}[r.IntN(5)]
		made.Inverse = &event.Inverse{Type: kind, Data: fmt.Appendf(nil, `{"n":%d}`, 2_000_000+len(p.sent))}
	}
	e, err := event.NewReversal(of.Subject, made, time.UnixMilli(w.now))
	if err != nil {
		w.breakf(order, "a producer cannot make a reversal: %v", err)
	}
	return e, true
}

// sawReversal counts a reversal that has its entity folded without an event.
func (w *world) sawReversal(f *freshEvent, version int, parked bool) {
	if version > 0 || !f.leavesOut() {
		return
	}
	w.reversed++
	if parked {
		w.freed++
	}
}

// reverse notes what a reversal names.
func (f *freshEvent) reverse() {
	if r, is := event.ReversalOf(&f.event); is {
		f.reversal, f.reverses = r, identityOf(r.Source, r.ID)
	}
}

// leavesOut reports whether an event has its entity folded without another one, and
// applies whether it is a reversal that is applied like an event.
func (f *freshEvent) leavesOut() bool { return f.reverses != "" && f.reversal.Inverse == nil }
func (f *freshEvent) applies() bool   { return f.reversal.Inverse != nil }

// refused reports whether the projection refuses the event.
func (f *freshEvent) refused() bool {
	if f.applies() {
		return f.reversal.Inverse.Type == typeRefused
	}
	return f.kind == typeRefused
}

func (f *freshEvent) data() string {
	if f.applies() {
		return string(f.reversal.Inverse.Data)
	}
	return f.event.Data
}

// reversedAmong are the positions of the events that a later one reverses, unless that is
// reversed itself.
func reversedAmong(fresh []freshEvent) map[event.Position]bool {
	out := make(map[event.Position]bool)
	for i, by := range slices.Backward(fresh) {
		if !by.leavesOut() || out[by.position] {
			continue
		}
		for _, f := range fresh[:i] {
			if identityOf(f.event.Source, f.event.ID) == by.reverses {
				out[f.position] = true
			}
		}
	}
	return out
}

// refold folds fresh events up to and including a position, "" for all, from the first
// one on. An event that is refused is stepped over if any later one corrects it.
func (m *modelEntity) refold(version int, row datastore.Row, fresh []freshEvent, end event.Position) datastore.Row {
	row.State, row.Count, row.Chain, row.Ignored, row.Skipped, row.Corrections = nil, 0, event.Digest{}, 0, 0, 0
	row.Parked, m.state[version] = nil, seen{}
	out := reversedAmong(fresh)
	for i := range fresh {
		f := &fresh[i]
		if end != "" && f.position > end {
			break
		}
		switch {
		case f.corrects && !f.applies():
			row.Corrections++
		case f.ignored():
			row.Ignored++
		case out[f.position]:
			row.Skipped++
		case !f.refused():
			m.apply(version, &row, f)
		case slices.ContainsFunc(fresh[i+1:], func(later freshEvent) bool {
			return later.names == identityOf(f.event.Source, f.event.ID)
		}):
			row.Skipped++
		default:
			row.Parked = &datastore.Parked{Position: f.position, Type: f.kind, Waiting: int64(len(fresh) - i - 1)}
			return row
		}
	}
	return row
}

// TestEventsAreReversed makes sure that the attack does what it is for.
func TestEventsAreReversed(t *testing.T) {
	f := makeFixtures(t).only(attacks{reversals: true})
	sum := summary{}
	for seed := range uint64(60) {
		w := runSeed(t, f, 1+seed, plant{}, false)
		if sum.add(w); w.broken != nil {
			reportBroken(t, f, w, 100)
			return
		}
	}
	if sum.reversed < 30 || sum.freed == 0 {
		t.Errorf("%+v", sum.counts)
	}
	t.Logf("%+v", sum.counts)
}
