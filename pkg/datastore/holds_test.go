package datastore_test

import (
	"errors"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/local/pebbletest"
)

// two is a registry of two generations: the first one, which is active, and one
// that replay r owns and that follows.
type two struct {
	datastore.Registry
	t             *testing.T
	now           time.Time
	first, second string
}

func newTwo(t *testing.T) *two {
	t.Helper()
	w := &two{t: t, now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	w.Registry = datastore.Registry{Table: pebbletest.Open(t).Table, Now: func() time.Time { return w.now }}
	first, err := w.Begin(t.Context(), "", "v1")
	must(t, err)
	second, err := w.Begin(t.Context(), "r", "v1")
	must(t, err)
	w.first, w.second = first.ID, second.ID
	must(t, w.Follow(t.Context(), w.second, datastore.Cut{}))
	return w
}

func (w *two) hold(replay string) int {
	w.t.Helper()
	number, err := w.Hold(w.t.Context(), replay, time.Minute)
	must(w.t, err)
	return number
}

func (w *two) registryState() datastore.RegistryState {
	w.t.Helper()
	registered, err := w.Load(w.t.Context())
	must(w.t, err)
	return registered
}

func (w *two) info(id string) datastore.Info {
	w.t.Helper()
	registered := w.registryState()
	info, found := registered.Find(id)
	if !found {
		w.t.Fatalf("no generation %s in %+v", id, registered)
	}
	return *info
}

// A hold belongs to one replay for the time of its lease, and stops only the active
// generation's consumer.
func TestAHoldIsOneReplaysUntilItsLeaseEnds(t *testing.T) {
	w := newTwo(t)
	ctx := t.Context()
	first := w.hold("r")
	w.now = w.now.Add(59 * time.Second)
	if again := w.hold("r"); again != first {
		t.Errorf("renewed as %d, was %d", again, first)
	}
	w.now = w.now.Add(59 * time.Second) // the first lease has ended, the renewed one not
	if _, err := w.Hold(ctx, "other", time.Minute); !errors.Is(err, datastore.ErrHeld) {
		t.Errorf("held by another replay: %v", err)
	}
	if _, err := w.MayWrite(ctx, w.first); !errors.Is(err, datastore.ErrHeld) {
		t.Errorf("the active one may write: %v", err)
	}
	if info, err := w.MayWrite(ctx, w.second); err != nil || info.ID != w.second {
		t.Errorf("the other one may not write: %+v, %v", info, err)
	}
	if _, err := w.MayWrite(ctx, "g0099"); !errors.Is(err, datastore.ErrUnknown) {
		t.Errorf("an unknown generation: %v", err)
	}
	must(t, w.Release(ctx, "other"))
	if w.registryState().Hold == nil {
		t.Error("another replay released the hold")
	}
	w.now = w.now.Add(time.Second) // the very end of the lease
	if number := w.hold("other"); number == first {
		t.Error("another replay's hold has the same number")
	}
	must(t, w.Release(ctx, "other"))
	if _, err := w.MayWrite(ctx, w.first); err != nil || w.registryState().Hold != nil {
		t.Errorf("after the release: %v, %+v", err, w.registryState().Hold)
	}
}

// A writer removes an expired hold, and a flip under it fails, even once the replay
// has a new hold.
func TestAFlipNeedsAHoldThatWasNeverBroken(t *testing.T) {
	w := newTwo(t)
	ctx := t.Context()
	number := w.hold("r")
	w.now = w.now.Add(time.Minute)
	if err := w.Flip(ctx, w.second, "r", number); !errors.Is(err, datastore.ErrHoldLost) {
		t.Errorf("flip at the end of the lease: %v", err)
	}
	if _, err := w.MayWrite(ctx, w.first); err != nil {
		t.Errorf("after the lease: %v", err)
	}
	if hold := w.registryState().Hold; hold != nil {
		t.Errorf("the hold was not broken: %+v", hold)
	}
	if err := w.Flip(ctx, w.second, "r", number); !errors.Is(err, datastore.ErrHoldLost) {
		t.Errorf("flip under a broken hold: %v", err)
	}
	again := w.hold("r")
	if err := w.Flip(ctx, w.second, "r", number); again == number || !errors.Is(err, datastore.ErrHoldLost) {
		t.Errorf("flip under the previous hold, %d and %d: %v", number, again, err)
	}
	if err := w.Flip(ctx, w.second, "other", again); !errors.Is(err, datastore.ErrHoldLost) {
		t.Errorf("flip under the hold of another replay: %v", err)
	}
	must(t, w.Flip(ctx, w.second, "r", again))
	must(t, w.Flip(ctx, w.second, "r", again)) // told again, it has happened
	registered := w.registryState()
	if registered.Active != w.second || registered.Previous != w.first || registered.Hold != nil {
		t.Errorf("after the flip: %+v", registered)
	}
	if old, now := w.info(w.first), w.info(w.second); old.Status != datastore.Following || old.Promoted ||
		now.Status != datastore.Active || !now.Promoted {
		t.Errorf("after the flip: %+v and %+v", old, now)
	}
}

// Only a following generation that is not lost becomes active, whoever has the hold.
func TestOnlyAWholeGenerationThatFollowsBecomesActive(t *testing.T) {
	w := newTwo(t)
	ctx := t.Context()
	building, err := w.Begin(ctx, "r", "v1")
	must(t, err)
	number := w.hold("r")
	for _, id := range []string{building.ID, "g0099"} {
		if err := w.Flip(ctx, id, "r", number); !errors.Is(err, datastore.ErrUnknown) {
			t.Errorf("flip to %s: %v", id, err)
		}
	}
	lost, err := w.Lose(ctx, w.second, datastore.Loss{Why: "test"})
	if err != nil || !lost {
		t.Fatalf("lost %t, %v", lost, err)
	}
	if err := w.Flip(ctx, w.second, "r", number); !errors.Is(err, datastore.ErrLost) {
		t.Errorf("flip to a lost one: %v", err)
	}
	if w.registryState().Active != w.first {
		t.Errorf("active is %s", w.registryState().Active)
	}
}

// The loss of the active generation is recorded once, before it is emptied.
func TestTheActiveGenerationsLossIsKept(t *testing.T) {
	w := newTwo(t)
	ctx := t.Context()
	for _, id := range []string{w.second, "g0099"} {
		if err := w.LoseActive(ctx, id, datastore.Loss{Why: "test"}); !errors.Is(err, datastore.ErrNotActive) {
			t.Errorf("%s is not active: %v", id, err)
		}
	}
	if loss := w.info(w.second).Loss; loss != nil {
		t.Errorf("it lost %+v", loss)
	}
	at := w.now
	must(t, w.LoseActive(ctx, w.first, datastore.Loss{Lane: 1, Why: "first"}))
	w.now = w.now.Add(time.Hour)
	must(t, w.LoseActive(ctx, w.first, datastore.Loss{Lane: 2, Why: "second"}))
	if loss := w.info(w.first).Loss; loss == nil || loss.Why != "first" || loss.Lane != 1 || !loss.At.Equal(at) {
		t.Errorf("it lost %+v", loss)
	}
}
