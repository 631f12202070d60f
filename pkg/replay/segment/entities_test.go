package segment_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/segment"
)

// A replay of single entities reads exactly these entities, in the buckets that
// were found for them, each once and in the order of their keys.
func TestOnlyTheSelectedEntitiesAreRead(t *testing.T) {
	w, short, long := worldOfScopes(t)
	tap := &logTap{Log: w.Log}
	reader := w.Reader()
	reader.Log = tap
	outcome, err := reader.Read(t.Context(), "r", 0, w.Soon())
	if outcome != segment.Done || err != nil {
		t.Fatalf("read: %s, %v", outcome, err)
	}
	// '!' sorts before the '#' that ends an entity in a key.
	want := []string{
		long + " in 2026-03-01T00", short + " in 2026-03-01T00",
		short + " in 2026-03-01T01",
		long + " in 2026-03-01T03", short + " in 2026-03-01T03",
	}
	if !slices.Equal(tap.reads, want) {
		t.Errorf("read were\n%q, want\n%q", tap.reads, want)
	}
	for _, limit := range tap.limits {
		if limit > 500 {
			t.Errorf("a page has up to %d events, each of which may cost a read of the register", limit)
		}
	}
	wantScopes(t, w)
}

// This is also true if its readers repeatedly run out of time.
func TestASelectionOfEntitiesIsReadInPieces(t *testing.T) {
	w, _, _ := worldOfScopes(t)
	reader := w.Reader()
	reader.Log = &logTap{Log: w.Log, before: func() { w.Now = w.Now.Add(25 * time.Second) }}
	reader.RecordBytes = 1
	readInPieces(t, w, reader)
	wantScopes(t, w)
}

// worldOfScopes has events of three entities in three hours, and replay "r",
// planned for two of them: three events of the entity with the short name, and
// two of the one whose name continues with "!".
func worldOfScopes(t *testing.T) (w *replaytest.World, short, long string) {
	t.Helper()
	w = replaytest.New(t)
	var other string
	for _, short = range w.EntitiesIn(0, 20) {
		if long = short + "!"; w.Lanes.Of(long) == 0 {
			break
		}
		other = short
	}
	start := w.Now
	w.Send(short, long, other)
	w.Now = start.Add(time.Hour)
	w.Send(short, other)
	w.Now = start.Add(3 * time.Hour)
	w.Send(long, other, short)
	w.Create("r", replay.Request{Entities: []string{short, long}})
	planner := w.Planner()
	planner.Buckets = func(_ context.Context, _ event.Lane, entity string, _ eventlog.Head) ([]eventlog.Bucket, error) {
		if entity == long {
			return []eventlog.Bucket{"2026-03-01T00", "2026-03-01T03"}, nil
		}
		// The lane has nothing in the third of them.
		return []eventlog.Bucket{"2026-03-01T00", "2026-03-01T01", "2026-03-01T02", "2026-03-01T03"}, nil
	}
	_, err := planner.Plan(t.Context(), "r")
	w.Must(err)
	return w, short, long
}

func wantScopes(t *testing.T, w *replaytest.World) {
	t.Helper()
	if took := w.Consume(); took.Events != 5 || took.Repeated != 0 || took.Gaps != 0 {
		t.Errorf("consumed %+v", took)
	}
	proof, err := w.Prover().Prove(t.Context(), "r")
	if err != nil || !proof.Complete || !proof.Scoped || proof.Expected.Count != 5 || proof.Applied != proof.Expected {
		t.Errorf("proved as %+v, %v", proof, err)
	}
}

// An entity's buckets are read in the order of time, also if a slice has several.
func TestTheBucketsOfAnEntityAreReadInOrder(t *testing.T) {
	w := replaytest.New(t)
	var want []string
	for range 64 {
		w.Send("a")
		want = append(want, "a in "+string(eventlog.Hour.Of(w.Now.UnixMilli())))
		w.Now = w.Now.Add(time.Hour)
	}
	if row := w.Plan("r", replay.Request{Entities: []string{"a"}}); row.Slices >= 64 {
		t.Fatalf("planned as %d slices", row.Slices)
	}
	tap := &logTap{Log: w.Log}
	reader := w.Reader()
	reader.Log = tap
	_, err := reader.Read(t.Context(), "r", 0, w.Soon())
	if err != nil || !slices.Equal(tap.reads, want) {
		t.Errorf("read were %q, %v", tap.reads, err)
	}
}
