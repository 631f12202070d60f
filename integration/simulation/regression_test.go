package simulation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/record"
	"reprise/pkg/replay"
)

// The shortest schedules that broke an invariant once. They use the stores of
// a world without its scheduler: every call is done at once.

// quietWorld is a world in which nothing happens by itself.
func quietWorld(t *testing.T) (*world, *actor) {
	t.Helper()
	w, err := newWorld(makeFixtures(t), 1, plant{}, false)
	if err != nil {
		t.Fatal(err)
	}
	a := w.newActor("test")
	a.direct = true
	return w, a
}

// logEvent puts an event of an entity through the event stream and the pump.
func (w *world) logEvent(t *testing.T, a *actor, entity, id, kind string) {
	t.Helper()
	lane := w.lanes.Of(entity)
	e := event.Event{ID: id, Source: "test", Type: kind, Subject: entity, Data: `{"n":1}`}
	data, err := w.codec.Pack(record.Header{Lane: lane}, [][]byte{e.AppendJSON(nil)})
	if err != nil {
		t.Fatal(err)
	}
	r := streamRecord{lane: lane, sequence: w.ingest.put(w.lanes.Key(lane), data), arrival: w.now, data: data}
	for _, shard := range w.ingest.shards {
		for _, stored := range shard {
			if stored.sequence == r.sequence {
				r = stored
			}
		}
	}
	in := eventlog.Incoming{Sequence: r.sequence, Arrival: r.arrival, Data: r.data}
	if _, err := w.pumpOf(a).Commit(context.Background(), lane, []eventlog.Incoming{in}); err != nil {
		t.Fatal(err)
	}
}

// interrupted lets before happen ahead of a write of a document whose sort key
// begins with a prefix, the first after skip others, and fails that write if it
// returns an error.
type interrupted struct {
	control.Table
	prefix string
	skip   int
	before func() error
}

func (i *interrupted) Put(ctx context.Context, key control.Key, body []byte, previous control.Version) (control.Version, error) {
	before := i.before
	if before != nil && strings.HasPrefix(key.Sort, i.prefix) {
		i.skip--
	}
	if before != nil && i.skip < 0 {
		i.before = nil
		if err := before(); err != nil {
			return "", err
		}
	}
	return i.Table.Put(ctx, key, body, previous)
}

func plannerOn(w *world, a *actor, table control.Table) *replay.Planner {
	p := w.plannerOf(a)
	p.Store.Table = table
	return p
}

// A plan that died between the buckets of an entity and the cut of its lane
// left buckets that a later cut did not fit: the replay left events out and
// said SUCCEEDED.
func TestScopedPlanFollowsItsCut(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	entity := w.names[0]
	r := &replayModel{id: "scoped", request: replay.Request{Entities: []string{entity}}, lanes: make(map[event.Lane]*expected)}
	w.replays[r.id] = r
	w.logEvent(t, a, entity, "1", typeNoted)
	if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"scope#", "lane#", "plan"} {
		table := &interrupted{Table: w.tableOf(a), prefix: prefix, before: func() error { return errFault }}
		if _, err := plannerOn(w, a, table).Plan(ctx, r.id); err != nil && !errors.Is(err, errFault) {
			t.Fatalf("plan that dies before %s: %v", prefix, err)
		}
		w.drift += 3_600_000
		w.logEvent(t, a, entity, "after "+prefix, typeNoted)
	}
	w.finishPlain(t, a, r)
}

// finishPlain plans, reads, takes in and closes a replay without a generation.
func (w *world) finishPlain(t *testing.T, a *actor, r *replayModel) {
	t.Helper()
	ctx := context.Background()
	w.deliverAll(t, a, r.id)
	if _, err := w.closerOf(a).Close(ctx, r.id, replay.Succeeded, nil); err != nil {
		t.Fatal(err)
	}
	if w.broken != nil {
		t.Error(w.broken)
	}
}

// Two attempts at a plan, of which the first had seen a lane empty, divided
// different lanes: the row left a lane out that the cut had, and nothing was
// proved of it.
func TestRacingPlansAgree(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	r := &replayModel{id: "raced", lanes: make(map[event.Lane]*expected)}
	w.replays[r.id] = r
	first := w.names[0]
	w.logEvent(t, a, first, "1", typeNoted)
	if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
		t.Fatal(err)
	}
	// While the first attempt is about to store its cuts, events arrive in all
	// lanes and another attempt plans, but dies before it enters the row.
	table := &interrupted{Table: w.tableOf(a), prefix: "lane#", before: func() error {
		for _, name := range w.names {
			w.logEvent(t, a, name, "2", typeNoted)
		}
		dying := &interrupted{Table: w.tableOf(a), prefix: "plan", before: func() error { return errFault }}
		if _, err := plannerOn(w, a, dying).Plan(ctx, r.id); !errors.Is(err, errFault) {
			t.Fatalf("plan that dies: %v", err)
		}
		return nil
	}}
	if _, err := plannerOn(w, a, table).Plan(ctx, r.id); err != nil {
		t.Fatal(err)
	}
	w.finishPlain(t, a, r)
}

