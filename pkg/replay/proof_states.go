package replay

import (
	"context"
	"sync"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/projection/codecheck"
)

// states compares the states of a rebuilt generation with those of the active one of
// the same version. It is safe for concurrent use; a nil one compares nothing.
type states struct {
	id     string
	active datastore.Generation
	// enough reports whether half of the time for the proof has passed.
	enough func() bool

	mu  sync.Mutex
	sum codecheck.Comparison
}

// statesOf returns nil if there is nothing to compare a replay's generation with.
func (p *Prover) statesOf(ctx context.Context, row Row, m marks) (*states, error) {
	if m.generation == nil {
		return nil, nil
	}
	registered, err := p.Registry.Load(ctx)
	if err != nil {
		return nil, err
	}
	active, found := registered.Find(registered.Active)
	if !found || active.ID == row.Generation || active.Version != m.version || active.Loss != nil {
		return nil, nil
	}
	s := &states{id: active.ID, active: p.Generations.Open(active.ID), enough: func() bool { return false }}
	if deadline, given := ctx.Deadline(); given {
		now := p.Store.Now()
		half := now.Add(deadline.Sub(now) / 2)
		s.enough = func() bool { return !p.Store.Now().Before(half) }
	}
	return s, nil
}

// begin returns what to call for each row of a lane, and what to call at the end.
func (s *states) begin(ctx context.Context, lane event.Lane) (compare func(*datastore.Row), done func()) {
	if s == nil {
		return func(*datastore.Row) {}, func() {}
	}
	walk := codecheck.NewWalk(s.active, lane, s.enough)
	compare = func(row *datastore.Row) { walk.Compare(ctx, row) }
	return compare, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sum.Merge(walk.Result())
	}
}

// result is the comparison of all lanes, nil if there was none.
func (s *states) result() *codecheck.Comparison {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := s.sum
	sum.Generation = s.id
	return &sum
}
