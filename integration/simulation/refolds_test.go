package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// refolding is the stream of the random source for what has to do with folding again.
const refolding = 14

// chooseRefolds draws from its own random source, so that a seed's world does not change
// unless entities are folded again.
func (w *world) chooseRefolds() {
	r := rand.New(rand.NewPCG(w.seed, refolding))
	if w.drawn.refolds = r.IntN(3) == 0 && w.attacks.refolds; w.drawn.refolds {
		w.refolds, w.spoilt = r, make(map[string]event.Position)
	}
}

// ownNames are the ordinary entities of a lane.
func (w *world) ownNames(lane event.Lane) (own []string) {
	for _, name := range w.names[:w.ordinary] {
		if w.lanes.Of(name) == lane {
			own = append(own, name)
		}
	}
	return own
}

// refold draws a request to fold one of some entities again, which may be a repeated one.
func (w *world) refold(of []string) (e event.Event, drawn bool) {
	w.gate.mu.Lock()
	defer w.gate.mu.Unlock()
	if w.refolds == nil || w.refolds.IntN(7) > 0 {
		return e, false
	}
	entity, request := of[w.refolds.IntN(len(of))], fmt.Sprint("request ", w.refolds.IntN(5))
	e, err := event.NewRefold(entity, event.Refold{Request: request, Reason: "because"}, time.UnixMilli(w.now))
	if err != nil {
		w.breakf(order, "a producer cannot make a refold: %v", err)
	}
	return e, true
}

// spoil changes a row of the active generation that was just written, if the entity is
// folded again by an event that its consumer will surely come to.
func (w *world) spoil(generation string, lane event.Lane, row *datastore.Row) {
	// Where records come in another order, or generations are read again, a refold may
	// never reach the consumer.
	unsure := w.drawn.reshards || w.drawn.versions || w.drawn.wipes || w.drawn.continues || w.drawn.outdates
	if w.refolds == nil || unsure || generation != w.active || row.Parked != nil || w.refolds.IntN(3) == 0 {
		return
	}
	at := w.nextRefold(lane, row)
	if at == "" {
		return
	}
	changed := cloneRow(*row)
	changed.State, changed.Count = []byte(`{"seen":[-1]}`), row.Count+5
	changed.Chain.Lo++
	w.store.tables[generation].rows[lane][row.Entity] = changed
	w.spoilt[generation+"/"+row.Entity] = at
	w.spoiltRows++
}

// spoilBefore spoils rows of entities that are to be folded again.
func (w *world) spoilBefore(lane event.Lane, events []event.Event) {
	held := w.store.tables[w.active]
	for i := range events {
		if held == nil || events[i].Type != event.TypeRefolded {
			continue
		}
		if row, found := held.rows[lane][events[i].Subject]; found {
			w.spoil(w.active, lane, &row)
		}
	}
}

// nextRefold is the position of the first event after a row that has its entity folded
// again and repeats no other, "" if the event stream has none.
func (w *world) nextRefold(lane event.Lane, row *datastore.Row) event.Position {
	seen := make(map[event.Digest]bool)
	for i := range w.model.lanes[lane].records {
		r := &w.model.lanes[lane].records[i]
		for j := range r.parsed {
			e := &r.parsed[j]
			if e.Subject != row.Entity {
				continue
			}
			id := e.Identity()
			_, is := event.RefoldOf(e)
			if is && !seen[id] && r.events[j].position > row.Position {
				return r.events[j].position
			}
			seen[id] = true
		}
	}
	return ""
}

// isSpoilt reports whether a row that is written may be wrong.
func (w *world) isSpoilt(generation string, row *datastore.Row) bool {
	key := generation + "/" + row.Entity
	at, spoilt := w.spoilt[key]
	if !spoilt || row.Position < at {
		return spoilt
	}
	delete(w.spoilt, key)
	w.mended++
	return false
}

// half reads only the later half of the events of an entity that are read from the first
// one on.
type half struct{ eventlog.Log }

func plantHalf(_ *world, l eventlog.Log) eventlog.Log { return half{l} }

func (l half) ReadEntity(
	ctx context.Context, lane event.Lane, bucket eventlog.Bucket, entity, after string, limit eventlog.PageLimit,
) (eventlog.Page, error) {
	page, err := l.Log.ReadEntity(ctx, lane, bucket, entity, after, limit)
	if after == "" {
		page.Entries = page.Entries[len(page.Entries)/2:]
	}
	return page, err
}

// TestSpoiltRowsAreMended makes sure that the attack does what it is for.
func TestSpoiltRowsAreMended(t *testing.T) {
	f := makeFixtures(t).only(attacks{refolds: true})
	sum := summary{}
	for seed := range uint64(60) {
		w := runSeed(t, f, 1+seed, plant{}, false)
		if sum.add(w); w.broken != nil {
			reportBroken(t, f, w, 100)
			return
		}
	}
	if sum.refolded == 0 || sum.mended < 5 {
		t.Errorf("%+v", sum.counts)
	}
	t.Logf("%+v", sum.counts)
}
