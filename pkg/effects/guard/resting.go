package guard

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// maxSilent is how often in a row a system may fail to answer in time before it is
	// left alone.
	maxSilent = 3
	// restFor is how long it is left alone.
	restFor = 5 * time.Second
)

// Resting knows which systems do not answer, so that a system that stalls takes the time
// of a few entities only, and the others fail at once. It is safe for concurrent use.
type Resting struct {
	mu      sync.Mutex
	silent  map[string]int
	resting map[string]time.Time
}

// NewResting returns a Resting that knows of no silence.
func NewResting() *Resting {
	return &Resting{silent: make(map[string]int), resting: make(map[string]time.Time)}
}

// Rests reports whether a system is left alone now.
func (r *Resting) Rests(system string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Before(r.resting[system])
}

// Note notes the outcome of an attempt.
func (r *Resting) Note(system string, now time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !errors.Is(err, context.DeadlineExceeded) {
		r.silent[system] = 0
		return
	}
	if r.silent[system]++; r.silent[system] >= maxSilent {
		r.resting[system] = now.Add(restFor)
		r.silent[system] = maxSilent - 1 // one more silence after the rest is enough
	}
}
