package simulation

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// When the new consumer begins, far behind the pump, the event stream has
// forgotten ten records beyond the cut. Once they were only logged as missed
// and added to the mark, and the generation was promoted. The log has them.
func TestWhatTheStreamForgotIsTakenFromTheLog(t *testing.T) {
	w, a := quietWorld(t)
	ctx := a.ctx
	entity := w.names[0]
	lane := w.lanes.Of(entity)
	w.logEvent(t, a, entity, "before the cut", typeNoted)
	r := aRebuild("rebuild", true)
	w.rebuild(t, a, r)
	for i := range 80 {
		w.logEvent(t, a, entity, fmt.Sprint(i), typeNoted)
		if i%20 == 19 { // the active generation keeps up
			if err := w.writeAll(ctx, a, datastore.FirstGeneration); err != nil {
				t.Fatal(err)
			}
		}
	}
	records := w.records(lane)
	records = append(records[:1:1], records[11:]...)
	for len(records) > 0 {
		k := min(20, len(records))
		written, err := w.liveOf(a).Write(ctx, r.generation, lane, records[:k])
		if err != nil || written.Done != k || written.Missed > 0 || written.Lost {
			t.Fatalf("%+v, %v", written, err)
		}
		records = records[k:]
	}
	state, err := w.promoterOf(a).Promote(ctx, r.id, w.clock().Add(8*time.Second))
	if err != nil || state != cutover.Promoted {
		t.Errorf("promote %q, %v", state, err)
	}
	old := w.store.tables[datastore.FirstGeneration].rows[lane][entity]
	now := w.store.tables[r.generation].rows[lane][entity]
	if now.Count != 81 || now.Chain != old.Chain {
		t.Errorf("the new generation has %d events of 81, the same ones: %t", now.Count, now.Chain == old.Chain)
	}
	if w.broken != nil {
		t.Error(w.broken)
	}
}

func (w *world) records(lane event.Lane) (all []eventlog.Incoming) {
	for _, shard := range w.ingest.shards {
		for _, stored := range shard {
			if stored.lane == lane {
				all = append(all, eventlog.Incoming{Sequence: stored.sequence, Arrival: stored.arrival, Data: stored.data})
			}
		}
	}
	return all
}

func (w *world) entry(t *testing.T, a *actor, id string) (datastore.Info, bool) {
	t.Helper()
	registered := w.registryStateOf(t, a)
	info, found := registered.Find(id)
	if !found {
		return datastore.Info{}, false
	}
	return *info, true
}

// A generation is lost before every single call of its promotion: it never
// becomes active, unless the flip came first, and the replay ends with a named
// error.
func TestLostAtAnyMomentOfAPromotion(t *testing.T) {
	refused := 0
	for at := 0; ; at++ {
		w, a, r := followed(t)
		ctx := context.Background()
		var active string
		s := &steps{at: at, before: func() {
			active = w.registryStateOf(t, a).Active
			if _, err := w.registryOf(a).Lose(ctx, r.generation, datastore.Loss{Lane: 1, Count: 2, Why: "test"}); err != nil {
				t.Fatal(err)
			}
		}}
		state, err := w.promoterWith(a, s).Promote(ctx, r.id, w.clock())
		if !s.reached() {
			break
		}
		switch {
		case active == r.generation: // readers are told of the loss
		case !errors.Is(err, datastore.ErrLost) || w.registryStateOf(t, a).Active != datastore.FirstGeneration:
			t.Errorf("lost ahead of call %d: promote %q, %v, active %s", at, state, err, w.registryStateOf(t, a).Active)
		default:
			refused++
		}
	}
	if refused < 5 {
		t.Errorf("%d promotions were refused", refused)
	}
}

