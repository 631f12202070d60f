package datastore_test

import (
	"errors"
	"testing"
	"time"

	"reprise/pkg/datastore"
)

// A failure can be taken back once for each attempt: neither a late withdrawal of an
// earlier attempt nor a repeated reinstatement of an ended one undoes what came after.
// A cancellation cannot be taken back.
func TestARightIsReinstatedOnceForEachAttempt(t *testing.T) {
	r := newRegistry(t)
	ctx := t.Context()
	_, err := r.Begin(ctx, "", "v1")
	must(t, err)
	info, err := r.Begin(ctx, "r", "v1")
	must(t, err)
	must(t, r.Follow(ctx, info.ID, datastore.Cut{}))
	is := func(want string) {
		t.Helper()
		registered, err := r.Load(ctx)
		must(t, err)
		if now, found := registered.Find(info.ID); !found || now.Withdrawn != want {
			t.Errorf("it is not withdrawn as %q: %+v", want, now)
		}
	}
	withdrawn := func(why string, attempt int, want string) {
		t.Helper()
		if _, err := r.Withdraw(ctx, info.ID, "r", why, attempt); err != nil {
			t.Fatal(err)
		}
		is(want)
	}
	withdrawn("FAILED", 0, "FAILED")
	must(t, r.Reinstate(ctx, info.ID, "r", 1))
	withdrawn("FAILED", 0, "")
	withdrawn("FAILED", 1, "FAILED")
	must(t, r.Reinstate(ctx, info.ID, "r", 1)) // a step that goes on late
	is("FAILED")
	must(t, r.Reinstate(ctx, info.ID, "r", 2))
	if _, err := r.Hold(ctx, "r", time.Minute); err != nil {
		t.Errorf("hold: %v", err)
	}
	withdrawn("FAILED", 2, "FAILED")
	withdrawn("CANCELLED", 2, "CANCELLED")
	withdrawn("FAILED", 2, "CANCELLED")
	if err := r.Reinstate(ctx, info.ID, "r", 3); !errors.Is(err, datastore.ErrWithdrawn) {
		t.Errorf("reinstated after a cancellation: %v", err)
	}
	for _, c := range [][2]string{{info.ID, "other"}, {"g0099", "r"}} {
		if err := r.Reinstate(ctx, c[0], c[1], 3); !errors.Is(err, datastore.ErrUnknown) {
			t.Errorf("reinstated %v: %v", c, err)
		}
	}
}
