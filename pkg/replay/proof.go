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

// Proof compares a replay's cut with what was read, delivered and applied. Counts
// are events.
type Proof struct {
	Complete bool `json:"complete"`
	// Scoped is set for a replay of single entities, which has no manifest to
	// compare with: what was read counts as expected.
	Scoped   bool `json:"scoped,omitempty"`
	Expected Sum  `json:"expected"`
	Read     Sum  `json:"read"`
	// Selected is the part of Read that passed the filter; Applied is the sum of
	// the consumer's marks.
	Selected Sum `json:"selected"`
	Applied  Sum `json:"applied"`
	// Rows is the totals of a rebuilt generation's rows.
	Rows *datastore.Counts `json:"rows,omitempty"`
	// Ignored counts the events that no projection of a rebuild handles, nil if
	// there are none.
	Ignored *datastore.Ignored `json:"ignored,omitempty"`
	// Version is a rebuilt generation's version of the projections.
	Version string `json:"version,omitempty"`
	// SameVersion compares the states of a rebuilt generation with those of the
	// active one, nil if that belongs to another version or is lost. A difference
	// does not make the proof incomplete: the new states are what the log folds to.
	SameVersion *codecheck.Comparison `json:"sameVersion,omitempty"`
	// Differences are what does not agree, at most maxDifferences of them.
	Differences []Difference `json:"differences,omitempty"`
	// Lost describes accepted events that are missing from the platform, so that no
	// replay can deliver them. An operator has accepted the loss.
	Lost []string `json:"lost,omitempty"`
}

// Difference is a lane in which two counts or digests do not agree.
type Difference struct {
	Lane event.Lane `json:"lane"`
	What string     `json:"what"`
	Want int64      `json:"want"`
	Have int64      `json:"have"`
}

const maxDifferences = 64

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

func (p *Proof) complete() bool { return p != nil && p.Complete }

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

// compareHead compares a lane's cut with its head, its manifests and the log's
// witnesses. A replay that is bounded in time has not summed all manifests.
func (p *Proof) compareHead(plan LanePlan, now headNow, end *End, bounded bool) {
	cut := &plan.Head
	switch {
	case now.lost:
		p.differ(plan.Lane, "the lane's head is behind what the log has witnessed: restore the control table", cut.Count, 0)
	case now.position < cut.Position:
		p.differ(plan.Lane, "the lane's head has gone back behind the cut: restore the control table", cut.Count, 0)
	case end != nil && end.Stranded > now.position:
		p.differ(plan.Lane, "the log holds events beyond the lane's head that the event stream holds no more", 0, 1)
	case end != nil && end.Missing != "":
		p.differ(plan.Lane, "the table holds events that are neither in the log nor set aside: "+
			"the lane's head was set back; restore the control table", 0, 1)
	}
	if p.Scoped || bounded {
		return
	}
	counted := Sum{Count: cut.Count, Bytes: cut.Bytes, Digest: plan.Expect.Digest}
	if cut.Digest != nil {
		counted.Digest = *cut.Digest
	}
	p.compareSums(plan.Lane, "in the manifests of what the head counts", counted, plan.Expect)
}

func (p *Proof) addRows(lane event.Lane, rows *datastore.Counts) {
	p.Rows.AddAll(*rows)
	if rows.Others > 0 {
		p.differ(lane, "rows of another version of the projections", 0, rows.Others)
	}
}

func (p *Proof) compareLane(
	lane event.Lane, plan LanePlan, at Checkpoint, mark datastore.Mark, rows *datastore.Counts,
) {
	end := End{Read: at.Read, Delivered: at.Delivered}
	if at.End != nil {
		end = *at.End
	}
	expected := plan.Expect
	if p.Scoped {
		expected = end.Read
	}
	took := Sum{Count: mark.Ordinal, Bytes: mark.Bytes, Digest: mark.Digest}
	p.Expected.AddSum(expected)
	p.Read.AddSum(end.Read)
	p.Selected.AddSum(end.Delivered)
	p.Applied.AddSum(took)
	if at.End == nil {
		p.differ(lane, "the lane has no end marker", expected.Count, end.Read.Count)
	}
	p.compareSums(lane, "read of the log", expected, end.Read)
	p.compareSums(lane, "consumed", end.Delivered, took)
	if rows != nil && rows.Seen() != took.Count {
		p.differ(lane, "seen by the rows", took.Count, rows.Seen())
	}
}

func (p *Proof) compareSums(lane event.Lane, what string, want, have Sum) {
	switch {
	case want.Count != have.Count:
		p.differ(lane, "events "+what, want.Count, have.Count)
	case want.Bytes != have.Bytes:
		p.differ(lane, "bytes "+what, want.Bytes, have.Bytes)
	case want.Digest != have.Digest:
		p.differ(lane, "digest of the events "+what+" (counts are equal, contents differ)", want.Count, have.Count)
	}
}

func (p *Proof) differ(lane event.Lane, what string, want, have int64) {
	if len(p.Differences) < maxDifferences {
		p.Differences = append(p.Differences, Difference{lane, what, want, have})
	}
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
