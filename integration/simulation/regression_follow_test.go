package simulation

import (
	"context"
	"errors"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// statusOf is the registry's status of a replay's generation.
func (w *world) statusOf(t *testing.T, a *actor, id string) datastore.Status {
	t.Helper()
	info, _ := w.entry(t, a, w.rowOf(t, a, id).Generation)
	return info.Status
}

// A generation gets a consumer only if it is proved complete and the event
// stream still reaches back to its cut.
func TestOnlyAProvedGenerationFollows(t *testing.T) {
	for name, tt := range map[string]struct {
		before func(t *testing.T, w *world, a *actor, lane event.Lane)
		want   error
	}{
		"proved":     {func(t *testing.T, w *world, a *actor, _ event.Lane) { w.prove(t, a, "r") }, nil},
		"not proved": {func(*testing.T, *world, *actor, event.Lane) {}, cutover.ErrNotProved},
		"proved to lack something": {func(t *testing.T, w *world, a *actor, lane event.Lane) {
			delete(w.store.tables[w.rowOf(t, a, "r").Generation].rows[lane], w.names[0])
			if proof := w.prove(t, a, "r"); proof.Complete {
				t.Error("it was proved")
			}
		}, cutover.ErrNotProved},
		"proved long ago": {func(t *testing.T, w *world, a *actor, _ event.Lane) {
			w.prove(t, a, "r")
			w.now += (retention/2 + time.Millisecond).Milliseconds()
		}, cutover.ErrCutTooOld},
		"proved a while ago": {func(t *testing.T, w *world, a *actor, _ event.Lane) {
			w.prove(t, a, "r")
			w.now += (retention/2 - time.Minute).Milliseconds()
		}, nil},
		"cancelled": {
			func(t *testing.T, w *world, a *actor, _ event.Lane) {
				w.prove(t, a, "r")
				if _, err := w.registryOf(a).Withdraw(
					context.Background(), w.rowOf(t, a, "r").Generation, "r", "CANCELLED", 0,
				); err != nil {
					t.Error(err)
				}
			},
			datastore.ErrWithdrawn,
		},
		"of another's": {
			func(t *testing.T, w *world, a *actor, _ event.Lane) {
				w.prove(t, a, "r")
				editDocument(t, w, control.Key{Partition: "registry", Sort: "generations"},
					func(registered *datastore.RegistryState) {
						info, _ := registered.Find(w.rowOf(t, a, "r").Generation)
						info.Replay = "other"
					})
			},
			datastore.ErrUnknown,
		},
		"retired": {func(t *testing.T, w *world, a *actor, _ event.Lane) {
			w.prove(t, a, "r")
			if err := w.registryOf(a).Retire(context.Background(), w.rowOf(t, a, "r").Generation); err != nil {
				t.Error(err)
			}
		}, datastore.ErrUnknown},
		"forgotten": {func(t *testing.T, w *world, a *actor, _ event.Lane) {
			w.prove(t, a, "r")
			id := w.rowOf(t, a, "r").Generation
			if err := w.registryOf(a).Retire(context.Background(), id); err != nil {
				t.Error(err)
			}
			if err := w.registryOf(a).Forget(context.Background(), id); err != nil {
				t.Error(err)
			}
		}, datastore.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			w, a, lane := drained(t, replay.Request{Rebuild: true}, nothing)
			tt.before(t, w, a, lane)
			want := w.statusOf(t, a, "r")
			err := w.promoterOf(a).Follow(context.Background(), "r")
			if !errors.Is(err, tt.want) {
				t.Errorf("follow: %v, want %v", err, tt.want)
			}
			if tt.want == nil {
				want = datastore.Following
			}
			if status := w.statusOf(t, a, "r"); status != want {
				t.Errorf("the generation is %s", status)
			}
		})
	}
}

