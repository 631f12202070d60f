package datastore_test

import (
	"errors"
	"testing"
	"time"

	"reprise/pkg/datastore"
)

// A generation follows only from the newest cut of its replay, and in time; once it
// follows, the cut cannot be moved any more.
func TestAGenerationFollowsFromItsNewestCutInTime(t *testing.T) {
	w := newTwo(t)
	ctx := t.Context()
	a, err := w.Begin(ctx, "a", "v1")
	must(t, err)
	b, err := w.Begin(ctx, "b", "v1")
	must(t, err)
	must(t, w.MoveCut(ctx, a.ID, "a", 2))
	must(t, w.MoveCut(ctx, a.ID, "a", 1)) // by an attempt that comes late
	for name, cut := range map[string]datastore.Cut{
		"an earlier cut":  {Number: 1},
		"an outdated cut": {Number: 2, Until: w.Now().Add(-time.Millisecond)},
	} {
		if err := w.Follow(ctx, a.ID, cut); !errors.Is(err, datastore.ErrCutMoved) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, tt := range map[string]struct {
		id, replay string
		want       error
	}{
		"of another's":   {a.ID, "b", datastore.ErrUnknown},
		"unknown":        {"g0099", "a", datastore.ErrUnknown},
		"another one's":  {b.ID, "b", nil},
		"one that moved": {a.ID, "a", nil},
	} {
		if err := w.MoveCut(ctx, tt.id, tt.replay, 2); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, w.Follow(ctx, a.ID, datastore.Cut{Number: 2, Until: w.Now()}))
	if err := w.MoveCut(ctx, a.ID, "a", 3); !errors.Is(err, datastore.ErrFollows) {
		t.Errorf("moved while it follows: %v", err)
	}
	_, err = w.Withdraw(ctx, b.ID, "b", datastore.WithdrawnFailed, 0)
	must(t, err)
	if err := w.MoveCut(ctx, b.ID, "b", 3); !errors.Is(err, datastore.ErrWithdrawn) {
		t.Errorf("moved without the right to flip: %v", err)
	}
}
