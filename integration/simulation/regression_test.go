package simulation

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"reprise/pkg/event"
	"reprise/pkg/replay"
)

// A plan died after listing an entity's buckets and before storing its lane's
// cut. The buckets that it left did not fit a later cut: the replay left events
// out and ended as SUCCEEDED.
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

// Of two attempts at a plan, the first had seen a lane empty, so they divided
// different lanes. The row left out a lane that the cut had, and nothing of
// that lane was proved.
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

// Buckets that had just been closed were read at half the price, with reads
// that may miss recent writes. Ordinals shifted, and the replay could not be
// proved.
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

// A drain that had been abandoned continued late and set back a lane that had
// been drained by then. The lane had no end marker, and the replay could not be
// proved.
func TestALateDrainSetsNoLaneBack(t *testing.T) {
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
// had read the lanes again: a replay failed without a real attempt.
func TestDrainsThatDieCountNoStalls(t *testing.T) {
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
