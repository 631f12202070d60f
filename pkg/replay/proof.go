package replay

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// Proof compares what a replay's cut has with what was read, delivered and
// applied. Counts are events.
type Proof struct {
	Complete bool `json:"complete"`
	// Scoped is set for an entity-scoped replay, which has no manifest to be
	// held against: read is then taken for expected.
	Scoped   bool `json:"scoped,omitempty"`
	Expected Sum  `json:"expected"`
	Read     Sum  `json:"read"`
	// Selected is what of it passed the filter, Applied what the marks of the
	// consumer say.
	Selected Sum `json:"selected"`
	Applied  Sum `json:"applied"`
	// Rows counts what the rows of a rebuilt generation have seen.
	Rows *datastore.Counts `json:"rows,omitempty"`
	// Version is that of the projections of a rebuilt generation.
	Version string `json:"version,omitempty"`
	// Differences are the lanes that do not agree, at most maxDifferences.
	Differences []Difference `json:"differences,omitempty"`
}

// Difference is a lane in which two counts or digests do not agree.
type Difference struct {
	Lane event.Lane `json:"lane"`
	What string     `json:"what"`
	Want int64      `json:"want"`
	Have int64      `json:"have"`
}

const maxDifferences = 64

// Prover makes proofs. It is safe for concurrent use.
type Prover struct {
	Store       Store
	Registry    datastore.Registry
	Generations datastore.Generations
	// Log is held against heads as of now, and Lanes is their number.
	Log   eventlog.View
	Lanes int
}

// Prove holds the marks of a drained replay against its cut, lane by lane, and
// keeps the proof in the replay's row.
func (p *Prover) Prove(ctx context.Context, id string) (Proof, error) {
	row, err := p.Store.Working(ctx, id)
	if err != nil {
		return Proof{}, err
	}
	if row.Proof != nil && row.Proof.Complete {
		return *row.Proof, nil
	}
	m, err := openMarks(ctx, p.Store, p.Registry, p.Generations, row)
	if err == nil {
		err = m.fits(p.Store.Version)
	}
	if err != nil {
		return Proof{}, fmt.Errorf("prove replay %s: %w", id, err)
	}
	proof, err := p.compare(ctx, row, m)
	if err != nil {
		return Proof{}, fmt.Errorf("prove replay %s: %w", id, err)
	}
	return p.Store.keepProof(ctx, id, proof)
}

// keepProof keeps a proof in the replay's row, unless a complete one stands
// there: what was proved once stays so, and a prover that was given up and goes
// on late may have looked at rows that have moved since. It returns the one that
// is kept.
func (s Store) keepProof(ctx context.Context, id string, proof Proof) (Proof, error) {
	row, err := s.Update(ctx, id, func(r *Row) error {
		if r.Proof.complete() {
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
	plans, err := p.Store.LoadLanePlans(ctx, row.ID, p.lanesOf(row))
	if err != nil {
		return Proof{}, err
	}
	heads, err := p.checkHeads(ctx, plans)
	if err != nil {
		return Proof{}, err
	}
	checkpoints, err := p.Store.LoadCheckpoints(ctx, row.ID, row.Lanes)
	if err != nil {
		return Proof{}, err
	}
	applied, err := m.loadAll(ctx, row.Lanes)
	if err != nil {
		return Proof{}, err
	}
	rows, err := p.countRows(ctx, row, m)
	if err != nil {
		return Proof{}, err
	}
	proof := Proof{Scoped: len(row.Request.Entities) > 0}
	for _, lane := range p.lanesOf(row) {
		proof.compareHead(plans[lane], heads[lane], checkpoints[lane].End, row.Request.bounded())
	}
	for _, lane := range row.Lanes {
		proof.compareLane(lane, plans[lane], checkpoints[lane], applied[lane], rows[lane])
	}
	if row.Generation != "" {
		proof.Version, proof.Rows = m.version, &datastore.Counts{}
		for _, lane := range row.Lanes {
			proof.addRows(lane, rows[lane])
		}
	}
	proof.Complete = len(proof.Differences) == 0
	return proof, nil
}

// lanesOf are all lanes, for what the plan left out as empty has to be empty; of
// an entity-scoped replay they are those of its entities.
func (p *Prover) lanesOf(row Row) []event.Lane {
	if len(row.Request.Entities) > 0 {
		return row.Lanes
	}
	return event.AllLanes(p.Lanes)
}

// headNow is a lane's head as of the proof.
type headNow struct {
	position event.Position
	lost     bool
}

// checkHeads holds the heads against what the log itself has witnessed of them.
func (p *Prover) checkHeads(ctx context.Context, plans map[event.Lane]LanePlan) (map[event.Lane]headNow, error) {
	heads := make(map[event.Lane]headNow, len(plans))
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelLanes)
	for lane := range plans {
		group.Go(func() error {
			head, err := p.Log.CheckHead(ctx, lane)
			lost := errors.Is(err, eventlog.ErrHeadLost)
			if err != nil && !lost {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			heads[lane] = headNow{head.Position, lost}
			return nil
		})
	}
	return heads, group.Wait()
}

// compareHead holds a lane's cut against its head, its manifests and the log's
// witnesses. A replay that is bounded by time has not summed all manifests up.
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

func (p *Proof) compareLane(lane event.Lane, plan LanePlan, at Checkpoint, mark datastore.Mark, rows *datastore.Counts) {
	end := End{Read: at.Read, Delivered: at.Delivered}
	if at.End != nil {
		end = *at.End
	}
	expected := plan.Expect
	if p.Scoped {
		expected = end.Read
	}
	took := Sum{Count: mark.Ordinal, Bytes: mark.Bytes, Digest: mark.Digest}
	p.Expected.addSum(expected)
	p.Read.addSum(end.Read)
	p.Selected.addSum(end.Delivered)
	p.Applied.addSum(took)
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

// countRows sums up the rows of a rebuilt generation, lane by lane. A plain
// replay has none.
func (p *Prover) countRows(ctx context.Context, row Row, m marks) (map[event.Lane]*datastore.Counts, error) {
	if m.generation == nil {
		return nil, nil
	}
	counted := make([]datastore.Counts, len(row.Lanes))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelLanes)
	for i, lane := range row.Lanes {
		group.Go(func() (err error) {
			counted[i], err = datastore.CountLane(ctx, m.generation, lane, m.version)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	byLane := make(map[event.Lane]*datastore.Counts, len(row.Lanes))
	for i, lane := range row.Lanes {
		byLane[lane] = &counted[i]
	}
	return byLane, nil
}
