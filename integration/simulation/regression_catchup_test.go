package simulation

import (
	"context"
	"errors"
	"testing"
	"time"

	"reprise/pkg/replay/segment"

	"reprise/pkg/datastore"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// catchUp moves the cut of a rebuild and takes in what that adds.
func (w *world) catchUp(t *testing.T, a *actor, id string) replay.Row {
	t.Helper()
	ctx := context.Background()
	row, err := w.promoterOf(a).CatchUp(ctx, w.plannerOf(a), id, "")
	if err != nil {
		t.Fatal(err)
	}
	for group := range row.Groups {
		outcome, err := w.readerOf(a).Read(ctx, id, group, w.clock().Add(drainLimit))
		if err != nil || outcome != segment.Done {
			t.Fatalf("read group %d: %s, %v", group, outcome, err)
		}
	}
	w.takeIn(t, a)
	if state, err := w.drainerOf(a).Check(ctx, id, w.clock()); err != nil || state != replay.Drained {
		t.Fatalf("drain: %s, %v", state, err)
	}
	if proof, err := w.proverOf(a).Prove(ctx, id); err != nil || !proof.Complete {
		t.Fatalf("prove: %+v, %v", proof, err)
	}
	return row
}

// A rebuild failed after its generation had begun to follow, and was continued only after
// the event stream's retention: the generation had lost its consumer, whose rows were
// ahead of the cut, and catches up. What remained of the consumer passed over nothing.
func TestARebuildThatLostItsConsumerCatchesUp(t *testing.T) {
	w, a, r := followed(t)
	ctx := context.Background()
	for i, name := range w.names {
		w.logEvent(t, a, name, "live", typeNoted)
		if i%2 == 0 { // the consumer has come so far in some lanes only
			lane := w.lanes.Of(name)
			if _, err := w.liveOf(a).Write(ctx, r.generation, lane, w.records(lane)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.closerOf(a).Close(ctx, r.id, replay.Failed, &replay.Failure{Error: "Simulated"}); err != nil {
		t.Fatal(err)
	}
	w.now += (25 * time.Hour).Milliseconds()
	if err := w.closerOf(a).Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if status := w.statusOf(t, a, r.id); status != datastore.Building {
		t.Fatalf("the generation is %s", status)
	}
	w.logEvent(t, a, w.names[0], "meanwhile", typeNoted)
	if err := w.writeAll(ctx, a, r.generation); !errors.Is(err, projection.ErrDetached) {
		t.Errorf("its consumer: %v", err)
	}
	w.now += (retention/2 + time.Hour).Milliseconds()
	if _, err := w.storeOf(a).Continue(ctx, r.id, "r.1"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.serviceOf(a).Adopt(ctx, r.id, "r.1"); err != nil {
		t.Fatal(err)
	}
	if err := w.promoterOf(a).Follow(ctx, r.id); !errors.Is(err, cutover.ErrCutTooOld) {
		t.Fatalf("follow: %v", err)
	}
	if row := w.catchUp(t, a, r.id); row.CatchUps != 1 {
		t.Errorf("%+v", row)
	}
	if err := w.promoterOf(a).Follow(ctx, r.id); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{r.generation, datastore.FirstGeneration} {
		if err := w.writeAll(ctx, a, id); err != nil {
			t.Fatal(err)
		}
	}
	if state, err := w.promoterOf(a).Promote(ctx, r.id, w.clock()); err != nil || state != cutover.Promoted {
		t.Fatalf("promote: %s, %v", state, err)
	}
	if w.checkGeneration(r.generation); w.broken != nil {
		t.Error(w.broken)
	}
}

// Follow died between its live marks and its entry in the registry, and the cut was moved
// before it was repeated: the marks move on to the new cut.
func TestAFollowThatDiesBeforeACatchUp(t *testing.T) {
	w, a := quietWorld(t)
	ctx, r, lane := context.Background(), aRebuild("r", true), w.lanes.Of(w.names[0])
	w.replays[r.id] = r
	w.logEvent(t, a, w.names[0], "1", typeNoted)
	if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
		t.Fatal(err)
	}
	if err := w.promoterOf(a).Prepare(ctx, r.id, w.set.Version()); err != nil {
		t.Fatal(err)
	}
	w.deliverAll(t, a, r.id)
	dying := w.promoterOf(a)
	dying.Registry.Table = &interrupted{Table: w.tableOf(a), prefix: "generations",
		before: func() error { return errFault }}
	if err := dying.Follow(ctx, "r"); !errors.Is(err, errFault) {
		t.Fatalf("follow that dies: %v", err)
	}
	w.now += retention.Milliseconds()
	w.logEvent(t, a, w.names[0], "meanwhile", typeNoted)
	w.catchUp(t, a, "r")
	if err := w.promoterOf(a).Follow(ctx, "r"); err != nil {
		t.Fatal(err)
	}
	marks, err := datastore.LiveMarks(ctx, w.generationsOf(a).Open(w.rowOf(t, a, "r").Generation), w.lanes.Count())
	if err != nil || marks[lane].Position != w.headOf(lane) {
		t.Errorf("mark %+v, %v", marks[lane], err)
	}
	if w.broken != nil {
		t.Error(w.broken)
	}
}

// A rebuild failed before it was drained, or after its proof, and was continued only after
// the event stream's retention. It used to end as Reprise.CutTooOld, for good.
func TestAFailedRebuildIsContinuedAfterTheStreamsRetention(t *testing.T) {
	for name, until := range map[string]func(t *testing.T, w *world, a *actor, id string){
		"read":   func(t *testing.T, w *world, a *actor, id string) { w.readAll(t, a, id) },
		"proved": func(t *testing.T, w *world, a *actor, id string) { w.deliverAll(t, a, id) },
	} {
		w, a := quietWorld(t)
		ctx, r := context.Background(), aRebuild("r", true)
		w.replays[r.id] = r
		w.logEvent(t, a, w.names[0], "1", typeNoted)
		_, _, err := w.storeOf(a).Create(ctx, r.id, r.request)
		if err == nil {
			err = w.promoterOf(a).Prepare(ctx, r.id, w.set.Version())
		}
		if err != nil {
			t.Fatal(err)
		}
		until(t, w, a, r.id)
		if _, err := w.closerOf(a).Close(ctx, r.id, replay.Failed, &replay.Failure{Error: "Simulated"}); err != nil {
			t.Fatal(err)
		}
		w.now += (retention/2 + time.Hour).Milliseconds()
		w.logEvent(t, a, w.names[0], "2", typeNoted)
		_, err = w.storeOf(a).Continue(ctx, r.id, "r.1")
		if err == nil {
			_, err = w.serviceOf(a).Adopt(ctx, r.id, "r.1")
		}
		if err != nil {
			t.Fatal(err)
		}
		w.takeIn(t, a)
		state, err := w.drainerOf(a).Check(ctx, r.id, w.clock())
		want := map[string]replay.Drain{"read": replay.Behind, "proved": replay.Drained}[name]
		if err != nil || state != want {
			t.Errorf("%s: drain: %s, %v", name, state, err)
		}
		if row := w.catchUp(t, a, r.id); row.CatchUps != 1 || row.Total != 2 {
			t.Errorf("%s: %+v", name, row)
		}
		if err := w.promoterOf(a).Follow(ctx, r.id); err != nil {
			t.Errorf("%s: follow: %v", name, err)
		}
		if w.checkGeneration(w.rowOf(t, a, r.id).Generation); w.broken != nil {
			t.Errorf("%s: %v", name, w.broken)
		}
	}
}
