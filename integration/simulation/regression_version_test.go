package simulation

import (
	"context"
	"errors"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
)

// otherSet are projections that fold the same events differently.
func otherSet(t *testing.T) *projection.Set {
	t.Helper()
	set, err := projection.NewSet(projection.New("other", 2, []string{typeNoted},
		func(n int, _ *event.Event) (int, error) {
			return n + 1000, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// A rebuild that continued under other projections than it had begun with
// folded the rest of the log with those, was proved complete and was promoted.
func TestPlaybackOfAnotherVersionIsNotFoldedIn(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	entity := w.names[0]
	lane := w.lanes.Of(entity)
	for _, id := range []string{"1", "2", "3"} {
		w.logEvent(t, a, entity, id, typeNoted)
	}
	w.shape.recordBytes = 1 // a record for each event
	r := aRebuild("rebuild", true)
	plain := &replayModel{id: "plain", lanes: make(map[event.Lane]*expected)}
	for _, m := range []*replayModel{r, plain} {
		w.replays[m.id] = m
		if _, _, err := w.storeOf(a).Create(ctx, m.id, m.request); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.promoterOf(a).Prepare(ctx, r.id, w.set.Version()); err != nil {
		t.Fatal(err)
	}
	w.readAll(t, a, r.id)
	w.readAll(t, a, plain.id)
	var records [][]byte
	for _, shard := range w.playback.shards {
		for _, stored := range shard {
			records = append(records, stored.data)
		}
	}
	// The first record is folded in before the deploy, the others after it,
	// among records of another replay.
	if consumed, err := w.consumerOf(a).Consume(ctx, lane, records[:1]); err != nil || consumed.Events != 1 {
		t.Fatalf("%+v, %v", consumed, err)
	}
	deployed := w.consumerOf(a)
	deployed.Applier = projection.NewApplier(otherSet(t), eventlog.View{
		Log:   w.logOf(a),
		Heads: eventlog.Heads{Table: w.tableOf(a)},
	})
	for range 2 { // redelivered
		consumed, err := deployed.Consume(ctx, lane, records)
		if err != nil {
			t.Fatalf("the shared stream stands still: %v", err)
		}
		if consumed.Refused == 0 && consumed.Foreign == 0 {
			t.Errorf("%+v", consumed)
		}
	}
	if row := w.store.tables[r.generation].rows[lane][entity]; row.Count != 1 || row.Version != w.set.Version() {
		t.Errorf("the row counts %d, of version %s", row.Count, row.Version)
	}
	if mark := w.markOf(plain, lane); mark.Ordinal != 3 {
		t.Errorf("the other replay's mark is at %d", mark.Ordinal)
	}
	if fault := w.rowOf(t, a, r.id).Fault; fault == nil || fault.Error != replay.FaultOtherVersion {
		t.Fatalf("fault in the row: %+v", fault)
	}
	// The right code returns: the rebuild does not continue, and its steps end
	// with the named error.
	w.takeIn(t, a)
	if row := w.store.tables[r.generation].rows[lane][entity]; row.Count != 1 {
		t.Errorf("folded in behind a gap of versions: %d", row.Count)
	}
	w.wantSteps(t, a, w.set.Version(), r.id, replay.ErrOtherVersion)
	failure := &replay.Failure{Error: replay.FaultOtherVersion}
	if row, err := w.closerOf(a).Close(ctx, r.id, replay.Failed, failure); err != nil ||
		row.Status != replay.Failed || w.store.tables[r.generation] != nil {
		t.Errorf("%s, %v", row.Status, err)
	}
}

// wantSteps runs every step of a replay with the projections of a version, and
// expects the same error from each.
func (w *world) wantSteps(t *testing.T, a *actor, version, id string, want error) {
	t.Helper()
	ctx := context.Background()
	store := w.storeOf(a)
	store.Version = version
	reader, drainer, prover, promoter := w.readerOf(a), w.drainerOf(a), w.proverOf(a), w.promoterOf(a)
	reader.Store, drainer.Store, prover.Store, promoter.Store = store, store, store, store
	_, read := reader.Read(ctx, id, 0, w.clock().Add(drainLimit))
	_, drained := drainer.Check(ctx, id, w.clock().Add(drainLimit))
	_, proved := prover.Prove(ctx, id)
	followed := promoter.Follow(ctx, id)
	_, promoted := promoter.Promote(ctx, id, w.clock().Add(drainLimit))
	for step, err := range map[string]error{
		"read":    read,
		"drain":   drained,
		"prove":   proved,
		"follow":  followed,
		"promote": promoted,
	} {
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", step, err, want)
		}
	}
}

// Under other code than planned it, every step of a rebuild ends with the named
// error, a repeated plan included, and none writes.
func TestStepsOfAnotherVersionEndByName(t *testing.T) {
	for _, recorded := range []bool{true, false} { // a row of an earlier release has no version
		w, a := quietWorld(t)
		ctx := context.Background()
		w.logEvent(t, a, w.names[0], "1", typeNoted)
		r := aRebuild("rebuild", true)
		w.rebuild(t, a, r)
		if !recorded {
			if _, err := w.storeOf(a).Update(ctx, r.id, func(row *replay.Row) error {
				row.Version = ""
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		before := w.rowOf(t, a, r.id)
		if err := w.promoterOf(a).Prepare(ctx, r.id, "other@2"); !errors.Is(err, replay.ErrOtherVersion) {
			t.Errorf("prepare: %v", err)
		}
		if recorded {
			w.wantSteps(t, a, "other@2", r.id, replay.ErrOtherVersion)
		} else {
			promoter := w.promoterOf(a)
			promoter.Store.Version = "other@2"
			if _, err := promoter.Promote(ctx, r.id, w.clock()); !errors.Is(err, replay.ErrOtherVersion) {
				t.Errorf("promote: %v", err)
			}
			if err := promoter.Follow(ctx, r.id); !errors.Is(err, replay.ErrOtherVersion) {
				t.Errorf("follow: %v", err)
			}
		}
		after := w.rowOf(t, a, r.id)
		if after.Status != before.Status || after.Promoted || w.registryStateOf(t, a).Active != datastore.FirstGeneration {
			t.Errorf("the row is %s, was %s", after.Status, before.Status)
		}
	}
}

// An old row has no version. The drain and the proof then use the generation's
// version.
func TestDrainAndProofOfAnotherVersionEndByName(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	w.logEvent(t, a, w.names[0], "1", typeNoted)
	r := aRebuild("rebuild", false)
	w.replays[r.id] = r
	if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
		t.Fatal(err)
	}
	if err := w.promoterOf(a).Prepare(ctx, r.id, w.set.Version()); err != nil {
		t.Fatal(err)
	}
	w.readAll(t, a, r.id)
	w.takeIn(t, a)
	if _, err := w.storeOf(a).Update(ctx, r.id, func(row *replay.Row) error { row.Version = ""; return nil }); err != nil {
		t.Fatal(err)
	}
	drainer, prover := w.drainerOf(a), w.proverOf(a)
	drainer.Store.Version, prover.Store.Version = "other@2", "other@2"
	if _, err := drainer.Check(ctx, r.id, w.clock().Add(drainLimit)); !errors.Is(err, replay.ErrOtherVersion) {
		t.Errorf("drain: %v", err)
	}
	if _, err := prover.Prove(ctx, r.id); !errors.Is(err, replay.ErrOtherVersion) {
		t.Errorf("prove: %v", err)
	}
}

// The proof names the version, and counts a row of another version as a
// difference.
func TestProofCountsRowsOfAnotherVersion(t *testing.T) {
	for _, foreign := range []int64{0, 1} {
		w, a := quietWorld(t)
		ctx := context.Background()
		entity := w.names[0]
		lane := w.lanes.Of(entity)
		w.logEvent(t, a, entity, "1", typeNoted)
		r := aRebuild("rebuild", false)
		w.replays[r.id] = r
		if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
			t.Fatal(err)
		}
		if err := w.promoterOf(a).Prepare(ctx, r.id, w.set.Version()); err != nil {
			t.Fatal(err)
		}
		w.readAll(t, a, r.id)
		w.takeIn(t, a)
		if foreign > 0 {
			row := w.store.tables[r.generation].rows[lane][entity]
			row.Version = "other@2"
			w.store.tables[r.generation].rows[lane][entity] = row
		}
		proof, err := w.proverOf(a).Prove(ctx, r.id)
		if err != nil || proof.Complete != (foreign == 0) || proof.Version != w.set.Version() ||
			proof.Rows.Others != foreign {
			t.Errorf("%d of another version: %+v, %v", foreign, proof, err)
		}
	}
}

// If the generation of a rebuild is gone, that rebuild ends with a named error
// and does not stop the stream for others.
func TestPlaybackIntoAGenerationThatIsGone(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	w.logEvent(t, a, w.names[0], "1", typeNoted)
	r := aRebuild("rebuild", false)
	w.replays[r.id] = r
	if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
		t.Fatal(err)
	}
	if err := w.promoterOf(a).Prepare(ctx, r.id, w.set.Version()); err != nil {
		t.Fatal(err)
	}
	w.readAll(t, a, r.id)
	if err := w.generationsOf(a).Drop(ctx, r.generation); err != nil {
		t.Fatal(err)
	}
	w.takeIn(t, a)
	w.wantSteps(t, a, w.set.Version(), r.id, replay.ErrGenerationLost)
	if _, found := w.store.tables[r.generation]; found {
		t.Error("the table is back")
	}
}
