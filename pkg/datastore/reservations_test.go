package datastore_test

import (
	"errors"
	"testing"

	"reprise/pkg/datastore"
)

// The active generation cannot be retired, and a retired one is forgotten only once.
func TestGenerationsAreRetiredAndForgottenInOrder(t *testing.T) {
	w := newTwo(t)
	ctx := t.Context()
	if err := w.Retire(ctx, w.first); err == nil {
		t.Error("the active one was retired")
	}
	must(t, w.Retire(ctx, "g0099")) // there is none, or none any more
	if gone, err := w.Discard(ctx, w.second); err != nil || gone {
		t.Errorf("one that follows was discarded: %t, %v", gone, err)
	}
	if gone, err := w.Discard(ctx, "g0099"); err != nil || gone {
		t.Errorf("an unknown one was discarded: %t, %v", gone, err)
	}
	must(t, w.Forget(ctx, w.second))
	if w.info(w.second).Status != datastore.Following {
		t.Error("one that follows was forgotten")
	}
	w.hold("r")
	must(t, w.Retire(ctx, w.second))
	if hold := w.registryState().Hold; hold != nil || w.info(w.second).Status != datastore.Retired {
		t.Errorf("its replay still holds: %+v", hold)
	}
	w.hold("other")
	must(t, w.Retire(ctx, w.second))
	if w.registryState().Hold == nil {
		t.Error("retired again, it ended the hold of another replay")
	}
	must(t, w.Release(ctx, "other"))
	building, err := w.Begin(ctx, "b", "v1")
	must(t, err)
	w.hold("other")
	if gone, err := w.Discard(ctx, building.ID); err != nil || !gone || w.info(building.ID).Status != datastore.Retired {
		t.Errorf("discarded %t, %v", gone, err)
	}
	if w.registryState().Hold == nil {
		t.Error("it ended the hold of another replay")
	}
	if gone, err := w.Discard(ctx, building.ID); err != nil || !gone {
		t.Errorf("discarded again: %t, %v", gone, err)
	}
	must(t, w.Forget(ctx, w.second))
	registered := w.registryState()
	if _, found := registered.Find(w.second); found || len(registered.Generations) != 2 {
		t.Errorf("after it was forgotten: %+v", registered.Generations)
	}
}

// Follow changes generations that are being built only.
func TestFollowingBeginsOnce(t *testing.T) {
	w := newTwo(t)
	ctx := t.Context()
	if err := w.Follow(ctx, "g0099", datastore.Cut{}); !errors.Is(err, datastore.ErrUnknown) {
		t.Errorf("an unknown one: %v", err)
	}
	must(t, w.Follow(ctx, w.first, datastore.Cut{}))
	must(t, w.Follow(ctx, w.second, datastore.Cut{}))
	if a, b := w.info(w.first).Status, w.info(w.second).Status; a != datastore.Active || b != datastore.Following {
		t.Errorf("they are %s and %s", a, b)
	}
}

// A reservation belongs to its replay until it is entered, removed or withdrawn, and
// its number is never issued again.
func TestAReservationCanBeGivenUpOrWithdrawn(t *testing.T) {
	w := newTwo(t)
	ctx := t.Context()
	up, err := w.Reserve(ctx, "up")
	must(t, err)
	back, err := w.Reserve(ctx, "back")
	must(t, err)
	registered := w.registryState()
	if !registered.IsReserved(up) || !registered.IsReserved(back) || registered.IsReserved(w.second) {
		t.Errorf("reserved are %+v", registered.Reserved)
	}
	must(t, w.Unreserve(ctx, "g0099"))
	must(t, w.Unreserve(ctx, up))
	if registered := w.registryState(); registered.IsReserved(up) || !registered.IsReserved(back) {
		t.Errorf("reserved are %+v", registered.Reserved)
	}
	if _, err := w.Enter(ctx, up, "up", "v1"); !errors.Is(err, datastore.ErrUnknown) {
		t.Errorf("entered what was given up: %v", err)
	}
	for _, why := range []string{"CANCELLED", "FAILED"} {
		if kept, err := w.Withdraw(ctx, back, "back", why, 0); err != nil || kept != "CANCELLED" {
			t.Errorf("withdrawn as %s, %v", kept, err)
		}
	}
	if _, err := w.Enter(ctx, back, "back", "v1"); !errors.Is(err, datastore.ErrWithdrawn) {
		t.Errorf("entered what was withdrawn: %v", err)
	}
	next, err := w.Reserve(ctx, "back")
	if err != nil || next == up || next == back {
		t.Errorf("reserved again: %s, %v", next, err)
	}
	for id, want := range map[string]bool{w.first: true, up: true, next: true, "g0006": false, "g0000": false,
		"g00001": false,
		"g1":     false, "other": false, "": false} {
		if registered := w.registryState(); registered.Issued(id) != want {
			t.Errorf("%q given away: %t, the latest is %s", id, !want, next)
		}
	}
}

// A replay withdraws only its own generation, and never after the flip, even if
// another generation has become active since.
func TestWhatWasPromotedCannotBeWithdrawn(t *testing.T) {
	w := newTwo(t)
	ctx := t.Context()
	if kept, err := w.Withdraw(ctx, w.second, "other", "FAILED", 0); err != nil || kept != "FAILED" ||
		w.info(w.second).Withdrawn != "" {
		t.Errorf("withdrawn for another replay: %s, %v, %+v", kept, err, w.info(w.second))
	}
	if kept, err := w.Withdraw(ctx, "g0099", "r", "FAILED", 0); err != nil || kept != "FAILED" {
		t.Errorf("withdrawn where there is none: %s, %v", kept, err)
	}
	must(t, w.Flip(ctx, w.second, "r", w.hold("r")))
	if _, err := w.Withdraw(ctx, w.second, "r", "FAILED", 0); !errors.Is(err, datastore.ErrActive) {
		t.Errorf("withdrawn while it is active: %v", err)
	}
	must(t, w.Flip(ctx, w.first, "back", w.hold("back")))
	if _, err := w.Withdraw(ctx, w.second, "r", "FAILED", 0); !errors.Is(err, datastore.ErrActive) {
		t.Errorf("withdrawn after it was active: %v", err)
	}
	third, err := w.Begin(ctx, "third", "v1")
	must(t, err)
	w.hold("holder")
	_, err = w.Withdraw(ctx, third.ID, "third", "FAILED", 0)
	must(t, err)
	if w.registryState().Hold == nil {
		t.Error("the withdrawal ended the hold of another replay")
	}
}
