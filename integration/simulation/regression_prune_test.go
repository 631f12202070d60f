package simulation

import (
	"context"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// Of two closes that removed the same old replay, the slower one removed a new
// replay that had taken its name in the meantime. Here the other close, and the
// new replay up to its plan, happen before every single call of the slow one.
func TestPruneLeavesANewReplayOfTheName(t *testing.T) {
	for at := 0; ; at++ {
		w, a := quietWorld(t)
		ctx := context.Background()
		w.logEvent(t, a, w.names[0], "1", typeNoted)
		w.replays["r"] = &replayModel{id: "r", lanes: make(map[event.Lane]*expected)}
		w.replays["trigger"] = &replayModel{id: "trigger"}
		for _, id := range []string{"r", "trigger"} {
			if _, _, err := w.storeOf(a).Create(ctx, id, replay.Request{}); err != nil {
				t.Fatal(err)
			}
		}
		w.planOnly(t, a, "r")
		if _, _, err := w.storeOf(a).End(ctx, "r", replay.Failed, nil, nil); err != nil {
			t.Fatal(err)
		}
		w.now += (91 * 24 * time.Hour).Milliseconds()
		prune := func(s *lifecycle.Service) {
			if _, err := s.Closer.Close(ctx, "trigger", replay.Cancelled, nil); err != nil {
				t.Fatal(err)
			}
		}
		began := false
		s := &steps{at: at, before: func() {
			prune(w.serviceWith(a, nil, nil))
			row, created, err := w.storeOf(a).Create(ctx, "r", replay.Request{})
			if err != nil {
				t.Fatal(err)
			}
			if began = created; began && row.Status == replay.Planned {
				w.planOnly(t, a, "r")
			}
		}}
		prune(w.serviceWith(a, s, nil))
		if !s.reached() {
			return
		}
		if !began {
			t.Fatalf("at call %d the name was not free", at)
		}
		row := w.rowOf(t, a, "r")
		plan := control.Key{Partition: "replay#r", Sort: "plan"}
		if row.Cut == nil || w.table.stored[plan].body == nil {
			t.Errorf("at call %d: the new replay's row is %+v, its plan %q", at, row, w.table.stored[plan].body)
		}
	}
}

func (w *world) planOnly(t *testing.T, a *actor, id string) {
	t.Helper()
	if _, err := w.plannerOf(a).Plan(context.Background(), id); err != nil {
		t.Fatal(err)
	}
}
