package simulation

import (
	"context"
	"errors"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// An entity that both generations park was counted as parked in the new one
// only, because the active one's consumer had not reached the rejected event.
func TestAnEntityThatBothGenerationsParkIsNoDifference(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	entity := w.names[0]
	w.logEvent(t, a, entity, "1", typeNoted)
	if err := w.writeAll(ctx, a, datastore.FirstGeneration); err != nil {
		t.Fatal(err)
	}
	w.logEvent(t, a, entity, "2", typeRefused)
	r := &replayModel{
		id:      "rebuild",
		request: replay.Request{Rebuild: true, Promote: true},
		lanes:   make(map[event.Lane]*expected),
	}
	w.replays[r.id] = r
	if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
		t.Fatal(err)
	}
	w.rebuild(t, a, r)
	if state, err := w.promoterOf(a).Promote(ctx, r.id, w.clock()); err != nil || state != cutover.Promoted {
		t.Errorf("promote: %s, %v", state, err)
	}
	if w.broken != nil {
		t.Error(w.broken)
	}
}

// A promotion stood still until its hold was broken. Then it flipped under the
// hold that its own retry had taken in the meantime, without having waited for
// the heads as of that hold.
func TestFlipNeedsItsOwnHold(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	entity := w.names[0]
	w.logEvent(t, a, entity, "1", typeNoted)
	if err := w.writeAll(ctx, a, datastore.FirstGeneration); err != nil {
		t.Fatal(err)
	}
	r := &replayModel{
		id:      "rebuild",
		request: replay.Request{Rebuild: true, Promote: true},
		lanes:   make(map[event.Lane]*expected),
	}
	w.rebuild(t, a, r)
	still := w.promoterOf(a)
	still.Registry.Table = &interrupted{Table: w.tableOf(a), prefix: "generations", skip: 1, before: func() error {
		w.now += w.shape.lease.Milliseconds() + 1
		w.logEvent(t, a, entity, "2", typeNoted)
		if err := w.writeAll(ctx, a, datastore.FirstGeneration); err != nil {
			t.Fatal(err)
		}
		_, err := w.registryOf(a).Hold(ctx, r.id, w.shape.lease)
		return err
	}}
	if state, err := still.Promote(ctx, r.id, w.clock()); err != nil || state != cutover.CatchingUp {
		t.Errorf("promote: %s, %v", state, err)
	}
	if w.broken != nil {
		t.Error(w.broken)
	}
}

// A promotion that had flipped, but was told of a failure, held the new
// generation's own consumer when it was retried.
func TestPromotionAfterItsFlip(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	w.logEvent(t, a, w.names[0], "1", typeNoted)
	r := &replayModel{
		id:      "rebuild",
		request: replay.Request{Rebuild: true, Promote: true},
		lanes:   make(map[event.Lane]*expected),
	}
	w.rebuild(t, a, r)
	dying := w.promoterOf(a)
	dying.Store.Table = &interrupted{Table: w.tableOf(a), prefix: r.id, before: func() error { return errFault }}
	if _, err := dying.Promote(ctx, r.id, w.clock()); !errors.Is(err, errFault) {
		t.Fatalf("promotion that dies: %v", err)
	}
	w.logEvent(t, a, w.names[0], "2", typeNoted) // the new generation lags now
	if state, err := w.promoterOf(a).Promote(ctx, r.id, w.clock()); err != nil || state != cutover.Promoted {
		t.Errorf("promote again: %s, %v", state, err)
	}
	if _, err := w.registryOf(a).MayWrite(ctx, w.active); err != nil {
		t.Errorf("write to the generation that became active: %v", err)
	}
}