// A replay that fills no generation, and one that has ended, need no consumer.
// The state machine may nevertheless ask for one.
func TestNothingFollowsWithoutAGenerationOrAfterTheEnd(t *testing.T) {
	for name, request := range map[string]replay.Request{"plain": {}, "ended": {Rebuild: true}} {
		w, a, _ := drained(t, request, nothing)
		ctx := context.Background()
		if request.Rebuild {
			if _, _, err := w.storeOf(a).End(ctx, "r", replay.Failed, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.promoterOf(a).Follow(ctx, "r"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if request.Rebuild && w.statusOf(t, a, "r") != datastore.Building {
			t.Errorf("%s: the generation is %s", name, w.statusOf(t, a, "r"))
		}
	}
}

// A follow that died after setting its marks is repeated, and moves none of
// them back.
func TestAFollowThatIsRepeatedKeepsItsMarks(t *testing.T) {
	w, a, lane := drained(t, replay.Request{Rebuild: true}, nothing)
	w.prove(t, a, "r")
	ctx := context.Background()
	g := w.generationsOf(a).Open(w.rowOf(t, a, "r").Generation)
	further := datastore.Mark{Position: "9", Ordinal: 9}
	if _, err := g.SetMark(ctx, datastore.LiveMark, lane, further, ""); err != nil {
		t.Fatal(err)
	}
	if err := w.promoterOf(a).Follow(ctx, "r"); err != nil {
		t.Fatal(err)
	}
	marks, err := datastore.LiveMarks(ctx, g, w.lanes.Count())
	if err != nil || marks[lane].Position != further.Position || marks[lane].Ordinal != further.Ordinal {
		t.Errorf("mark %+v, %v", marks[lane], err)
	}
	if status := w.statusOf(t, a, "r"); status != datastore.Following {
		t.Errorf("the generation is %s", status)
	}
}

// A promotion of a replay that has ended, or is about to end, makes nothing
// active, whatever the registry still says.
func TestAPromotionOfWhatHasEndedIsStopped(t *testing.T) {
	for name, before := range map[string]func(w *world, a *actor, id string) error{
		"succeeded": func(w *world, a *actor, id string) error {
			_, _, err := w.storeOf(a).End(context.Background(), id, replay.Succeeded, nil, nil)
			return err
		},
		"to be cancelled": func(w *world, a *actor, id string) error {
			_, err := w.storeOf(a).Update(context.Background(), id, func(r *replay.Row) error { r.Cancel = true; return nil })
			return err
		},
	} {
		w, a, r := followed(t)
		if err := before(w, a, r.id); err != nil {
			t.Fatal(err)
		}
		if state, err := w.promoterOf(a).Promote(context.Background(), r.id, w.clock()); err != nil ||
			state != cutover.PromotionStopped {
			t.Errorf("%s: %q, %v", name, state, err)
		}
		if active := w.registryStateOf(t, a).Active; active != datastore.FirstGeneration {
			t.Errorf("%s: %s is active", name, active)
		}
	}
}

// A promotion waits while another promotion has the hold. That is no failure.
func TestAPromotionWaitsForAnothersHold(t *testing.T) {
	w, a, r := followed(t)
	ctx := context.Background()
	if _, err := w.registryOf(a).Hold(ctx, "other", w.shape.lease); err != nil {
		t.Fatal(err)
	}
	if state, err := w.promoterOf(a).Promote(ctx, r.id, w.clock()); err != nil || state != cutover.CatchingUp {
		t.Errorf("beside the other hold: %q, %v", state, err)
	}
	if hold := w.registryStateOf(t, a).Hold; hold == nil || hold.Replay != "other" {
		t.Errorf("the hold is %+v", hold)
	}
	if err := w.registryOf(a).Release(ctx, "other"); err != nil {
		t.Fatal(err)
	}
	if state, err := w.promoterOf(a).Promote(ctx, r.id, w.clock()); err != nil || state != cutover.Promoted {
		t.Errorf("after it: %q, %v", state, err)
	}
}

// A promotion waits without a hold for a generation that lags, so that the live
// path of the active one continues.
func TestAPromotionTakesNoHoldWhileItsGenerationLags(t *testing.T) {
	w, a, r := followed(t)
	ctx := context.Background()
	w.logEvent(t, a, w.names[0], "2", typeNoted)
	if state, err := w.promoterOf(a).Promote(ctx, r.id, w.clock()); err != nil || state != cutover.CatchingUp {
		t.Errorf("promote: %q, %v", state, err)
	}
	if registered := w.registryStateOf(t, a); registered.Holds != 0 || registered.Active != datastore.FirstGeneration {
		t.Errorf("%d holds were taken, %s is active", registered.Holds, registered.Active)
	}
	if w.rowOf(t, a, r.id).Promoted {
		t.Error("the row says that it was promoted")
	}
}

// If the proof has counted parked rows and the promotion must therefore be
// refused, it makes nobody wait.
func TestRowsThatTheProofFoundParkedAreRefusedWithoutAHold(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	w.logEvent(t, a, w.names[0], "1", typeRefused)
	live := w.liveOf(a)
	live.Applier = projection.NewApplier(forgiving(t), eventlog.View{
		Log:   w.logOf(a),
		Heads: eventlog.Heads{Table: w.tableOf(a)},
	})
	lane := w.lanes.Of(w.names[0])
	if _, err := live.Write(ctx, datastore.FirstGeneration, lane, w.records(lane)); err != nil {
		t.Fatal(err)
	}
	r := aRebuild("rebuild", true)
	w.rebuild(t, a, r)
	if _, err := w.promoterOf(a).Promote(ctx, r.id, w.clock()); !errors.Is(err, cutover.ErrParked) {
		t.Errorf("promote: %v", err)
	}
	if registered := w.registryStateOf(t, a); registered.Holds != 0 || registered.Active != datastore.FirstGeneration {
		t.Errorf("%d holds were taken, %s is active", registered.Holds, registered.Active)
	}
}

// A person went back to the previous generation while a promotion that had
// flipped was about to be retried. The retry does not undo that, and what has
// become of its generation since is no failure of the promotion.
func TestAPromotionThatIsRepeatedUndoesNoRollback(t *testing.T) {
	w, a, r := followed(t)
	ctx := context.Background()
	dying := w.promoterOf(a)
	dying.Store.Table = &interrupted{Table: w.tableOf(a), prefix: r.id, before: func() error { return errFault }}
	if _, err := dying.Promote(ctx, r.id, w.clock()); !errors.Is(err, errFault) {
		t.Fatalf("promotion that dies: %v", err)
	}
	if err := w.writeAll(ctx, a, datastore.FirstGeneration); err != nil {
		t.Fatal(err)
	}
	hold, err := w.registryOf(a).Hold(ctx, "person", w.shape.lease)
	if err == nil {
		err = w.registryOf(a).Flip(ctx, datastore.FirstGeneration, "person", hold)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.registryOf(a).Lose(ctx, r.generation, datastore.Loss{Why: "test"}); err != nil {
		t.Fatal(err)
	}
	if state, err := w.promoterOf(a).Promote(ctx, r.id, w.clock()); err != nil || state != cutover.Promoted {
		t.Errorf("promote again: %q, %v", state, err)
	}
	if active := w.registryStateOf(t, a).Active; active != datastore.FirstGeneration {
		t.Errorf("%s is active", active)
	}
}

// Under the hold, the promotion waits for an event that the active generation
// took in before it. If the new generation does not reach the event in time,
// nothing flips and the hold is released.
func TestUnderTheHoldTheNewGenerationHasToReachTheHeads(t *testing.T) {
	w, a, r := followed(t)
	ctx := context.Background()
	p := w.promoterOf(a)
	p.Registry.Table = &interrupted{Table: w.tableOf(a), prefix: "generations", before: func() error {
		w.logEvent(t, a, w.names[0], "2", typeNoted)
		return w.writeAll(ctx, a, datastore.FirstGeneration)
	}}
	if state, err := p.Promote(ctx, r.id, w.clock()); err != nil || state != cutover.CatchingUp {
		t.Errorf("promote: %q, %v", state, err)
	}
	registered := w.registryStateOf(t, a)
	if registered.Active != datastore.FirstGeneration || registered.Holds != 1 || registered.Hold != nil {
		t.Errorf("%s is active, %d holds, the last is %+v", registered.Active, registered.Holds, registered.Hold)
	}
	if w.broken != nil {
		t.Error(w.broken)
	}
}
