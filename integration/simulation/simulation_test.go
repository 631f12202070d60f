package simulation

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/replay"
)

var (
	seedFlag      = flag.Uint64("seed", 0, "run the schedule of this seed alone, and print its trace")
	attacksFlag   = flag.String("attacks", allAttacks().String(), "the attacks that seeds may draw, or none")
	schedulesFlag = flag.Int("schedules", 0, "the number of schedules; REPRISE_SCHEDULES does the same")
)

// workers is the number of schedules that run side by side.
const workers = 2

func schedules(t *testing.T) int {
	n := *schedulesFlag
	if text := os.Getenv("REPRISE_SCHEDULES"); n == 0 && text != "" {
		given, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("REPRISE_SCHEDULES: %v", err)
		}
		n = given
	}
	switch {
	case n > 0:
		return n
	case testing.Short():
		return 60
	}
	return 250
}

func makeFixtures(t *testing.T) *fixtures {
	t.Helper()
	f, err := newFixtures()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.codec.Close)
	f.attacks = attacksNamed(t, *attacksFlag)
	return f
}

// attacksNamed returns the attacks of a list.
func attacksNamed(t *testing.T, list string) (named attacks) {
	t.Helper()
	for _, name := range strings.Split(list, ",") {
		switch name {
		case "reshards":
			named.reshards = true
		case "versions":
			named.versions = true
		case "cancels":
			named.cancels = true
		case "wipes":
			named.wipes = true
		case "pauses":
			named.pauses = true
		case "rates":
			named.rates = true
		case "continues":
			named.continues = true
		case "outdates":
			named.outdates = true
		case "choices":
			named.choices = true
		case "refolds":
			named.refolds = true
		case "reversals":
			named.reversals = true
		case "throwaways":
			named.throwaways = true
		case "none":
		default:
			t.Fatalf("there is no attack %q", name)
		}
	}
	return named
}

// only returns fixtures whose seeds draw only the given attacks.
func (f *fixtures) only(a attacks) *fixtures {
	alone := *f
	alone.attacks = a
	return &alone
}

// runSeed runs one schedule in a bubble of its own.
func runSeed(t *testing.T, f *fixtures, seed uint64, p plant, tracing bool) (w *world) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		if w, err = schedule(f, seed, p, tracing, synctest.Wait); err != nil {
			t.Fatal(err)
		}
	})
	return w
}

// reportBroken prints the end of the trace of a schedule that failed, and how
// to run it again.
func reportBroken(t *testing.T, f *fixtures, w *world, lines int) {
	t.Helper()
	again := runSeed(t, f, w.seed, w.plant, true)
	trace := again.log[max(0, len(again.log)-lines):]
	t.Errorf("seed %d, attacks drawn: %v: %v\n"+
		"again: go test ./integration/simulation -run TestSchedules -seed %d -attacks %v\n%s",
		w.seed, w.drawn, w.broken, w.seed, f.attacks, strings.Join(trace, "\n"))
}

// TestSchedules runs many schedules without any planted fault. None may break
// an invariant.
func TestSchedules(t *testing.T) {
	f := makeFixtures(t)
	if *seedFlag != 0 {
		w := runSeed(t, f, *seedFlag, plant{}, true)
		t.Logf("seed %d, %d steps:\n%s", w.seed, w.steps, strings.Join(w.log, "\n"))
		if w.broken != nil {
			t.Error(w.broken)
		}
		return
	}
	total := schedules(t)
	var next, failures atomic.Int64
	sum := summary{}
	began := time.Now()
	t.Run("seeds", func(t *testing.T) {
		for i := range workers {
			t.Run(fmt.Sprintf("worker-%d", i), func(t *testing.T) {
				t.Parallel()
				for seed := next.Add(1); seed <= int64(total) && failures.Load() < 3; seed = next.Add(1) {
					w := runSeed(t, f, uint64(seed), plant{}, false)
					sum.add(w)
					if w.broken != nil {
						failures.Add(1)
						reportBroken(t, f, w, 150)
					}
				}
			})
		}
	})
	took := time.Since(began)
	t.Logf("%d schedules in %v (%.0f/s): %+v", sum.schedules, took.Round(time.Millisecond),
		float64(sum.schedules)/took.Seconds(), sum.counts)
}

// counts are what happened in schedules.
type counts struct {
	schedules, steps, succeeded, flips int
	// late counts records that reached the pump too late, cancels the replays
	// whose cancel was answered, wipes the generations that were cleared.
	resharded, late, deploys, cancels, wipes int
	// paused counts the times that an execution waited, rated the rates that were set
	// while replays ran, and continued the executions that continued a replay.
	// moved counts how often the cut of a rebuild was moved.
	paused, rated, continued, moved int
	// approved counts the replays that asked and were approved, chosen the generations that
	// people made active.
	approved, chosen int
	// skipped are rows in which an event is stepped over when they are written,
	// halfway those of them whose waiting events are not all folded again.
	skipped, halfway int
	// refolded counts the times that an entity was folded again, spoilt the rows that were
	// changed behind the platform's back, and mended those that were right again.
	refolded, spoilt, mended int
	// reversed counts the reversals that the log has, and freed those that freed a parked
	// entity.
	reversed, freed int
}

type summary struct {
	mu sync.Mutex
	counts
}

func (s *summary) add(w *world) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.schedules++
	s.steps += w.steps
	s.flips += w.flips
	s.deploys += w.deploys
	s.skipped += w.skipped
	s.halfway += w.halfway
	s.refolded += w.refolded
	s.spoilt += w.spoiltRows
	s.mended += w.mended
	s.reversed += w.reversed
	s.freed += w.freed
	s.wipes += len(w.wiped)
	s.chosen += w.chosen
	s.late += w.late()
	if w.drawn.reshards {
		s.resharded++
	}
	for _, r := range w.order {
		if r.status == replay.Succeeded {
			s.succeeded++
		}
		if r.answered {
			s.cancels++
		}
		s.paused += r.paused
		s.rated += len(r.orders)
		s.continued += r.row.Attempt()
		s.moved += r.row.CatchUps
		if r.row.Approval != nil {
			s.approved++
		}
	}
}

// TestSameSeed runs schedules twice. The traces must be identical, byte for byte. Choices
// are left out: with them, and with the race detector's order of goroutines, a reader's
// lanes were seen to come to its pace in either order (seed 12).
func TestSameSeed(t *testing.T) {
	same := allAttacks()
	same.choices = false
	f := makeFixtures(t).only(same)
	for seed := range uint64(30) {
		a, b := runSeed(t, f, seed+1, plant{}, true), runSeed(t, f, seed+1, plant{}, true)
		if !slices.Equal(a.log, b.log) {
			for i := range min(len(a.log), len(b.log)) {
				if a.log[i] != b.log[i] {
					t.Fatalf("seed %d: step %d differs: %q and %q", seed+1, i, a.log[i], b.log[i])
				}
			}
			t.Fatalf("seed %d: %d and %d steps", seed+1, len(a.log), len(b.log))
		}
	}
}