// An entity that both generations park was taken for parked in the new one
// alone while the active one's consumer had not come to the rejected event.
func TestLaggingActiveParksNothingBack(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	entity := w.names[0]
	w.logEvent(t, a, entity, "1", typeNoted)
	if err := w.writeAll(ctx, a, firstGeneration); err != nil {
		t.Fatal(err)
	}
	w.logEvent(t, a, entity, "2", typeRefused)
	r := &replayModel{id: "rebuild", request: replay.Request{Rebuild: true, Promote: true}, lanes: make(map[event.Lane]*expected)}
	w.replays[r.id] = r
	if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
		t.Fatal(err)
	}
	w.rebuild(t, a, r)
	if state, err := w.promoterOf(a).Promote(ctx, r.id, w.clock()); err != nil || state != replay.Promoted {
		t.Errorf("promote: %s, %v", state, err)
	}
	if w.broken != nil {
		t.Error(w.broken)
	}
}

// rebuild fills a generation and lets it follow.
func (w *world) rebuild(t *testing.T, a *actor, r *replayModel) {
	t.Helper()
	ctx := context.Background()
	w.replays[r.id] = r
	if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
		t.Fatal(err)
	}
	promoter := w.promoterOf(a)
	if err := promoter.Prepare(ctx, r.id, w.set.Version()); err != nil {
		t.Fatal(err)
	}
	w.deliverAll(t, a, r.id)
	if err := promoter.Follow(ctx, r.id); err != nil {
		t.Fatal(err)
	}
}

