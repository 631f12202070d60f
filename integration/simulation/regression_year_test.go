package simulation

import (
	"context"
	"fmt"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// A year's log, of an event every twelve hours, is rebuilt while the stream keeps records for
// a day. Reading an event takes six hours, so the first pass takes half a year, and each
// pass has half as much to read as the one before.
const (
	aDay       = 24 * time.Hour
	everyEvent = 12 * time.Hour
	readEvent  = 6 * time.Hour
)

// writeKept hands the records that the event stream still keeps to a generation's
// consumer, and marks, if there are any, say up to where it has seen them.
func (w *world) writeKept(t *testing.T, a *actor, generation string) {
	t.Helper()
	for _, shard := range w.ingest.shards {
		for _, stored := range shard[w.trimmed(shard):] {
			in := eventlog.Incoming{Sequence: stored.sequence, Arrival: stored.arrival, Data: stored.data}
			if _, err := w.liveOf(a).Write(a.ctx, generation, stored.lane, []eventlog.Incoming{in}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// year is a world whose clock and live traffic go on together.
type year struct {
	*world
	a      *actor
	events int
}

// pass lets time pass. Every twelve hours an event arrives, which the active generation takes
// in at once.
func (y *year) pass(t *testing.T, d time.Duration) {
	t.Helper()
	for end := y.now + d.Milliseconds(); y.now < end; {
		step := everyEvent.Milliseconds() - y.now%everyEvent.Milliseconds()
		if y.now+step > end {
			y.now = end
			return
		}
		y.now += step
		name := y.names[y.events%y.ordinary]
		y.logEvent(t, y.a, name, fmt.Sprint("event ", y.events), typeNoted)
		y.events++
		y.writeKept(t, y.a, datastore.FirstGeneration)
	}
}

func TestAYearsLogIsRebuiltBesideAStreamOfADay(t *testing.T) {
	if testing.Short() {
		t.Skip("a year takes some seconds")
	}
	w, a := quietWorld(t)
	w.shape.retention = aDay
	y := &year{world: w, a: a}
	y.pass(t, 365*aDay)
	ctx, r := context.Background(), aRebuild("r", true)
	w.replays[r.id] = r
	_, _, err := w.storeOf(a).Create(ctx, r.id, r.request)
	if err == nil {
		err = w.promoterOf(a).Prepare(ctx, r.id, w.set.Version())
	}
	if err != nil {
		t.Fatal(err)
	}
	w.deliverAll(t, a, r.id)
	read := int64(0)
	for {
		row := w.rowOf(t, a, r.id)
		y.pass(t, time.Duration(row.Total-read)*readEvent)
		read = row.Total
		if !row.Outdated(w.clock(), aDay) {
			break
		}
		if err := w.promoterOf(a).Follow(ctx, r.id); err == nil {
			t.Fatal("a generation follows from a cut that the stream may have lost")
		}
		w.catchUp(t, a, r.id)
	}
	if err := w.promoterOf(a).Follow(ctx, r.id); err != nil {
		t.Fatal(err)
	}
	y.pass(t, aDay/2)
	row := w.rowOf(t, a, r.id)
	w.writeKept(t, a, row.Generation)
	if state, err := w.promoterOf(a).Promote(ctx, r.id, w.clock()); err != nil || state != cutover.Promoted {
		t.Fatalf("promote: %s, %v", state, err)
	}
	t.Logf("%d events in all, %d at the last of %d cuts", y.events, row.Total, row.CatchUps+1)
	if row.CatchUps < 5 || row.Total < 4*365-100 || row.Status == replay.Failed {
		t.Errorf("%+v", row)
	}
	if w.checkGeneration(row.Generation); w.broken != nil {
		t.Error(w.broken)
	}
}
