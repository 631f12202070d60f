package simulation

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/replay/cutover"
)

// forgiving are projections of the world's version that reject nothing. The
// active generation was folded with them before a corrected projection was
// deployed without a new version.
func forgiving(t *testing.T) *projection.Set {
	t.Helper()
	set, err := projection.NewSet(projection.New("seen", 1, []string{typeNoted, typeOther, typeRefused},
		func(state seen, _ *event.Event) (seen, error) { return state, nil }))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// An entity that the new generation parked after its cut was missed, because
// the check was made with the proof. Here the entity is parked before every
// single call of the promotion up to the flip.
func TestParkedAtAnyMomentOfAPromotion(t *testing.T) {
	for _, indexed := range []bool{true, false} {
		refused := 0
		for at := 0; ; at++ {
			w, a, r := followed(t)
			ctx := context.Background()
			if !indexed {
				w.unindex(t, a, r.generation)
			}
			parked := false
			s := &steps{at: at, before: func() {
				registered := w.registryStateOf(t, a)
				// Under a hold nothing reaches the active generation any more,
				// and an event that only the new one has seen is no difference.
				if parked = registered.Hold == nil && registered.Active == datastore.FirstGeneration; parked {
					w.parkInNewOne(ctx, t, a, r.generation)
				}
			}}
			state, err := w.promoterWith(a, s).Promote(ctx, r.id, w.clock())
			if !s.reached() {
				break
			}
			w.broken = nil // the model knows no forgiving projections
			switch active := w.registryStateOf(t, a).Active; {
			case !parked:
			case active != datastore.FirstGeneration:
				t.Errorf("indexed %t: parked ahead of call %d: promote %q, %v, active %s", indexed, at, state, err, active)
			case errors.Is(err, cutover.ErrParked):
				refused++
			case err != nil || state != cutover.CatchingUp:
				t.Errorf("indexed %t: parked ahead of call %d: promote %q, %v", indexed, at, state, err)
			}
		}
		if refused < 5 {
			t.Errorf("indexed %t: %d promotions were refused", indexed, refused)
		}
	}
}

// Both generations have parked the entity, and a correction reaches the active one
// first: ahead of every single call of the promotion. Then the new generation is
// behind, which is no reason to refuse it.
func TestCorrectedAtAnyMomentOfAPromotion(t *testing.T) {
	corrected := 0
	for at := 0; ; at++ {
		w, a := quietWorld(t)
		ctx := context.Background()
		w.logEvent(t, a, w.names[0], "refused", typeRefused)
		r := aRebuild("rebuild", true)
		w.rebuild(t, a, r)
		if err := w.writeAll(ctx, a, datastore.FirstGeneration); err != nil {
			t.Fatal(err)
		}
		s := &steps{at: at, before: func() {
			if registered := w.registryStateOf(t, a); registered.Hold != nil || registered.Active != datastore.FirstGeneration {
				return
			}
			e, err := event.NewSkip(w.names[0],
				event.Skip{Source: "test", ID: "refused", Position: "0001-011-0000", Reason: "r"}, w.clock())
			if err != nil {
				t.Fatal(err)
			}
			w.logThis(t, a, e)
			if err := w.writeAll(ctx, a, datastore.FirstGeneration); err != nil {
				t.Fatal(err)
			}
			corrected++
		}}
		_, err := w.promoterWith(a, s).Promote(ctx, r.id, w.clock())
		if !s.reached() {
			break
		}
		if err != nil || w.broken != nil {
			t.Errorf("corrected ahead of call %d: promote: %v, %v", at, err, w.broken)
		}
	}
	if corrected < 5 {
		t.Errorf("%d corrections came", corrected)
	}
}

// parkInNewOne logs an event that the active generation accepts and the new one
// rejects, and folds it into both.
func (w *world) parkInNewOne(ctx context.Context, t *testing.T, a *actor, generation string) {
	t.Helper()
	w.logEvent(t, a, w.names[0], "refused", typeRefused)
	lane := w.lanes.Of(w.names[0])
	for id, set := range map[string]*projection.Set{datastore.FirstGeneration: forgiving(t), generation: w.set} {
		live := w.liveOf(a)
		live.Applier = projection.NewApplier(set, eventlog.View{Log: w.logOf(a), Heads: eventlog.Heads{Table: w.tableOf(a)}})
		if _, err := live.Write(ctx, id, lane, w.records(lane)); err != nil {
			t.Fatal(err)
		}
	}
}

// unindex turns a generation into one of an earlier release, whose parked rows
// are in no index.
func (w *world) unindex(t *testing.T, a *actor, id string) {
	t.Helper()
	_, err := control.Update(context.Background(), w.tableOf(a), control.Key{Partition: "registry", Sort: "generations"},
		func(registered *datastore.RegistryState, _ bool) error {
			info, found := registered.Find(id)
			if !found {
				t.Fatalf("no generation %s", id)
			}
			info.Indexed = false
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
}

// The number of reads of the check does not grow with the rows that are not
// parked.
func TestParkedCheckReadsParkedRowsOnly(t *testing.T) {
	for _, indexed := range []bool{true, false} {
		w, a, r := followed(t)
		if !indexed {
			w.unindex(t, a, r.generation)
		}
		var scans atomic.Int32
		p := w.promoterOf(a)
		p.Generations = &countingScans{w.generationsOf(a), &scans}
		if state, err := p.Promote(context.Background(), r.id, w.clock()); err != nil || state != cutover.Promoted {
			t.Fatalf("promote: %q, %v", state, err)
		}
		if (scans.Load() == 0) != indexed {
			t.Errorf("indexed %t: %d scans of rows", indexed, scans.Load())
		}
	}
}

type countingScans struct {
	datastore.Generations
	scans *atomic.Int32
}

func (c *countingScans) Open(id string) datastore.Generation {
	return &countingScansGeneration{c.Generations.Open(id), c}
}

type countingScansGeneration struct {
	datastore.Generation
	of *countingScans
}

func (g *countingScansGeneration) Scan(
	ctx context.Context, lane event.Lane, after string, limit int,
) ([]datastore.Row, error) {
	g.of.scans.Add(1)
	return g.Generation.Scan(ctx, lane, after, limit)
}
