package replay_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

// rebuildRead has rebuild "r" of three events of lane 0 in one record, which was
// not consumed.
func rebuildRead(t *testing.T) (w *replaytest.World, generation string, records [][]byte) {
	t.Helper()
	w = replaytest.New(t)
	a := w.EntitiesIn(0, 1)[0]
	w.Send(a, a, a)
	generation = rebuilding(t, w, "r")
	tap := &replaytest.Tap{Stream: w.Playback, Codec: w.Codec}
	reader := w.Reader()
	reader.Playback = tap
	_, err := reader.Read(t.Context(), "r", 0, w.Soon())
	w.Must(err)
	return w, generation, tap.Data
}

// A rebuild writes into the generation that the registry says it owns, and only
// while that is being built. Otherwise its records are skipped, and its drain
// and its proof end with an error that names the reason.
func TestARebuildWritesOnlyIntoWhatItOwns(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(w *replaytest.World, generation string)
		owns   bool
	}{
		"it owns it": {func(*replaytest.World, string) {}, true},
		"it has none yet": {func(w *replaytest.World, _ string) {
			w.Change("r", func(row *replay.Row) { row.Generation = "" })
		}, false},
		"the registry does not know it": {func(w *replaytest.World, _ string) {
			w.Change("r", func(row *replay.Row) { row.Generation = "g9999" })
		}, false},
		"it is another replay's": {func(w *replaytest.World, _ string) {
			other, err := w.Registry.Begin(t.Context(), "s", w.Set.Version())
			w.Must(err)
			w.Must(w.Generations.Create(t.Context(), other.ID))
			w.Change("r", func(row *replay.Row) { row.Generation = other.ID })
		}, false},
		"it follows": {func(w *replaytest.World, generation string) {
			w.Must(w.Registry.Follow(t.Context(), generation, datastore.Cut{}))
		}, false},
	} {
		w, generation, records := rebuildRead(t)
		tt.change(w, generation)
		want := replay.Consumed{Foreign: 1}
		if tt.owns {
			want = replay.Consumed{Events: 3}
		}
		wantConsumed(t, w, records, want)
		_, errDrain := w.Drainer().Check(t.Context(), "r", w.Now)
		_, errProof := w.Prover().Prove(t.Context(), "r")
		if errors.Is(errDrain, datastore.ErrUnknown) == tt.owns || errors.Is(errProof, datastore.ErrUnknown) == tt.owns {
			t.Errorf("%s: drain %v, proof %v", name, errDrain, errProof)
		}
		applied, err := consumedOf(t.Context(), w, w.Registry, w.Generations, "r")
		if err != nil || applied != want.Events {
			t.Errorf("%s: %d events are applied, %v", name, applied, err)
		}
	}
}

// Records that can never be written are refused, and the replay's row says why:
// its next step fails with that reason, and later records are skipped.
func TestARebuildThatCannotGoOnIsRefusedByName(t *testing.T) {
	for fault, tt := range map[string]struct {
		spoil func(w *replaytest.World, generation string)
		want  error
	}{
		replay.FaultOtherVersion: {func(w *replaytest.World, _ string) {
			info, err := w.Registry.Begin(t.Context(), "r", "another version")
			w.Must(err)
			w.Must(w.Generations.Create(t.Context(), info.ID))
			w.Change("r", func(row *replay.Row) { row.Generation = info.ID })
		}, replay.ErrOtherVersion},
		replay.FaultLost: {func(w *replaytest.World, generation string) {
			w.Must(w.Generations.Drop(t.Context(), generation))
		}, replay.ErrGenerationLost},
	} {
		w, generation, records := rebuildRead(t)
		tt.spoil(w, generation)
		wantConsumed(t, w, records, replay.Consumed{Refused: 1})
		if row := w.Row("r"); row.Fault == nil || row.Fault.Error != fault {
			t.Errorf("%s: the row says %+v", fault, row.Fault)
		}
		wantConsumed(t, w, records, replay.Consumed{Foreign: 1})
		if _, err := w.Drainer().Check(t.Context(), "r", w.Soon()); !errors.Is(err, tt.want) {
			t.Errorf("%s: the drain ends with %v", fault, err)
		}
	}
}

