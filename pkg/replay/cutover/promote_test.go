package cutover_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/local/localstore/localstoretest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/replaytest"
)

func newPromoter(w *replaytest.World) *cutover.Promoter {
	return &cutover.Promoter{Store: w.Store, Heads: w.Heads, Registry: w.Registry, Generations: w.Generations,
		Lanes:     w.Lanes,
		Retention: 24 * time.Hour, Lease: 10 * time.Second, Poll: time.Second, Sleep: w.Sleep}
}

// rebuilt makes a generation that replay r fills up to its cut. It is not
// proved yet.
func rebuilt(t localstoretest.T, w *replaytest.World) {
	t.Helper()
	w.Create("r", replay.Request{Rebuild: true, Promote: true})
	w.Must(newPromoter(w).Prepare(t.Context(), "r", w.Set.Version()))
	_, err := w.Planner().Plan(t.Context(), "r")
	w.Must(err)
	w.Deliver("r")
	w.Consume()
}

func prove(t localstoretest.T, w *replaytest.World) {
	t.Helper()
	_, err := w.Prover().Prove(t.Context(), "r")
	w.Must(err)
}

// A generation gets its consumer once it is proved, and is promoted once that
// consumer has reached the heads. Until then readers see the other generation.
func TestAGenerationIsPromotedOnceItIsProvedAndHasCaughtUp(t *testing.T) {
	w := replaytest.New(t)
	first := w.Follow("", false)
	w.Send("a", "b", "a")
	rebuilt(t, w)
	promoter := newPromoter(w)
	if err := promoter.Follow(t.Context(), "r"); !errors.Is(err, cutover.ErrNotProved) {
		t.Errorf("followed without a proof: %v", err)
	}
	prove(t, w)
	w.Must(promoter.Follow(t.Context(), "r"))
	w.Send("a") // its consumer has not folded this in
	state, err := promoter.Promote(t.Context(), "r", w.Soon())
	if state != cutover.CatchingUp || err != nil || w.RegistryState().Active != first {
		t.Errorf("behind the log: %s, %v, active is %s", state, err, w.RegistryState().Active)
	}
	catchUp(t, w)
	state, err = promoter.Promote(t.Context(), "r", w.Soon())
	if state != cutover.Promoted || err != nil || w.RegistryState().Active != w.Row("r").Generation ||
		!w.Row("r").Promoted {
		t.Errorf("caught up: %s, %v, active is %s", state, err, w.RegistryState().Active)
	}
	if registered := w.RegistryState(); registered.Hold != nil || registered.Previous != first {
		t.Errorf("the registry has %+v", registered)
	}
}

// catchUp moves the live marks of r's generation to the heads.
func catchUp(t localstoretest.T, w *replaytest.World) {
	t.Helper()
	heads, err := w.Heads.LoadAll(t.Context(), w.Lanes.Count())
	w.Must(err)
	generation := w.Generations.Open(w.Row("r").Generation)
	for lane := range event.Lane(len(heads)) {
		mark, version, err := generation.Mark(t.Context(), datastore.LiveMark, lane)
		w.Must(err)
		mark.Position = heads[lane].Position
		_, err = generation.SetMark(t.Context(), datastore.LiveMark, lane, mark, version)
		w.Must(err)
	}
}

// A Promoter prepares a rebuild's generation, gives it its consumer once it is
// proved, and makes it the active one once that has caught up with the log.
func ExamplePromoter() {
	t := new(localstoretest.Example)
	defer t.End()
	w := replaytest.New(t)
	w.Follow("", false) // the generation that the platform has
	w.Send("alice", "bob")
	w.Create("r", replay.Request{Rebuild: true, Promote: true})
	ctx := context.Background()

	promoter := &cutover.Promoter{Store: w.Store, Heads: w.Heads, Registry: w.Registry, Generations: w.Generations,
		Lanes: w.Lanes, Retention: 24 * time.Hour, Lease: 10 * time.Second, Poll: time.Second, Sleep: w.Sleep}
	fmt.Println("prepare:", promoter.Prepare(ctx, "r", w.Set.Version()))

	_, err := w.Planner().Plan(ctx, "r")
	w.Must(err)
	w.Deliver("r")
	w.Consume()
	_, err = w.Prover().Prove(ctx, "r")
	w.Must(err)

	fmt.Println("follow:", promoter.Follow(ctx, "r"))
	state, err := promoter.Promote(ctx, "r", w.Now.Add(time.Minute))
	fmt.Println("promote:", state, err)
	fmt.Println("active:", w.RegistryState().Active)
	// Output:
	// prepare: <nil>
	// follow: <nil>
	// promote: promoted <nil>
	// active: g0002
}
