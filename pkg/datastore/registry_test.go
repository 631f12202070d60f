package datastore_test

import (
	"errors"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/local/pebbletest"
)

func newRegistry(t *testing.T) datastore.Registry {
	t.Helper()
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	return datastore.Registry{Table: pebbletest.Open(t).Table, Now: func() time.Time { return now }}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A replay that was started before its platform's first generation once got that
// generation's id, and the platform a generation without a table.
func TestTheFirstIdIsThePlatforms(t *testing.T) {
	r := newRegistry(t)
	early, err := r.Begin(t.Context(), "early", "v1")
	must(t, err)
	first, err := r.Begin(t.Context(), "", "v1")
	must(t, err)
	if first.ID != datastore.FirstGeneration || early.ID == first.ID || first.Status != datastore.Active {
		t.Errorf("the replay has %s, the platform %s (%s)", early.ID, first.ID, first.Status)
	}
	again, err := r.Begin(t.Context(), "", "v2")
	if err != nil || again.ID != first.ID || again.Version != "v1" {
		t.Errorf("begun again: %+v, %v", again, err)
	}
}

func TestTheFirstIdIsGivenAway(t *testing.T) {
	r := newRegistry(t)
	first, err := r.Begin(t.Context(), "", "v1")
	must(t, err)
	registered, err := r.Load(t.Context())
	must(t, err)
	if !registered.Issued(first.ID) || registered.Issued("g0002") {
		t.Errorf("the registry has %+v", registered)
	}
}

// Creating the first generation late changes nothing that was promoted meanwhile.
func TestBeginLeavesWhatIsActive(t *testing.T) {
	r := newRegistry(t)
	ctx := t.Context()
	early, err := r.Begin(ctx, "early", "v1")
	must(t, err)
	must(t, r.Follow(ctx, early.ID, datastore.Cut{}))
	hold, err := r.Hold(ctx, "early", time.Minute)
	must(t, err)
	must(t, r.Flip(ctx, early.ID, "early", hold))
	first, err := r.Begin(ctx, "", "v1")
	registered, loadErr := r.Load(ctx)
	if err != nil || loadErr != nil || first.ID != early.ID || registered.Active != early.ID ||
		len(registered.Generations) != 1 {
		t.Errorf("begun %s, registered %+v, %v", first.ID, registered, err)
	}
}

func TestAnIdIsEnteredOnce(t *testing.T) {
	r := newRegistry(t)
	ctx := t.Context()
	id, err := r.Reserve(ctx, "r")
	must(t, err)
	if same, err := r.Reserve(ctx, "r"); err != nil || same != id {
		t.Errorf("reserved again: %s, %v", same, err)
	}
	for range 2 {
		if info, err := r.Enter(ctx, id, "r", "v1"); err != nil || info.Status != datastore.Building {
			t.Fatalf("%+v, %v", info, err)
		}
	}
	if _, err := r.Enter(ctx, id, "other", "v1"); !errors.Is(err, datastore.ErrUnknown) {
		t.Errorf("entered for another replay: %v", err)
	}
	if next, err := r.Reserve(ctx, "r"); err != nil || next == id {
		t.Errorf("reserved after the entry: %s, %v", next, err)
	}
	if retired, err := r.Discard(ctx, id); err != nil || !retired {
		t.Fatalf("discarded %t, %v", retired, err)
	}
	if _, err := r.Enter(ctx, id, "r", "v1"); !errors.Is(err, datastore.ErrUnknown) {
		t.Errorf("entered after its end: %v", err)
	}
	must(t, r.Forget(ctx, id))
	if _, err := r.Enter(ctx, id, "r", "v1"); !errors.Is(err, datastore.ErrUnknown) {
		t.Errorf("entered when it was forgotten: %v", err)
	}
}

func TestALossIsKeptAndOnlyOfWhatConsumes(t *testing.T) {
	r := newRegistry(t)
	ctx := t.Context()
	first, err := r.Begin(ctx, "", "v1")
	must(t, err)
	building, err := r.Begin(ctx, "r", "v1")
	must(t, err)
	for id, want := range map[string]bool{first.ID: true, building.ID: false, "g0099": false} {
		for _, count := range []int{3, 5} {
			if lost, err := r.Lose(ctx, id, datastore.Loss{Lane: 2, Count: count, Why: "w"}); err != nil || lost != want {
				t.Errorf("%s: lost %t, %v", id, lost, err)
			}
		}
	}
	registered, err := r.Load(ctx)
	must(t, err)
	if info, _ := registered.Find(first.ID); info.Loss == nil || info.Loss.Count != 3 || !info.Loss.At.Equal(r.Now()) {
		t.Errorf("the first loss is not kept: %+v", info.Loss)
	}
	if err := r.LoseActive(ctx, building.ID, datastore.Loss{}); !errors.Is(err, datastore.ErrNotActive) {
		t.Errorf("loss of what is not active: %v", err)
	}
}

func TestWithdrawalEndsTheHoldAndIsKept(t *testing.T) {
	r := newRegistry(t)
	ctx := t.Context()
	first, err := r.Begin(ctx, "", "v1")
	must(t, err)
	info, err := r.Begin(ctx, "r", "v1")
	must(t, err)
	must(t, r.Follow(ctx, info.ID, datastore.Cut{}))
	hold, err := r.Hold(ctx, "r", time.Minute)
	must(t, err)
	for _, why := range []string{"CANCELLED", "FAILED"} {
		if kept, err := r.Withdraw(ctx, info.ID, "r", why, 0); err != nil || kept != "CANCELLED" {
			t.Errorf("withdrawn as %s, %v", kept, err)
		}
	}
	if _, err := r.MayWrite(ctx, first.ID); err != nil {
		t.Errorf("the active one is still held: %v", err)
	}
	if err := r.Flip(ctx, info.ID, "r", hold); !errors.Is(err, datastore.ErrWithdrawn) {
		t.Errorf("flip: %v", err)
	}
	other, err := r.Begin(ctx, "other", "v1")
	must(t, err)
	if _, err := r.Withdraw(ctx, other.ID, "other", "FAILED", 0); err != nil {
		t.Fatal(err)
	}
	if err := r.Follow(ctx, other.ID, datastore.Cut{}); !errors.Is(err, datastore.ErrWithdrawn) {
		t.Errorf("follow: %v", err)
	}
}