// A row of an earlier release names no version, but the registry does, and no
// step of another version continues.
func TestNoStepGoesOnWithAnotherVersion(t *testing.T) {
	w, _, _ := rebuildRead(t)
	w.Change("r", func(row *replay.Row) { row.Version = "" })
	other, prover := w.Drainer(), w.Prover()
	other.Store.Version, prover.Store.Version = "another version", "another version"
	if _, err := other.Check(t.Context(), "r", w.Soon()); !errors.Is(err, replay.ErrOtherVersion) {
		t.Errorf("drain: %v", err)
	}
	if _, err := prover.Prove(t.Context(), "r"); !errors.Is(err, replay.ErrOtherVersion) {
		t.Errorf("prove: %v", err)
	}
	wantDrain(t, w, w.Drainer(), time.Minute, replay.Reread)
}

// A replay that fills no generation has no version that its steps could differ from.
func TestAReplayWithoutAGenerationHasNoVersion(t *testing.T) {
	w, records := undelivered(t)
	consume(t, w, records...)
	other := w.Drainer()
	other.Store.Version = "another version"
	wantDrain(t, w, other, time.Minute, replay.Drained)
}

// The events that a replay has applied are those of all its lanes: before the
// first one, and even after its generation's table is gone. A table that cannot
// be read is an error.
func TestTheAppliedEventsOfAReplayAreCounted(t *testing.T) {
	w := replaytest.New(t)
	here, there := w.EntitiesIn(0, 1)[0], w.EntitiesIn(1, 1)[0]
	w.Send(here, here, there)
	generation := rebuilding(t, w, "rebuild")
	w.Plan("plain", replay.Request{})
	wantApplied := func(want int64) {
		t.Helper()
		for _, id := range []string{"plain", "rebuild"} {
			applied, err := consumedOf(t.Context(), w, w.Registry, w.Generations, id)
			if err != nil || applied != want {
				t.Errorf("%d events of %s are applied, %v; want %d", applied, id, err, want)
			}
		}
	}
	wantApplied(0)
	w.Deliver("plain")
	w.Deliver("rebuild")
	w.Consume()
	wantApplied(3)
	unreadable := w.Registry
	unreadable.Table = replaytest.Intercepted{Table: w.Registry.Table, Read: func(control.Key) error {
		return replaytest.ErrUnreadable
	}}
	_, err := consumedOf(t.Context(), w, unreadable, w.Generations, "rebuild")
	if !errors.Is(err, replaytest.ErrUnreadable) {
		t.Errorf("without a registry: %v", err)
	}
	generations := replaytest.Unreadable{Generations: w.Generations}
	_, err = consumedOf(t.Context(), w, w.Registry, generations, "rebuild")
	if !errors.Is(err, replaytest.ErrUnreadable) {
		t.Errorf("without marks: %v", err)
	}
	w.Must(w.Generations.Drop(t.Context(), generation))
	applied, err := consumedOf(t.Context(), w, w.Registry, w.Generations, "rebuild")
	if err != nil || applied != 0 {
		t.Errorf("without a table: %d, %v", applied, err)
	}
}

// The mark of a rebuild is kept with its rows, that of any other replay in the
// control table.
func TestAMarkIsKeptWhereItsRowsAre(t *testing.T) {
	w, generation, records := rebuildRead(t)
	wantConsumed(t, w, records, replay.Consumed{Events: 3})
	mark, _, err := w.Generations.Open(generation).Mark(t.Context(), datastore.ReplayMark, event.Lane(0))
	if err != nil || mark.Ordinal != 3 {
		t.Errorf("the generation's mark is %+v, %v", mark, err)
	}
	if mark := markOf(t, w, "r"); mark.Ordinal != 0 {
		t.Errorf("the control table's mark is %+v", mark)
	}
}

// consumedOf returns how many events of a replay its marks say were consumed.
func consumedOf(
	ctx context.Context, w *replaytest.World, registry datastore.Registry, generations datastore.Generations, id string,
) (events int64, err error) {
	marks, err := w.Store.Marks(ctx, registry, generations, w.Row(id))
	for _, mark := range marks {
		events += mark.Ordinal
	}
	return events, err
}