// Missing marks count as lost for good, wherever the promotion finds that out.
func TestPromotionOfAGenerationWithoutMarks(t *testing.T) {
	w, a, r := followed(t)
	ctx := context.Background()
	if err := w.generationsOf(a).Clear(ctx, r.generation); err != nil {
		t.Fatal(err)
	}
	if _, err := w.promoterOf(a).Promote(ctx, r.id, w.clock()); !errors.Is(err, datastore.ErrLost) {
		t.Errorf("promote: %v", err)
	}
	for lane := range event.Lane(w.lanes.Count()) {
		if err := datastore.BeginMark(ctx, w.generationsOf(a).Open(r.generation), lane, eventlog.Head{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.promoterOf(a).Promote(ctx, r.id, w.clock()); !errors.Is(err, datastore.ErrLost) {
		t.Errorf("promote with new marks: %v", err)
	}
	if err := w.promoterOf(a).Follow(ctx, r.id); !errors.Is(err, datastore.ErrLost) {
		t.Errorf("follow: %v", err)
	}
	if info, _ := w.entry(t, a, r.generation); info.Loss == nil {
		t.Error("the loss is not recorded")
	}
}

// A lost generation is not kept for going back to.
func TestLostGenerationIsNotKeptToGoBackTo(t *testing.T) {
	for _, lost := range []bool{false, true} {
		w, a, r := followed(t)
		ctx := context.Background()
		if state, err := w.promoterOf(a).Promote(ctx, r.id, w.clock()); err != nil || state != cutover.Promoted {
			t.Fatalf("%q, %v", state, err)
		}
		if lost {
			if _, err := w.registryOf(a).Lose(ctx, datastore.FirstGeneration, datastore.Loss{Why: "test"}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.closerOf(a).Close(ctx, r.id, replay.Succeeded, nil); err != nil {
			t.Fatal(err)
		}
		if _, kept := w.entry(t, a, datastore.FirstGeneration); kept == lost {
			t.Errorf("lost %t, kept %t", lost, kept)
		}
	}
}

// A wipe in the middle of a Write left a row that named only the last bucket. A
// replay of that entity read no other bucket, and was proved complete.
func TestWipeDuringAWriteHidesNoHistory(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	entity := w.names[0]
	lane := w.lanes.Of(entity)
	for i := range 3 {
		w.logEvent(t, a, entity, fmt.Sprint(i), typeNoted)
		if i == 1 {
			if err := w.writeAll(ctx, a, datastore.FirstGeneration); err != nil {
				t.Fatal(err)
			}
		}
		w.drift += 3 * 3_600_000
	}
	live := w.liveOf(a)
	live.Applier = projection.NewApplier(w.set, eventlog.View{Log: w.logOf(a), Heads: eventlog.Heads{Table: w.tableOf(a)}})
	live.Generations = &aheadOfWrite{w.generationsOf(a), func() {
		if err := w.generationsOf(a).Clear(ctx, datastore.FirstGeneration); err != nil {
			t.Fatal(err)
		}
	}}
	records := w.records(lane)
	_, err := live.Write(ctx, datastore.FirstGeneration, lane, records[len(records)-1:])
	if row := w.store.tables[datastore.FirstGeneration].rows[lane][entity]; len(row.Buckets) != 0 && err == nil {
		t.Fatalf("the write during a wipe gave no error: buckets %v", row.Buckets)
	}
	w.broken = nil // the model has seen the row
	r := &replayModel{
		id:      "scoped",
		request: replay.Request{Entities: []string{entity}},
		lanes:   make(map[event.Lane]*expected),
	}
	w.replays[r.id] = r
	if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
		t.Fatal(err)
	}
	w.deliverAll(t, a, r.id)
	if proof := w.rowOf(t, a, r.id).Proof; proof.Selected.Count != 3 {
		t.Errorf("%d of the entity's 3 events", proof.Selected.Count)
	}
}

// aheadOfWrite makes something happen once, before a write of rows.
type aheadOfWrite struct {
	datastore.Generations
	before func()
}

func (p *aheadOfWrite) Open(id string) datastore.Generation {
	return &aheadOfWriteGeneration{p.Generations.Open(id), p}
}

type aheadOfWriteGeneration struct {
	datastore.Generation
	all *aheadOfWrite
}

func (g *aheadOfWriteGeneration) WriteRows(
	ctx context.Context, lane event.Lane, writes []datastore.RowWrite,
) ([]string, error) {
	if before := g.all.before; before != nil {
		g.all.before = nil
		before()
	}
	return g.Generation.WriteRows(ctx, lane, writes)
}