// readAll plans a replay and reads its groups.
func (w *world) readAll(t *testing.T, a *actor, id string) {
	t.Helper()
	ctx := context.Background()
	row, err := w.plannerOf(a).Plan(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	for group := range row.Groups {
		if outcome, err := w.readerOf(a).Read(ctx, id, group, w.clock().Add(drainLimit)); err != nil || outcome != replay.Done {
			t.Fatalf("read group %d: %s, %v", group, outcome, err)
		}
	}
}

// takeIn gives the consumer all of the playback stream.
func (w *world) takeIn(t *testing.T, a *actor) {
	t.Helper()
	for _, shard := range w.playback.shards {
		for _, stored := range shard {
			if _, err := w.consumerOf(a).Consume(context.Background(), stored.lane, [][]byte{stored.data}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A promotion that stood still until its hold was broken flipped under the hold
// that its own retry had taken meanwhile, without having waited for the heads
// as of then.
func TestFlipNeedsItsOwnHold(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	entity := w.names[0]
	w.logEvent(t, a, entity, "1", typeNoted)
	if err := w.writeAll(ctx, a, firstGeneration); err != nil {
		t.Fatal(err)
	}
	r := &replayModel{id: "rebuild", request: replay.Request{Rebuild: true, Promote: true}, lanes: make(map[event.Lane]*expected)}
	w.rebuild(t, a, r)
	still := w.promoterOf(a)
	still.Registry.Table = &interrupted{Table: w.tableOf(a), prefix: "generations", skip: 1, before: func() error {
		w.now += w.shape.lease.Milliseconds() + 1
		w.logEvent(t, a, entity, "2", typeNoted)
		if err := w.writeAll(ctx, a, firstGeneration); err != nil {
			t.Fatal(err)
		}
		_, err := w.registryOf(a).Hold(ctx, r.id, w.shape.lease)
		return err
	}}
	if state, err := still.Promote(ctx, r.id, w.clock()); err != nil || state != replay.Catching {
		t.Errorf("promote: %s, %v", state, err)
	}
	if w.broken != nil {
		t.Error(w.broken)
	}
}

// A promotion that was told of a failure although it had flipped held the new
// generation's own consumer when it was tried again.
func TestPromotionAfterItsFlip(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	w.logEvent(t, a, w.names[0], "1", typeNoted)
	r := &replayModel{id: "rebuild", request: replay.Request{Rebuild: true, Promote: true}, lanes: make(map[event.Lane]*expected)}
	w.rebuild(t, a, r)
	dying := w.promoterOf(a)
	dying.Store.Table = &interrupted{Table: w.tableOf(a), prefix: r.id, before: func() error { return errFault }}
	if _, err := dying.Promote(ctx, r.id, w.clock()); !errors.Is(err, errFault) {
		t.Fatalf("promotion that dies: %v", err)
	}
	w.logEvent(t, a, w.names[0], "2", typeNoted) // the new generation lags now
	if state, err := w.promoterOf(a).Promote(ctx, r.id, w.clock()); err != nil || state != replay.Promoted {
		t.Errorf("promote again: %s, %v", state, err)
	}
	if _, err := w.registryOf(a).MayWrite(ctx, w.active); err != nil {
		t.Errorf("write to the generation that became active: %v", err)
	}
}

// writeAll gives a generation all records of the event stream.
func (w *world) writeAll(ctx context.Context, a *actor, generation string) error {
	for _, shard := range w.ingest.shards {
		for _, stored := range shard {
			in := eventlog.Incoming{Sequence: stored.sequence, Arrival: stored.arrival, Data: stored.data}
			if _, err := w.liveOf(a).Write(ctx, generation, stored.lane, []eventlog.Incoming{in}); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliverAll plans, reads, takes in and proves a replay.
func (w *world) deliverAll(t *testing.T, a *actor, id string) {
	t.Helper()
	ctx := context.Background()
	w.readAll(t, a, id)
	w.takeIn(t, a)
	if state, err := w.drainerOf(a).Check(ctx, id, w.clock()); err != nil || state != replay.Drained {
		t.Fatalf("drain: %s, %v", state, err)
	}
	if proof, err := w.proverOf(a).Prove(ctx, id); err != nil || !proof.Complete {
		t.Fatalf("prove: %+v, %v", proof, err)
	}
}

// Buckets that had just been closed were read at half the price, which may miss
// what was just written: ordinals shifted, and the replay could not be proved.
func TestFreshBucketsAreReadWhole(t *testing.T) {
	w, a := quietWorld(t)
	w.staleness = 2_000
	r := &replayModel{id: "fresh", lanes: make(map[event.Lane]*expected)}
	w.replays[r.id] = r
	for i := range 20 {
		w.logEvent(t, a, w.names[0], fmt.Sprint(i), typeNoted)
		if i%5 == 4 {
			w.drift += 3_600_000
		}
	}
	if _, _, err := w.storeOf(a).Create(context.Background(), r.id, r.request); err != nil {
		t.Fatal(err)
	}
	w.finishPlain(t, a, r)
}

// A drain that was given up and went on late set a lane back that had been
// drained by then: it had no end marker, and the replay could not be proved.
func TestLateDrainUnsaysNothing(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	r := &replayModel{id: "drained", lanes: make(map[event.Lane]*expected)}
	w.replays[r.id] = r
	w.logEvent(t, a, w.names[0], "1", typeNoted)
	if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
		t.Fatal(err)
	}
	w.readAll(t, a, r.id)
	late := w.drainerOf(a)
	late.Store.Table = &interrupted{Table: w.tableOf(a), prefix: "checkpoint#", before: func() error {
		w.takeIn(t, a)
		if state, err := w.drainerOf(a).Check(ctx, r.id, w.clock()); err != nil || state != replay.Drained {
			t.Errorf("drain: %s, %v", state, err)
		}
		return nil
	}}
	if state, err := late.Check(ctx, r.id, w.clock().Add(drainLimit)); err != nil || state != replay.Reread {
		t.Errorf("late drain: %s, %v", state, err)
	}
	if proof, err := w.proverOf(a).Prove(ctx, r.id); err != nil || !proof.Complete {
		t.Errorf("prove: %+v, %v", proof, err)
	}
}

// Drains that died while they set lanes back counted as stalls, although nobody
// had read the lanes again: a replay failed without having been tried.
func TestDeadDrainsAreNoStalls(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	r := &replayModel{id: "drained", lanes: make(map[event.Lane]*expected)}
	w.replays[r.id] = r
	w.logEvent(t, a, w.names[0], "1", typeNoted)
	if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
		t.Fatal(err)
	}
	w.readAll(t, a, r.id)
	for range 20 {
		dying := w.drainerOf(a)
		dying.Store.Table = &interrupted{Table: w.tableOf(a), prefix: "checkpoint#", before: func() error { return errFault }}
		if _, err := dying.Check(ctx, r.id, w.clock().Add(drainLimit)); !errors.Is(err, errFault) {
			t.Fatalf("drain that dies: %v", err)
		}
	}
	w.takeIn(t, a)
	if state, err := w.drainerOf(a).Check(ctx, r.id, w.clock()); err != nil || state != replay.Drained {
		t.Errorf("drain: %s, %v", state, err)
	}
}
