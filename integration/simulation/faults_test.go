package simulation

import (
	"slices"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/projection"
)

// planted is a fault that the simulation has to find, and the invariants that
// may reveal it.
type planted struct {
	name  string
	plant plant
	// seeds is the number of schedules within which it has to be found.
	seeds  int
	breaks []invariant
	// attacks are the attacks that the worlds may draw.
	attacks attacks
	// after is how many seeds are left out, to save time.
	after uint64
}

func plantedFaults() []planted {
	return append([]planted{
		{"checkpoint before acknowledgement, re-reading from marks off",
			plant{reader: plantEarlyCheckpoint, drainer: func(t control.Table) control.Table { return noRewind{t} }},
			200, []invariant{order, resumability}, attacks{}, 0},
		{"two records of a lane in flight", plant{reader: plantTwoInFlight}, 100, []invariant{order, liveness}, attacks{}, 0},
		{"time ranges of one entity in parallel", plant{readGroup: parallelRanges}, 100, []invariant{order}, attacks{}, 0},
		{"write not gated on the head", plant{liveHeads: func(t control.Table) control.Table { return farHead{t} }},
			100, []invariant{logLeads, order, determinism}, attacks{}, 0},
		{"a pump that trusts batch boundaries", plant{commit: trustBoundaries}, 200, []invariant{completeness}, attacks{}, 0},
		{"mark moved before the rows are written", plant{store: plantMarkFirst}, 50, []invariant{completeness}, attacks{}, 0},
		{"a drain that trusts an empty queue", plant{drain: trustEmptyQueue}, 300, []invariant{resumability}, attacks{}, 0},
		{
			"a reader that emits from a cut that moves",
			plant{reader: plantMovingCut}, 200, []invariant{completeness}, attacks{}, 0,
		},
		{"a consumer that does not check gaps", plant{consume: closeGaps}, 300,
			[]invariant{order, completeness, resumability}, attacks{}, 0},
		{"a flip without a hold", plant{promote: flipWithoutHold}, 1500, []invariant{neverStepBack}, attacks{}, 420},
		{"a duplicate judged by the filter alone", plant{history: plantFilterAlone}, 100, []invariant{order}, attacks{}, 0},
		{"an identity index that forgets", plant{store: plantForgetful}, 50, []invariant{order}, attacks{}, 0},
		{"an identity index that takes an event for its own duplicate", plant{store: plantSelfish()}, 200,
			[]invariant{order}, attacks{}, 0},
		{"a replay that does not heed corrections", plant{consume: plantDeaf}, 100, []invariant{order}, attacks{}, 0},
		{"waiting events folded again twice", plant{history: plantTwice}, 100, []invariant{order}, attacks{}, 65},
		{"waiting events forgotten", plant{history: plantForgotten}, 200, []invariant{order}, attacks{}, 65},
		{"head moved before the events are written", plant{pump: plantHeadFirst}, 50,
			[]invariant{completeness}, attacks{}, 0},
		{"manifest closed after the head", plant{pump: plantLateManifests}, 100, []invariant{completeness}, attacks{}, 0},
		{"a generation that follows from an outdated cut", plant{outdates: true, ageless: true}, 300,
			[]invariant{liveness, resumability}, attacks{outdates: true}, 90},
		{"a catch-up that reads what earlier cuts covered", plant{outdates: true, reader: plantFromTheBegin}, 400,
			[]invariant{completeness}, attacks{outdates: true}, 0},
		{"entities that are never folded again", plant{applier: []projection.Option{projection.RefoldUpTo(0)}}, 100,
			[]invariant{order}, attacks{refolds: true}, 0},
		{"entities that are folded again from half of their events", plant{history: plantHalf}, 100,
			[]invariant{order}, attacks{refolds: true}, 0},
		{"reversals that do nothing", plant{applier: []projection.Option{projection.RefoldUpTo(0)}}, 100,
			[]invariant{order}, attacks{reversals: true}, 0},
		{"entities that are folded without an event from half of their events", plant{history: plantHalf}, 100,
			[]invariant{order}, attacks{reversals: true}, 0},
	}, plantedAttacks()...)
}

// TestPlantedFaults plants every fault, one at a time, and runs schedules until
// one breaks an invariant: a simulation that lets a fault pass proves nothing.
func TestPlantedFaults(t *testing.T) {
	f := makeFixtures(t).only(attacks{})
	for _, fault := range plantedFaults() {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			f.find(t, &fault)
		})
	}
}

// find runs schedules until one finds a planted fault.
func (f *fixtures) find(t *testing.T, fault *planted) {
	t.Helper()
	for seed := range fault.seeds {
		w := runSeed(t, f.only(fault.attacks), fault.after+uint64(seed+1), fault.plant, false)
		if w.broken == nil {
			continue
		}
		if !slices.Contains(fault.breaks, w.broken.invariant) {
			t.Errorf("seed %d breaks another invariant than %v: %v", w.seed, fault.breaks, w.broken)
		}
		t.Logf("found by seed %d: %v", w.seed, w.broken)
		return
	}
	t.Errorf("%d seeds have not found it", fault.seeds)
}
