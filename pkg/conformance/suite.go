package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// Features describes a subject, such as a table, beyond its contract.
type Features[S any] struct {
	// Reopen closes a subject and opens the same one again. If it is nil,
	// durability is not tested.
	Reopen func(t *testing.T, subject S) S
	// Seed repeats an earlier run; 0 means a new run.
	Seed uint64
	// ModelRuns bounds the random runs against a model, for slow subjects; 0
	// means 25.
	ModelRuns int
}

// Suite is one run of a suite. It is safe for concurrent use.
type Suite[S any] struct {
	features Features[S]
	// Seed is the seed of the run.
	Seed  uint64
	count atomic.Int64
}

// Begin begins a run and logs its seed.
func Begin[S any](t *testing.T, features Features[S]) *Suite[S] {
	s := &Suite[S]{features: features, Seed: features.Seed}
	if s.Seed == 0 {
		s.Seed = rand.Uint64()
	}
	t.Logf("seed %d", s.Seed)
	return s
}

// Next returns a number that is new in this run.
func (s *Suite[S]) Next() int64 { return s.count.Add(1) }

// Name returns a name that is new in this run and, most likely, in any other.
func (s *Suite[S]) Name() string { return fmt.Sprintf("t%016x-%d", s.Seed, s.Next()) }

// MustReopen skips the test if the subject cannot be reopened.
func (s *Suite[S]) MustReopen(t *testing.T) {
	t.Helper()
	if s.features.Reopen == nil {
		t.Skip("the subject cannot be reopened")
	}
}

// Reopen closes a subject and opens it again.
func (s *Suite[S]) Reopen(t *testing.T, subject S) S {
	t.Helper()
	return s.features.Reopen(t, subject)
}

// modelRuns is the default of Features.ModelRuns: a run takes some hundred calls.
const modelRuns = 25

// Bounded does nothing in runs beyond the limit, unless one failed: then rapid
// needs more runs to find a smaller one that fails.
func (s *Suite[S]) Bounded(check func(*rapid.T)) func(*rapid.T) {
	most := s.features.ModelRuns
	if most == 0 {
		most = modelRuns
	}
	runs, failed := 0, false
	return func(t *rapid.T) {
		if runs >= most && !failed {
			return
		}
		passed := false
		defer func() { failed = failed || !passed }()
		check(t)
		passed = true
		runs++
	}
}

// T is what *testing.T and *rapid.T have in common.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
	Context() context.Context
}

// WantError ends the test unless err is want.
func WantError(t T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: have error %v, want %v", what, err, want)
	}
}

// Race calls attempt concurrently for each writer and returns the results.
func Race(writers int, attempt func(writer int) error) []error {
	results := make([]error, writers)
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range results {
		group.Go(func() {
			<-start
			results[i] = attempt(i)
		})
	}
	close(start)
	group.Wait()
	return results
}

// Winner returns the only writer of a race without an error. It ends the test
// unless all others got one of the errors in want.
func Winner(t T, results []error, want ...error) int {
	t.Helper()
	won := -1
	for i, err := range results {
		if err == nil {
			if won >= 0 {
				t.Fatalf("writers %d and %d both won", won, i)
			}
			won = i
			continue
		}
		if !slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }) {
			t.Fatalf("writer %d: %v, want one of %v", i, err, want)
		}
	}
	if won < 0 {
		t.Fatalf("nobody won")
	}
	return won
}
