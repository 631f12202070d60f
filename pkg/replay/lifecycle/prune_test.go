package lifecycle

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/meter"
	"reprise/pkg/meter/spending"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

func TestReplaysThatEndedLongAgoAreRemovedWhole(t *testing.T) {
	w := replaytest.New(t)
	store, table := w.Store, w.Store.Table
	closer := Closer{Store: store}
	for i := range maxPruned + 5 {
		id := fmt.Sprintf("old-%03d", i)
		if _, _, err := store.Create(t.Context(), id, replay.Request{}); err != nil {
			t.Fatal(err)
		}
		_, err := control.Store(t.Context(), table, replaytest.CheckpointKey(id, 0), replay.Checkpoint{Done: true}, "")
		w.Must(err)
		m := new(meter.Meter)
		m.Part("log").Add(meter.ReadUnits, 1)
		if err := (&spending.Recorder{Store: store, Used: meter.NewOutstanding(m),
			Function: "plan-replay"}).Keep(t.Context(), id, ""); err != nil {
			t.Fatal(err)
		}
		if _, _, err := store.End(t.Context(), id, replay.Succeeded, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"running", "young"} {
		if _, _, err := store.Create(t.Context(), id, replay.Request{}); err != nil {
			t.Fatal(err)
		}
	}
	w.Now = w.Now.Add(keepEnded + time.Second)
	if _, _, err := store.End(t.Context(), "young", replay.Failed, nil, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := closer.prune(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var left []string
	if err := store.List(t.Context(), func(r replay.Row) error { left = append(left, r.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(left) != "[running young]" {
		t.Errorf("left are %v", left)
	}
	if _, _, err := control.Load[replay.Checkpoint](t.Context(), table,
		replaytest.CheckpointKey("old-000", 0)); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("a checkpoint is left: %v", err)
	}
	if docs, err := table.List(t.Context(), replay.Partition("old-000"), "", 10); err != nil || len(docs) > 0 {
		t.Errorf("left are %v, %v", docs, err)
	}
}
