package simulation

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"reprise/pkg/event"
	"reprise/pkg/replay"
)

// A plan that died between the buckets of an entity and the cut of its lane
// left buckets that a later cut did not fit: the replay left events out and
// said SUCCEEDED.
func TestScopedPlanFollowsItsCut(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	entity := w.names[0]
	r := &replayModel{
		id:      "scoped",
		request: replay.Request{Entities: []string{entity}},
		lanes:   make(map[event.Lane]*expected),
	}
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
