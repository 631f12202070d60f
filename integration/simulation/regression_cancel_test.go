package simulation

import (
	"context"
	"errors"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/lifecycle"
)

// A replay that was cancelled, and shown as CANCELLED, became active, because
// the promotion had read the row before the cancel. Here a cancel happens
// before every single call that a promotion makes.
func TestCancelledAtAnyMomentOfAPromotion(t *testing.T) {
	seen := make(map[replay.Status]int)
	for at := 0; ; at++ {
		w, a, r := followed(t)
		ctx := context.Background()
		var cancelled replay.Row
		var refused error
		s := &steps{at: at, before: func() {
			cancelled, refused = w.serviceWith(a, nil, &executionDouble{}).Cancel(ctx, r.id)
		}}
		state, err := w.promoterWith(a, s).Promote(ctx, r.id, w.clock())
		if !s.reached() {
			break
		}
		if errors.Is(err, replay.ErrEnded) || errors.Is(err, replay.ErrPromoted) {
			t.Fatalf("cancel ahead of call %d: promote %q, %v", at, state, err)
		}
		if err := w.ended(ctx, t, a, r.id, state, err); err != nil {
			t.Fatal(err)
		}
		row, active := w.rowOf(t, a, r.id), w.registryStateOf(t, a).Active
		seen[row.Status]++
		switch {
		case refused == nil:
			if cancelled.Status != replay.Cancelled || row.Status != replay.Cancelled || row.Promoted ||
				active != datastore.FirstGeneration {
				t.Errorf("cancelled ahead of call %d: promote %q, row %s, promoted %t, active %s",
					at, state, row.Status, row.Promoted, active)
			}
		case errors.Is(refused, replay.ErrPromoted), errors.Is(refused, replay.ErrEnded):
			if row.Status != replay.Succeeded || !row.Promoted || active != r.generation {
				t.Errorf("refused ahead of call %d (%v): row %s, promoted %t, active %s",
					at, refused, row.Status, row.Promoted, active)
			}
		default:
			t.Errorf("cancel ahead of call %d: %v", at, refused)
		}
	}
	if seen[replay.Cancelled] < 5 || seen[replay.Succeeded] < 1 {
		t.Errorf("the cancels ended replays as %v", seen)
	}
}

// ended plays the rest of the state machine after a promotion, and the rule on
// ended executions.
func (w *world) ended(
	ctx context.Context, t *testing.T, a *actor, id string, state cutover.Promotion, failed error,
) error {
	t.Helper()
	service := w.serviceWith(a, nil, &executionDouble{})
	switch {
	case failed == nil && state == cutover.Promoted:
		_, err := w.closerOf(a).Close(ctx, id, replay.Succeeded, nil)
		return errors.Join(err, service.Ended(ctx, id, id, "SUCCEEDED", nil))
	case failed == nil && state == cutover.CatchingUp:
		return nil
	}
	return service.Ended(ctx, id, id, "FAILED", &replay.Failure{Error: "Reprise.Stopped"})
}

// Here a promotion completes before every single call that a cancel makes.
func TestPromotedAtAnyMomentOfACancel(t *testing.T) {
	for at := 0; ; at++ {
		w, a, r := followed(t)
		ctx := context.Background()
		s := &steps{at: at, before: func() {
			state, err := w.promoterOf(a).Promote(ctx, r.id, w.clock())
			if err := w.ended(ctx, t, a, r.id, state, err); err != nil {
				t.Fatal(err)
			}
		}}
		_, err := w.serviceWith(a, s, &executionDouble{}).Cancel(ctx, r.id)
		if !s.reached() {
			if at < 6 {
				t.Fatalf("a cancel makes %d calls", at)
			}
			return
		}
		row, active := w.rowOf(t, a, r.id), w.registryStateOf(t, a).Active
		promoted := active == r.generation && row.Status == replay.Succeeded && row.Promoted
		cancelled := active == datastore.FirstGeneration && row.Status == replay.Cancelled && !row.Promoted
		switch {
		case promoted && (errors.Is(err, replay.ErrPromoted) || errors.Is(err, replay.ErrEnded)):
		case cancelled && (err == nil || errors.Is(err, replay.ErrEnded)):
		default:
			t.Errorf("promoted ahead of call %d: cancel %v; row %s, promoted %t, active %s",
				at, err, row.Status, row.Promoted, active)
		}
	}
}

