package simulation

import (
	"context"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/replay"
)

// A prover that had been abandoned continued late and overwrote the complete
// proof with its own, after the generation had begun to follow.
func TestALateProofReplacesNoOther(t *testing.T) {
	w, a := quietWorld(t)
	ctx := context.Background()
	entity := w.names[0]
	w.logEvent(t, a, entity, "1", typeNoted)
	r := aRebuild("rebuild", true)
	w.replays[r.id] = r
	if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
		t.Fatal(err)
	}
	if err := w.promoterOf(a).Prepare(ctx, r.id, w.set.Version()); err != nil {
		t.Fatal(err)
	}
	w.readAll(t, a, r.id)
	w.takeIn(t, a)
	if state, err := w.drainerOf(a).Check(ctx, r.id, w.clock()); err != nil || state != replay.Drained {
		t.Fatalf("drain: %s, %v", state, err)
	}
	late := w.proverOf(a)
	late.Generations = &aheadOfScan{w.generationsOf(a), func() {
		if proof, err := w.proverOf(a).Prove(ctx, r.id); err != nil || !proof.Complete {
			t.Fatalf("prove: %+v, %v", proof, err)
		}
		if err := w.promoterOf(a).Follow(ctx, r.id); err != nil {
			t.Fatal(err)
		}
		w.logEvent(t, a, entity, "2", typeNoted)
		if err := w.writeAll(ctx, a, r.generation); err != nil {
			t.Fatal(err)
		}
	}}
	if proof, err := late.Prove(ctx, r.id); err != nil || !proof.Complete {
		t.Errorf("the late prover says %+v, %v", proof.Differences, err)
	}
	if row := w.rowOf(t, a, r.id); !row.Proof.Complete || len(row.Proof.Differences) > 0 {
		t.Errorf("the row's proof is %+v", row.Proof.Differences)
	}
}

// aheadOfScan makes something happen once, before a scan.
type aheadOfScan struct {
	datastore.Generations
	before func()
}

func (p *aheadOfScan) Open(id string) datastore.Generation {
	return &aheadOfScanGeneration{p.Generations.Open(id), p}
}

type aheadOfScanGeneration struct {
	datastore.Generation
	all *aheadOfScan
}

func (g *aheadOfScanGeneration) Scan(
	ctx context.Context, lane event.Lane, after string, limit int,
) ([]datastore.Row, error) {
	if before := g.all.before; before != nil {
		g.all.before = nil
		before()
	}
	return g.Generation.Scan(ctx, lane, after, limit)
}
