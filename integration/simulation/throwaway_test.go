package simulation

import (
	"context"
	"math/rand/v2"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/replay"
	"reprise/pkg/verify"
)

// owning is the stream of the random source for rebuilds that verifications own.
const owning = 15

// chooseThrowaways draws from its own random source, so that a seed's world does not change
// unless verifications own some of its rebuilds. They go on until the schedule is over.
func (w *world) chooseThrowaways() {
	r := rand.New(rand.NewPCG(w.seed, owning))
	if w.drawn.throwaways = drawsThrowaways(r) && w.attacks.throwaways; !w.drawn.throwaways {
		return
	}
	for _, of := range w.order {
		if of.request.Rebuild && of.after == nil && r.IntN(2) == 0 {
			of.request.Promote, of.request.Ask, of.request.Verification = false, false, of.id
		}
	}
}

func drawsThrowaways(r *rand.Rand) bool { return r.IntN(4) == 0 }

// beginVerifications enters the verifications that own rebuilds.
func (w *world) beginVerifications(ctx context.Context, a *actor) error {
	for _, r := range w.order {
		if r.request.Verification == "" {
			continue
		}
		store := verify.Store{Table: w.partsOf(a).Table, Now: w.clock}
		if _, _, err := store.Create(ctx, r.id, verify.Request{Depth: verify.Rebuild, Full: true}); err != nil {
			return err
		}
	}
	return nil
}

// checkThrowaways checks that a throwaway was never active, that nobody has dropped one that
// its verification is about to look at, and that it is gone, and nothing else, once that has
// ended.
func (w *world) checkThrowaways() {
	if !w.drawn.throwaways {
		return
	}
	a := w.newActor("verified")
	a.direct = true
	store := verify.Store{Table: w.partsOf(a).Table, Now: w.clock}
	before, owned := w.registryState(), make(map[string]bool)
	for _, r := range w.order {
		if r.request.Verification == "" || r.generation == "" {
			continue
		}
		owned[r.generation] = true
		info, found := before.Find(r.generation)
		switch {
		case w.shown[r.generation]:
			w.breakf(completeness, "generation %s was active, and is the throwaway of %s", r.generation, r.id)
		case r.status == replay.Succeeded && (!found || info.Status != datastore.Following || info.Verification != r.id):
			w.breakf(completeness, "the throwaway %s of %s is dropped before it is verified: %+v", r.generation, r.id, info)
		}
		if _, err := store.End(a.ctx, r.id, verify.Clean, nil, nil); err != nil {
			w.breakf(liveness, "end of verification %s: %v", r.id, err)
		}
		if err := w.serviceOf(a).ReleaseThrowaway(a.ctx, r.id); err != nil {
			w.breakf(liveness, "release of the rebuild of %s: %v", r.id, err)
		}
	}
	if err := w.closerOf(a).Sweep(a.ctx); err != nil {
		w.breakf(liveness, "sweep of throwaways: %v", err)
	}
	after := w.registryState()
	for _, info := range after.Generations {
		if owned[info.ID] || info.Verification != "" {
			w.breakf(completeness, "the throwaway %s outlives its verification: %+v", info.ID, info)
		}
	}
	for id := range owned {
		if w.store.tables[id] != nil {
			w.breakf(completeness, "the table of the throwaway %s outlives its verification", id)
		}
	}
	for _, info := range before.Generations {
		if _, found := after.Find(info.ID); !found && !owned[info.ID] && info.Consumes() {
			w.breakf(completeness, "generation %s was dropped with a throwaway", info.ID)
		}
	}
}

// TestThrowawaysBesideOtherRebuilds runs schedules in which verifications own rebuilds, beside
// those of people, with crashes, pauses, cancellations, wipes and choices of people. Seeds that
// draw no throwaways are passed over, so that a short run meets both ends of one, too.
func TestThrowawaysBesideOtherRebuilds(t *testing.T) {
	if testing.Short() {
		t.Skip("meets what it is for in many schedules only")
	}
	f := makeFixtures(t).only(attacks{pauses: true, cancels: true, wipes: true, choices: true, reshards: true,
		throwaways: true})
	built, ended := 0, 0
	for seed, left := uint64(1), schedules(t)/4; left > 0; seed++ {
		if !drawsThrowaways(rand.New(rand.NewPCG(seed, owning))) {
			continue
		}
		left--
		w := runSeed(t, f, seed, plant{}, false)
		if w.broken != nil {
			reportBroken(t, f, w, 150)
			return
		}
		for _, r := range w.order {
			if r.request.Verification == "" {
				continue
			}
			ended++
			if r.status == replay.Succeeded {
				built++
			}
		}
	}
	if built == 0 || built == ended {
		t.Errorf("%d of %d throwaways were built", built, ended)
	}
	t.Logf("%d of %d throwaways were built", built, ended)
}
