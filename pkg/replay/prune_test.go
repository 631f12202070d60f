package replay

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/control"
	"reprise/pkg/local/controlpebble"
	"reprise/pkg/local/localstore"
	"reprise/pkg/meter"
)

func TestReplaysThatEndedLongAgoAreRemovedWhole(t *testing.T) {
	db, err := localstore.Open("data", localstore.Options{FS: vfs.NewMem(), Settings: localstore.Settings{Lanes: 1, BucketWidth: 3600}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	table, err := controlpebble.New(db.Space("control"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	store := Store{Table: table, Now: func() time.Time { return now }}
	for i := range maxPruned + 5 {
		id := fmt.Sprintf("old-%03d", i)
		if _, _, err := store.Create(t.Context(), id, Request{}); err != nil {
			t.Fatal(err)
		}
		if err := store.advance(t.Context(), id, 0, Checkpoint{Done: true}); err != nil {
			t.Fatal(err)
		}
		m := new(meter.Meter)
		m.Part("log").Add(meter.ReadUnits, 1)
		if err := (&Spending{Store: store, Used: meter.NewOutstanding(m), Function: "plan-replay"}).Keep(t.Context(), id, ""); err != nil {
			t.Fatal(err)
		}
		if _, _, err := store.End(t.Context(), id, Succeeded, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"running", "young"} {
		if _, _, err := store.Create(t.Context(), id, Request{}); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(keepEnded + time.Second)
	if _, _, err := store.End(t.Context(), "young", Failed, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := store.prune(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var left []string
	if err := store.List(t.Context(), func(r Row) error { left = append(left, r.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(left) != "[running young]" {
		t.Errorf("left are %v", left)
	}
	if _, _, err := control.Load[Checkpoint](t.Context(), table, checkpointKey("old-000", 0)); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("a checkpoint is left: %v", err)
	}
	if docs, err := table.List(t.Context(), partition("old-000"), "", 10); err != nil || len(docs) > 0 {
		t.Errorf("left are %v, %v", docs, err)
	}
}
