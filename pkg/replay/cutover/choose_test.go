package cutover_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/replaytest"
)

// complete makes a generation that replay r has built without promoting it, and that is
// in step with the log.
func complete(t *testing.T, w *replaytest.World) (generation string) {
	t.Helper()
	return completeAs(t, w, replay.Request{Rebuild: true}, replay.Succeeded)
}

// completeAs is complete for a request and with an end of the replay.
func completeAs(t *testing.T, w *replaytest.World, request replay.Request, end replay.Status) (generation string) {
	t.Helper()
	w.Create("r", request)
	promoter := newPromoter(w)
	w.Must(promoter.Prepare(t.Context(), "r", w.Set.Version()))
	_, err := w.Planner().Plan(t.Context(), "r")
	w.Must(err)
	w.Deliver("r")
	w.Consume()
	prove(t, w)
	w.Must(promoter.Follow(t.Context(), "r"))
	catchUp(t, w)
	_, _, err = w.Store.End(t.Context(), "r", end, &replay.Failure{Error: "a test"}, nil)
	w.Must(err)
	return w.Row("r").Generation
}

// advance moves the live marks of a generation to the heads.
func advance(t *testing.T, w *replaytest.World, generation string) {
	t.Helper()
	heads, err := w.Heads.LoadAll(t.Context(), w.Lanes.Count())
	w.Must(err)
	g := w.Generations.Open(generation)
	for lane := range event.Lane(len(heads)) {
		mark, version, err := g.Mark(t.Context(), datastore.LiveMark, lane)
		w.Must(err)
		mark.Position = heads[lane].Position
		_, err = g.SetMark(t.Context(), datastore.LiveMark, lane, mark, version)
		w.Must(err)
	}
}

// A person promotes a generation that a rebuild has left, goes back to the one before,
// which was kept in step, and promotes again.
func TestAGenerationIsChosenAndGoneBackTo(t *testing.T) {
	w := replaytest.New(t)
	first := w.Follow("", false)
	w.Send("a", "b", "a")
	second := complete(t, w)
	promoter := newPromoter(w)
	for i, to := range []string{second, first, second} {
		w.Send("a") // live traffic goes on
		advance(t, w, first)
		advance(t, w, second)
		before := w.RegistryState()
		chosen, err := promoter.Choose(t.Context(), cutover.Choice{Generation: to, Instead: before.Active}, "p", w.Soon())
		now := w.RegistryState()
		if err != nil || chosen.Active != to || chosen.Previous != before.Active || now.Active != to ||
			now.Previous != before.Active || now.Hold != nil {
			t.Fatalf("%d. choice of %s: %+v, %v; the registry has %+v", i, to, chosen, err, now)
		}
		if old, _ := now.Find(before.Active); old.Status != datastore.Following {
			t.Errorf("%s is %s, and so not in step any more", old.ID, old.Status)
		}
	}
}

// What may not become active, or not yet, is refused by name, and nothing changes.
func TestChoicesThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		before func(w *replaytest.World, first, second string)
		choice func(first, second string) cutover.Choice
		want   error
	}{
		"unknown": {nil, func(string, string) cutover.Choice { return cutover.Choice{Generation: "g9999"} },
			datastore.ErrUnknown},
		"active": {nil, func(first, _ string) cutover.Choice { return cutover.Choice{Generation: first} },
			datastore.ErrActive},
		"another one is active": {nil, func(_, second string) cutover.Choice {
			return cutover.Choice{Generation: second, Instead: "g0007"}
		}, datastore.ErrNotActive},
		"retired": {func(w *replaytest.World, _, second string) { w.Must(w.Registry.Retire(t.Context(), second)) }, nil,
			datastore.ErrUnknown},
		"lost": {func(w *replaytest.World, _, second string) {
			_, err := w.Registry.Lose(t.Context(), second, datastore.Loss{Why: "test"})
			w.Must(err)
		}, nil, datastore.ErrLost},
		"emptied": {func(w *replaytest.World, _, second string) { w.Must(w.Generations.Clear(t.Context(), second)) }, nil,
			datastore.ErrLost},
		"cancelled": {func(w *replaytest.World, _, second string) {
			_, err := w.Registry.Withdraw(t.Context(), second, "r", "CANCELLED", 0)
			w.Must(err)
		}, nil, datastore.ErrWithdrawn},
		"behind": {func(w *replaytest.World, _, _ string) { w.Send("a") }, nil, cutover.ErrBehind},
		"held": {func(w *replaytest.World, _, _ string) {
			_, err := w.Registry.Hold(t.Context(), "other", time.Hour)
			w.Must(err)
		}, nil, datastore.ErrHeld},
	} {
		w := replaytest.New(t)
		first := w.Follow("", false)
		w.Send("a", "b")
		second := complete(t, w)
		if tt.before != nil {
			tt.before(w, first, second)
		}
		choice := cutover.Choice{Generation: second}
		if tt.choice != nil {
			choice = tt.choice(first, second)
		}
		_, err := newPromoter(w).Choose(t.Context(), choice, "p", w.Soon())
		if now := w.RegistryState(); !errors.Is(err, tt.want) || now.Active != first {
			t.Errorf("%s: %v; %s is active", name, err, now.Active)
		}
		if hold := w.RegistryState().Hold; hold != nil && hold.Replay == "p" {
			t.Errorf("%s: a hold is left: %+v", name, hold)
		}
		if holds := w.RegistryState().Holds; name == "behind" && holds > 0 {
			t.Errorf("%s: the live path was held %d times in vain", name, holds)
		}
	}
}

