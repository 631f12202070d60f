package simulation

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// Reconcile restarted a replay whose execution Step Functions had forgotten.
func TestReconcileStartsNothingTwice(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, w *world, a *actor, s *lifecycle.Service)
		// status is the replay's status at the end. began is how often an
		// execution was started in all.
		status replay.Status
		began  int
	}{
		"entered and never started": {func(*testing.T, *world, *actor, *lifecycle.Service) {}, replay.Planned, 1},
		"started and forgotten": {func(t *testing.T, _ *world, _ *actor, s *lifecycle.Service) {
			if _, _, err := s.Start(context.Background(), "r", replay.Request{}); err != nil {
				t.Fatal(err)
			}
		}, replay.Failed, 1},
		"planned by an earlier release and forgotten": {func(t *testing.T, w *world, a *actor, _ *lifecycle.Service) {
			w.replays["r"] = &replayModel{id: "r", lanes: nil}
			if _, err := w.storeOf(a).Update(context.Background(), "r", func(r *replay.Row) error {
				r.Status = replay.Running
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}, replay.Failed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, a := quietWorld(t)
			ctx := context.Background()
			executions := &executionDouble{}
			service := w.serviceWith(a, nil, executions)
			if _, _, err := w.storeOf(a).Create(ctx, "r", replay.Request{}); err != nil {
				t.Fatal(err)
			}
			c.prepare(t, w, a, service)
			executions.exists = false
			if err := service.Reconcile(ctx); err != nil {
				t.Fatal(err)
			}
			if row := w.rowOf(t, a, "r"); row.Status.Ended() {
				t.Errorf("at once: %s; an execution that was just started may not be shown yet", row.Status)
			}
			w.now += (time.Hour).Milliseconds()
			executions.exists = executions.exists && c.status == replay.Planned
			if err := service.Reconcile(ctx); err != nil {
				t.Fatal(err)
			}
			row := w.rowOf(t, a, "r")
			if row.Status != c.status || executions.began != c.began {
				t.Errorf("%s, %d executions", row.Status, executions.began)
			}
			if row.Status == replay.Failed && row.Failure.Error != lifecycle.FaultExecutionGone {
				t.Errorf("failed with the error name %s", row.Failure.Error)
			}
			if row.Status == replay.Planned && row.Started == nil {
				t.Error("it is not recorded that it was started")
			}
			if _, _, err := service.Start(ctx, "r", replay.Request{}); err != nil || executions.began != c.began {
				t.Errorf("asked for again: %d executions, %v", executions.began, err)
			}
		})
	}
}

// Reconcile sweeps.
func TestReconcileSweeps(t *testing.T) {
	w, a := inhabited(t)
	w.litter(t, a)
	service := w.serviceWith(a, nil, &executionDouble{exists: true})
	if err := service.Reconcile(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.wantWorld(t, a, "swept", "g0001", "g0002", "g0003")
	for key := range w.table.stored {
		if strings.HasPrefix(key.Partition, "registry") && key != (control.Key{Partition: "registry", Sort: "generations"}) {
			t.Errorf("document %v", key)
		}
	}
}

// What cannot be swept makes Reconcile fail, which reports it, but no close of
// a replay.
func TestWhatCannotBeSweptFailsNoReplay(t *testing.T) {
	w, a := inhabited(t)
	ctx := context.Background()
	if _, _, err := w.storeOf(a).Create(ctx, "plain", replay.Request{}); err != nil {
		t.Fatal(err)
	}
	w.replays["plain"] = &replayModel{id: "plain"}
	closer := w.closerOf(a)
	closer.Generations = steppedStore{closer.Generations, &steps{dies: true}}
	if row, err := closer.Close(ctx, "plain", replay.Cancelled, nil); err != nil || row.Status != replay.Cancelled {
		t.Errorf("close: %s, %v", row.Status, err)
	}
	service := &lifecycle.Service{Store: closer.Store, Closer: closer, Executions: &executionDouble{exists: true}}
	if err := service.Reconcile(ctx); !errors.Is(err, errDied) {
		t.Errorf("reconcile: %v", err)
	}
}
