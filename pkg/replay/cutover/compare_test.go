package cutover_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/projection/rowdiff"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/replaytest"
)

// comparing is a promoter that compares, over generations that a test may replace.
func comparing(w *replaytest.World, generations datastore.Generations) *cutover.Promoter {
	p := newPromoter(w)
	log := eventlog.View{Log: w.Log, Heads: w.Heads}
	p.Comparer = &cutover.Comparer{Registry: w.Registry, Generations: generations, Log: log,
		Applier: projection.NewApplier(w.Set, log), Lanes: w.Lanes.Count(),
		Now: func() time.Time { return w.Now }, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
	return p
}

// follows makes a rebuild that follows, beside an active generation with one row that it
// lacks.
func follows(t *testing.T, w *replaytest.World, request replay.Request) (promoter *cutover.Promoter) {
	t.Helper()
	active := w.Generations.Open(w.Follow("", false))
	w.Send("a", "b", "a")
	w.Create("r", request)
	promoter = comparing(w, w.Generations)
	w.Must(promoter.Prepare(t.Context(), "r", w.Set.Version()))
	_, err := w.Planner().Plan(t.Context(), "r")
	w.Must(err)
	w.Deliver("r")
	w.Consume()
	prove(t, w)
	w.Must(promoter.Follow(t.Context(), "r"))
	_, err = active.WriteRows(t.Context(), 0, []datastore.RowWrite{{Row: datastore.Row{Entity: "z", Position: "0"}}})
	w.Must(err)
	return promoter
}

// What a promotion changes is known before it, whether or not somebody is asked.
func TestAPromotionIsComparedFirst(t *testing.T) {
	for _, ask := range []bool{false, true} {
		w := replaytest.New(t)
		promoter := follows(t, w, replay.Request{Rebuild: true, Promote: true, Ask: ask})
		w.Send("a")
		state, err := promoter.Promote(t.Context(), "r", w.Soon())
		compared, loadErr := w.Store.LoadComparison(t.Context(), "r")
		w.Must(loadErr)
		if state != cutover.CatchingUp || err != nil || compared != nil {
			t.Errorf("behind the log: %s, %v, %+v", state, err, compared)
		}
		catchUp(t, w)
		want := map[bool]cutover.Promotion{true: cutover.PromotionAsking, false: cutover.Promoted}[ask]
		for range 2 {
			if state, err = promoter.Promote(t.Context(), "r", w.Soon()); state != want || err != nil {
				t.Fatalf("asks %t: %s, %v", ask, state, err)
			}
		}
		compared, err = w.Store.LoadComparison(t.Context(), "r")
		w.Must(err)
		// The rebuild has rows of a and b that the active generation lacks, and lacks z.
		if r := compared.Report; compared.Next != w.Lanes.Count() || r.Kinds[rowdiff.OnlyOld] != 1 ||
			r.Kinds[rowdiff.OnlyNew]+r.Unsettled != 2 || !r.Complete || r.New != w.Row("r").Generation {
			t.Errorf("%+v", compared)
		}
		if !ask {
			continue
		}
		if w.RegistryState().Active == w.Row("r").Generation || w.Row("r").Asked == nil {
			t.Error("it did not wait for the answer")
		}
		_, _, err = w.Store.Approve(t.Context(), "r", false)
		w.Must(err)
		if state, err = promoter.Promote(t.Context(), "r", w.Soon()); state != cutover.Promoted || err != nil {
			t.Errorf("approved: %s, %v", state, err)
		}
	}
}

// unscannable are generations whose rows cannot be listed.
type unscannable struct{ datastore.Generations }

func (u unscannable) Open(id string) datastore.Generation { return unlisted{u.Generations.Open(id)} }

type unlisted struct{ datastore.Generation }

func (unlisted) Scan(context.Context, event.Lane, string, int) ([]datastore.Row, error) {
	return nil, errors.New("the store does not answer")
}

// A comparison that fails is incomplete, and stops nothing.
func TestAComparisonThatFailsStopsNoPromotion(t *testing.T) {
	w := replaytest.New(t)
	follows(t, w, replay.Request{Rebuild: true, Promote: true})
	catchUp(t, w)
	state, err := comparing(w, unscannable{w.Generations}).Promote(t.Context(), "r", w.Soon())
	compared, loadErr := w.Store.LoadComparison(t.Context(), "r")
	w.Must(loadErr)
	if state != cutover.Promoted || err != nil || compared.Report.Complete || compared.Next != w.Lanes.Count() {
		t.Errorf("%s, %v, %+v", state, err, compared)
	}
}