// A generation whose replay goes on is the replay's affair, and so is one of a version
// that nothing here would keep up to date.
func TestAGenerationOfAReplayThatGoesOnIsNotChosen(t *testing.T) {
	for name, tt := range map[string]struct {
		request replay.Request
		follows bool
		version string
		want    error
	}{
		"building":                     {replay.Request{Rebuild: true}, false, "", cutover.ErrBuilding},
		"its replay promotes it":       {replay.Request{Rebuild: true, Promote: true}, true, "", cutover.ErrBusy},
		"its replay does not":          {replay.Request{Rebuild: true}, true, "", nil},
		"it is of another version":     {replay.Request{Rebuild: true}, true, "v9", replay.ErrOtherVersion},
		"it is of this program's, too": {replay.Request{Rebuild: true}, true, "same", nil},
	} {
		w := replaytest.New(t)
		w.Follow("", false)
		w.Send("a")
		w.Create("r", tt.request)
		promoter := newPromoter(w)
		w.Must(promoter.Prepare(t.Context(), "r", w.Set.Version()))
		_, err := w.Planner().Plan(t.Context(), "r")
		w.Must(err)
		w.Deliver("r")
		w.Consume()
		prove(t, w)
		if tt.follows {
			w.Must(promoter.Follow(t.Context(), "r"))
			catchUp(t, w)
		}
		promoter.OneVersion = tt.version != ""
		if tt.version == "v9" {
			promoter.Store.Version = tt.version
		}
		_, err = promoter.Choose(t.Context(), cutover.Choice{Generation: w.Row("r").Generation}, "p", w.Soon())
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Only a person may accept that a generation parks what the active one does not.
func TestAPersonMayAcceptParkedEntities(t *testing.T) {
	w := replaytest.New(t)
	first := w.Generations.Open(w.Follow("", false))
	w.Send("a")
	second := complete(t, w)
	row := datastore.Row{Entity: "z", Position: "6"}
	_, err := first.WriteRows(t.Context(), 0, []datastore.RowWrite{{Row: row}})
	w.Must(err)
	row.Parked = &datastore.Parked{Position: "5"}
	_, err = w.Generations.Open(second).WriteRows(t.Context(), 0, []datastore.RowWrite{{Row: row}})
	w.Must(err)
	promoter, choice := newPromoter(w), cutover.Choice{Generation: second}
	if _, err := promoter.Choose(t.Context(), choice, "p", w.Soon()); !errors.Is(err, cutover.ErrParked) {
		t.Errorf("not accepted: %v", err)
	}
	if w.RegistryState().Holds != 0 {
		t.Error("the live path was held in vain")
	}
	choice.AcceptParked = true
	if chosen, err := promoter.Choose(t.Context(), choice, "p", w.Soon()); err != nil || chosen.Active != second {
		t.Errorf("accepted: %+v, %v", chosen, err)
	}
}

// Of two people who choose at the same time, one is refused: who finds another
// generation active than the one that was there to replace has to decide again.
func TestOfTwoChoicesAtOnceOneIsMade(t *testing.T) {
	w := replaytest.New(t)
	first := w.Follow("", false)
	w.Send("a")
	second := complete(t, w)
	promoter := newPromoter(w)
	promoter.Registry.Table = &holding{promoter.Registry.Table, func() {
		other := newPromoter(w)
		_, err := other.Choose(t.Context(), cutover.Choice{Generation: second, Instead: first}, "other", w.Soon())
		w.Must(err)
	}}
	_, err := promoter.Choose(t.Context(), cutover.Choice{Generation: second, Instead: first}, "p", w.Soon())
	if now := w.RegistryState(); now.Active != second || now.Previous != first || now.Hold != nil {
		t.Errorf("%v; the registry has %+v", err, now)
	}
	if !errors.Is(err, datastore.ErrActive) && !errors.Is(err, datastore.ErrNotActive) {
		t.Errorf("the second choice: %v", err)
	}
}

// A drop is refused while somebody may still need the generation.
func TestGenerationsAreDropped(t *testing.T) {
	w := replaytest.New(t)
	first := w.Follow("", false)
	building := w.Building("b")
	w.Send("a")
	second := complete(t, w)
	service := lifecycle.Service{Store: w.Store, Closer: &lifecycle.Closer{Store: w.Store, Registry: w.Registry,
		Generations: w.Generations, Lanes: w.Lanes.Count()}}
	drop := func(id string, want error) {
		t.Helper()
		if err := service.DropGeneration(context.WithoutCancel(t.Context()), id); !errors.Is(err, want) {
			t.Errorf("drop %s: %v, want %v", id, err, want)
		}
	}
	drop("g9999", datastore.ErrUnknown)
	drop(first, datastore.ErrActive)
	drop(building, cutover.ErrBuilding)
	w.Must(w.Registry.Follow(t.Context(), building, datastore.Cut{}))
	drop(building, cutover.ErrBusy)
	drop(second, nil)
	drop(second, datastore.ErrUnknown)
	w.Must(service.Closer.Sweep(t.Context()))
	registered := w.RegistryState()
	if _, found := registered.Find(second); found {
		t.Error("the sweep has left its entry")
	}
	// The target of a rollback may be dropped, and then there is none.
	third := w.Follow("third", false)
	w.Promote("third", third)
	drop(first, nil)
	if previous := w.RegistryState().Previous; previous != "" {
		t.Errorf("%q is kept to go back to", previous)
	}
}

// What arrives just before the active generation stands still is waited for under the hold.
func TestAChosenGenerationReachesTheHeadsUnderTheHold(t *testing.T) {
	w := replaytest.New(t)
	first := w.Follow("", false)
	w.Send("a")
	second := complete(t, w)
	promoter := newPromoter(w)
	promoter.Registry.Table = &holding{promoter.Registry.Table, func() { w.Send("a") }}
	_, err := promoter.Choose(t.Context(), cutover.Choice{Generation: second}, "p", w.Soon())
	if now := w.RegistryState(); !errors.Is(err, cutover.ErrBehind) || now.Active != first || now.Hold != nil {
		t.Errorf("%v; %s is active, hold %+v", err, now.Active, now.Hold)
	}
}

// A replay that asked and failed is continued after a person has made its generation
// active: it has nothing to ask any more.
func TestAContinuedReplayWhoseGenerationWasChosenAsksNothing(t *testing.T) {
	w := replaytest.New(t)
	first := w.Follow("", false)
	w.Send("a")
	asks := replay.Request{Rebuild: true, Promote: true, Ask: true}
	generation := completeAs(t, w, asks, replay.Failed)
	advance(t, w, first)
	advance(t, w, generation)
	promoter := newPromoter(w)
	_, err := promoter.Choose(t.Context(), cutover.Choice{Generation: generation}, "p", w.Soon())
	w.Must(err)
	_, err = w.Store.Continue(t.Context(), "r", "r.1")
	w.Must(err)
	if state, err := promoter.Promote(t.Context(), "r", w.Soon()); err != nil || state != cutover.Promoted {
		t.Errorf("%q, %v", state, err)
	}
	if row := w.Row("r"); row.Asked != nil || !row.Promoted {
		t.Errorf("asked %v, promoted %t", row.Asked, row.Promoted)
	}
}
