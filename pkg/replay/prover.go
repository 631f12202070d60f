package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection/codecheck"
)

// Prover proves that replays are complete. It is safe for concurrent use.
type Prover struct {
	Store       Store
	Registry    datastore.Registry
	Generations datastore.Generations
	// Log reads the heads as of the proof; Lanes is the platform's number of lanes.
	Log   eventlog.View
	Lanes int
	// Lost describes accepted events that are missing; nil means that none can be.
	Lost func() ([]string, error)
}

// Prove compares the marks of a drained replay with its cut, lane by lane, and stores
// the proof in the replay's row.
func (p *Prover) Prove(ctx context.Context, id string) (Proof, error) {
	row, err := p.Store.Working(ctx, id)
	if err != nil {
		return Proof{}, err
	}
	if row.Proof.complete() {
		return *row.Proof, nil
	}
	var proof Proof
	m, err := openMarksFor(ctx, p.Store.Version, p.Store, p.Registry, p.Generations, row)
	if err == nil {
		proof, err = p.compare(ctx, row, m)
	}
	if err == nil && p.Lost != nil {
		proof.Lost, err = p.Lost()
	}
	if err != nil {
		return Proof{}, fmt.Errorf("prove replay %s: %w", id, err)
	}
	return p.Store.keepProof(ctx, row, proof)
}

// keepProof stores a proof in the replay's row and returns the stored one. It never
// replaces a complete proof: an abandoned prover that is still running may have
// seen rows that have changed since. Nor does it store one of an earlier cut, which is
// control.ErrConflict.
func (s Store) keepProof(ctx context.Context, seen Row, proof Proof) (Proof, error) {
	row, err := s.Update(ctx, seen.ID, func(r *Row) error {
		switch {
		case r.CatchUps != seen.CatchUps:
			return control.ErrConflict
		case r.Proof.complete():
			return control.Unchanged()
		}
		r.Proof = &proof
		return nil
	})
	if err != nil {
		return Proof{}, err
	}
	return *row.Proof, nil
}

func (p *Prover) compare(ctx context.Context, row Row, m marks) (Proof, error) {
	plans, err := p.Store.LoadLanePlans(ctx, row, p.lanesOf(row))
	if err != nil {
		return Proof{}, err
	}
	heads, err := p.checkHeads(ctx, p.lanesOf(row))
	if err != nil {
		return Proof{}, err
	}
	checkpoints, applied, err := m.laneSums(ctx, row)
	if err != nil {
		return Proof{}, err
	}
	states, err := p.statesOf(ctx, row, m)
	if err != nil {
		return Proof{}, err
	}
	rows, err := p.countRows(ctx, row, m, states)
	if err != nil {
		return Proof{}, err
	}
	proof := Proof{Scoped: row.Request.Scoped()}
	for _, lane := range p.lanesOf(row) {
		proof.compareHead(plans[lane], heads[lane], checkpoints[lane].End, row.Request.Bounded())
	}
	for _, lane := range row.Lanes {
		proof.compareLane(lane, plans[lane], checkpoints[lane], applied[lane], rows[lane])
	}
	if row.Generation != "" {
		ignored := datastore.IgnoredIn(slices.Collect(maps.Values(applied)))
		proof.Version, proof.Rows = m.version, &datastore.Counts{}
		proof.SameVersion = states.result()
		if ignored.Total() > 0 {
			proof.Ignored = &ignored
		}
		for _, lane := range row.Lanes {
			proof.addRows(lane, rows[lane])
		}
	}
	proof.Complete = len(proof.Differences) == 0
	return proof, nil
}

// lanesOf returns all lanes, since those that the plan left out must be empty, too;
// for a replay of single entities only the lanes of those.
func (p *Prover) lanesOf(row Row) []event.Lane {
	if row.Request.Scoped() {
		return row.Lanes
	}
	return event.AllLanes(p.Lanes)
}

// headNow is a lane's head as of the proof.
type headNow struct {
	position event.Position
	lost     bool
}

// checkHeads checks the heads against the log's witnesses.
func (p *Prover) checkHeads(ctx context.Context, lanes []event.Lane) (map[event.Lane]headNow, error) {
	return mapLanes(ctx, lanes, func(ctx context.Context, lane event.Lane) (headNow, error) {
		head, err := p.Log.CheckHead(ctx, lane)
		if errors.Is(err, eventlog.ErrHeadLost) {
			return headNow{head.Position, true}, nil
		}
		return headNow{head.Position, false}, err
	})
}

// countRows counts the rows of a rebuilt generation by lane, and compares them with
// those of the active one; another replay has none.
func (p *Prover) countRows(ctx context.Context, row Row, m marks, s *states) (map[event.Lane]*datastore.Counts, error) {
	if m.generation == nil {
		return nil, nil
	}
	return mapLanes(ctx, row.Lanes, func(ctx context.Context, lane event.Lane) (*datastore.Counts, error) {
		compare, done := s.begin(ctx, lane)
		defer done()
		counts, err := datastore.CountLane(ctx, m.generation, lane, m.version, compare)
		return &counts, err
	})
}

// mapLanes returns what find returns for each of lanes.
func mapLanes[T any](ctx context.Context, lanes []event.Lane, find func(context.Context, event.Lane) (T, error),
) (map[event.Lane]T, error) {
	found := make([]T, len(lanes))
	err := datastore.EachLane(ctx, lanes, func(ctx context.Context, i int, lane event.Lane) (err error) {
		found[i], err = find(ctx, lane)
		return err
	})
	if err != nil {
		return nil, err
	}
	byLane := make(map[event.Lane]T, len(lanes))
	for i, lane := range lanes {
		byLane[lane] = found[i]
	}
	return byLane, nil
}

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
