package guard

import (
	"context"
	"sync"
)

// callsAtOnce bounds the calls of a system that a process makes at a time, whatever the
// number of lanes and entities.
const callsAtOnce = 64

// Turns lets calls of a system begin as others end, before their time limit begins to run.
// It is safe for concurrent use.
type Turns struct {
	mu    sync.Mutex
	taken map[string]chan struct{}
}

// NewTurns returns Turns that nobody has taken.
func NewTurns() *Turns { return &Turns{taken: make(map[string]chan struct{})} }

// Take waits for a turn of a system, which the caller gives back, or for the end of ctx.
func (t *Turns) Take(ctx context.Context, system string) (giveBack func(), err error) {
	t.mu.Lock()
	turns := t.taken[system]
	if turns == nil {
		turns = make(chan struct{}, callsAtOnce)
		t.taken[system] = turns
	}
	t.mu.Unlock()
	select {
	case turns <- struct{}{}:
		return func() { <-turns }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