// A cancel that dies at any of its calls is either requested again or not, and
// the machine continues. In both cases the replay ends, and the answers that
// were given stay true.
func TestCancelThatDiesAnywhere(t *testing.T) {
	for _, again := range []bool{true, false} {
		for _, late := range []bool{true, false} {
			cancelThatDies(t, again, late)
		}
	}
}

func cancelThatDies(t *testing.T, again, late bool) {
	t.Helper()
	for at := 0; ; at++ {
		w, a, r := followed(t)
		ctx := context.Background()
		s := &steps{at: at, dies: true, late: late}
		_, err := w.serviceWith(a, s, &executionDouble{}).Cancel(ctx, r.id)
		if !s.reached() {
			return
		}
		if !errors.Is(err, errDied) {
			t.Fatalf("cancel that dies at call %d: %v", at, err)
		}
		before := w.registryStateOf(t, a)
		withdrawn := false
		if info, found := before.Find(r.generation); found {
			withdrawn = info.Withdrawn != ""
		}
		if again {
			if _, err := w.serviceWith(a, nil, &executionDouble{}).Cancel(ctx, r.id); err != nil &&
				!errors.Is(err, replay.ErrEnded) {
				t.Fatalf("cancel again after call %d: %v", at, err)
			}
		}
		state, err := w.promoterOf(a).Promote(ctx, r.id, w.clock())
		if err := w.ended(ctx, t, a, r.id, state, err); err != nil {
			t.Fatal(err)
		}
		row, active := w.rowOf(t, a, r.id), w.registryStateOf(t, a).Active
		want := replay.Succeeded
		if again || withdrawn {
			want = replay.Cancelled
		}
		if row.Status != want || (active == r.generation) != (want == replay.Succeeded) {
			t.Errorf("cancel died at call %d (late %t, again %t): row %s, active %s, want %s",
				at, late, again, row.Status, active, want)
		}
	}
}

// Whatever closes a replay as failed first takes its right to become active: no
// flip can follow.
func TestNoFlipAfterAClose(t *testing.T) {
	for at := 0; ; at++ {
		w, a, r := followed(t)
		ctx := context.Background()
		s := &steps{
			at: at,
			before: func() {
				failure := &replay.Failure{Error: "States.Timeout"}
				if err := w.serviceWith(a, nil, nil).Ended(ctx, r.id, r.id, "TIMED_OUT", failure); err != nil {
					t.Fatal(err)
				}
			},
		}
		state, err := w.promoterWith(a, s).Promote(ctx, r.id, w.clock())
		if !s.reached() {
			return
		}
		row, active := w.rowOf(t, a, r.id), w.registryStateOf(t, a).Active
		if (row.Status == replay.Succeeded) != (active == r.generation) || row.Promoted != (active == r.generation) ||
			(state == cutover.Promoted) != (active == r.generation) {
			t.Errorf("closed ahead of call %d: promote %q, %v; row %s, active %s", at, state, err, row.Status, active)
		}
	}
}

// A replay that a person had cancelled was shown as FAILED if its execution
// ended by itself before it was stopped.
func TestCancelledIsNotFailed(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	if _, _, err := w.storeOf(a).Create(ctx, "r", replay.Request{}); err != nil {
		t.Fatal(err)
	}
	executions := &executionDouble{}
	service := w.serviceWith(a, nil, executions)
	executions.stop = func(id string) {
		if err := service.Ended(ctx, id, id, "FAILED", &replay.Failure{Error: "Reprise.Stopped"}); err != nil {
			t.Fatal(err)
		}
	}
	row, err := service.Cancel(ctx, "r")
	if err != nil || row.Status != replay.Cancelled || row.Failure != nil {
		t.Errorf("cancel gave %s, %+v, %v", row.Status, row.Failure, err)
	}
	for _, status := range []lifecycle.ExecutionStatus{"SUCCEEDED", "FAILED", "ABORTED"} {
		if err := service.Ended(ctx, "r", "r", status, nil); err != nil {
			t.Fatal(err)
		}
		if now := w.rowOf(t, a, "r"); now.Status != replay.Cancelled || !now.Ended.Equal(*row.Ended) {
			t.Errorf("%s after the end: %s", status, now.Status)
		}
	}
}
