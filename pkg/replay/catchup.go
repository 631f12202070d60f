package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay/request"
)

// maxCatchUps bounds how often the cut of a replay is moved, and so its documents. At a
// retention of a day that is more than a year of passes.
const maxCatchUps = 1000

// ErrNeverCatchesUp says that the cut of a rebuild was moved as often as it may be: the log
// grows as fast as the rebuild reads it.
var ErrNeverCatchesUp = errors.New("the rebuild does not catch up with the log: " +
	"it needs a higher rate or more readers")

// cutRef names a cut of a replay. The first cut has the number 0, and each catch-up the
// next one. Plan, lane plans and checkpoints of each cut are documents of their own, so
// that what a late reader or planner of an earlier cut stores concerns nobody.
type cutRef struct {
	id     string
	number int
}

// present is the newest cut of a replay.
func (r *Row) present() cutRef { return cutRef{r.ID, r.CatchUps} }

func (c cutRef) key(sort string) control.Key {
	if c.number > 0 {
		sort += "@" + strconv.Itoa(c.number)
	}
	return control.Key{Partition: Partition(c.id), Sort: sort}
}

func (c cutRef) plan() control.Key { return c.key("plan") }

func (c cutRef) lane(lane event.Lane) control.Key { return c.key("lane#" + lane.String()) }

func (c cutRef) checkpoint(t Track) control.Key { return c.key(t.name("checkpoint#")) }

// loadEach loads the documents that exist among those of lanes or tracks.
func loadEach[T any, K comparable](ctx context.Context, table control.Table, of []K, keyOf func(K) control.Key,
) (map[K]T, error) {
	keys := make([]control.Key, len(of))
	index := make(map[control.Key]K, len(of))
	for i, k := range of {
		keys[i] = keyOf(k)
		index[keys[i]] = k
	}
	found := make(map[K]T, len(of))
	err := control.LoadAll(ctx, table, keys, func(key control.Key, value T) { found[index[key]] = value })
	return found, err
}

// Outdated reports whether the cut is older than half of the event stream's retention, so
// that a consumer which begins at it might come too late. A retention of 0 is for ever.
func (r *Row) Outdated(now time.Time, retention time.Duration) bool {
	return retention > 0 && r.Cut != nil && now.Sub(*r.Cut) > retention/2
}

// FirstCut is when the replay's first cut was frozen, nil before that.
func (r *Row) FirstCut() *time.Time {
	if r.Began != nil {
		return r.Began
	}
	return r.Cut
}

// TakenIn reports whether everything up to the replay's cut was read, and the marks of
// its generation have reached the end of every lane.
func (s Store) TakenIn(ctx context.Context, row Row, marks map[event.Lane]datastore.Mark) (bool, error) {
	ends, err := s.LoadCheckpoints(ctx, row, row.Lanes)
	for _, lane := range row.Lanes {
		end := ends[lane].End
		if err != nil || end == nil || marks[lane].Ordinal < end.Delivered.Count {
			return false, err
		}
	}
	return true, nil
}

// Move moves the cut of a rebuild to the heads as of now and plans what came since the cut
// before, all of which must have been taken in. Ordinals, sums and the consumer's marks go
// on from there, so the proof of the new cut covers the earlier ones, too. It is
// idempotent: it keeps plans that exist already, and a row whose cut was moved since it
// was loaded. After maxCatchUps moves it returns ErrNeverCatchesUp.
func (p *Planner) Move(ctx context.Context, row Row) (Row, error) {
	if row.CatchUps >= maxCatchUps {
		return Row{}, fmt.Errorf("catch up with replay %s: %w", row.ID, ErrNeverCatchesUp)
	}
	to := cutRef{row.ID, row.CatchUps + 1}
	cut := p.Store.Now().UTC()
	heads, err := p.Heads.LoadAll(ctx, p.Lanes.Count())
	if err != nil {
		return Row{}, err
	}
	weights, err := p.moveLanes(ctx, row, to, heads, p.Store.Now().UTC())
	if err != nil {
		return Row{}, fmt.Errorf("catch up with replay %s: %w", row.ID, err)
	}
	plan := divideNew(weights, row.Request, p.Width)
	plan.First = row.Slices
	if plan, err = p.keepPlan(ctx, to, plan); err != nil {
		return Row{}, err
	}
	return p.enterMoved(ctx, row, to, cut, plan)
}

// keepPlan stores a plan and returns the stored one: an earlier attempt may have stored
// its own, which then decides.
func (p *Planner) keepPlan(ctx context.Context, at cutRef, plan Plan) (Plan, error) {
	if err := p.storeOnce(ctx, at.plan(), plan); err != nil {
		return Plan{}, fmt.Errorf("store plan of replay %s: %w", at.id, err)
	}
	return p.Store.loadPlan(ctx, at)
}

// moveLanes stores the cut of every lane and the checkpoint at which its reading goes on,
// and returns the weights of what came since.
func (p *Planner) moveLanes(
	ctx context.Context, row Row, to cutRef, heads []eventlog.Head, frozen time.Time,
) ([]weight, error) {
	lanes := event.AllLanes(len(heads))
	before, err := p.Store.LoadLanePlans(ctx, row, lanes)
	if err != nil {
		return nil, err
	}
	ends, err := p.Store.LoadCheckpoints(ctx, row, lanes)
	if err != nil {
		return nil, err
	}
	weights := make([]weight, len(heads))
	move := func(ctx context.Context, i int, lane event.Lane) (err error) {
		moved := LanePlan{Lane: lane, Head: heads[i], Frozen: frozen, After: before[lane].Head.Position,
			Start: startAfter(before[lane], ends[lane], row.Slices, to.number)}
		if weights[i], err = p.moveLane(ctx, row, to, moved, before[lane]); err != nil {
			return fmt.Errorf("cut lane %s: %w", lane, err)
		}
		return nil
	}
	return weights, datastore.EachLane(ctx, lanes, move)
}

// startAfter is where reading goes on after a lane's end: in the bucket that was open at
// the cut before, of which it has read what that cut covered.
func startAfter(before LanePlan, at Checkpoint, slices, number int) Checkpoint {
	start := Checkpoint{Bucket: before.Head.Bucket, Slices: slices, CatchUp: number}
	if end := at.End; end != nil {
		start.Read, start.Delivered = end.Read, end.Delivered
		start.Stranded, start.Missing = end.Stranded, end.Missing
	}
	return start
}

// moveLane stores the moved cut of one lane, or takes the one that another attempt
// stored, and weighs what it adds to the one before. A lane without anything new is at
// its end already.
func (p *Planner) moveLane(ctx context.Context, row Row, to cutRef, moved, before LanePlan) (weight, error) {
	w, sum, err := p.weigh(ctx, row.Request, moved, nil)
	if err != nil {
		return weight{}, err
	}
	moved.Expect = sum
	if err := p.storeOnce(ctx, to.lane(moved.Lane), moved); err != nil {
		return weight{}, err
	}
	stored, _, err := control.Load[LanePlan](ctx, p.Store.Table, to.lane(moved.Lane))
	if err != nil {
		return weight{}, err
	}
	if stored.Head.Position != moved.Head.Position {
		if w, _, err = p.weigh(ctx, row.Request, stored, nil); err != nil {
			return weight{}, err
		}
	}
	w.since(&before.Head)
	start := stored.Start
	if stored.Head.Count == before.Head.Count {
		start.Done = true
		start.End = &End{start.Read, start.Delivered, start.Stranded, start.Missing}
		w = weight{lane: stored.Lane}
	}
	if start.Done && start.Read.Count == 0 {
		return w, nil // the lane is still empty, and no lane of the plan
	}
	return w, p.storeOnce(ctx, to.checkpoint(Track{Lane: stored.Lane}), start)
}

// since leaves only what a head does not cover.
func (w *weight) since(head *eventlog.Head) {
	for b, bytes := range w.buckets {
		switch {
		case b < head.Bucket:
			w.bytes -= bytes
			delete(w.buckets, b)
		case b == head.Bucket:
			w.bytes -= head.Open.Bytes
			w.buckets[b] -= head.Open.Bytes
		}
	}
	if w.buckets[head.Bucket] == 0 {
		delete(w.buckets, head.Bucket)
	}
}

// divideNew divides what a catch-up reads. Slices of a given width become wider where
// they would be too many for a plan: nobody can ask for other ones any more.
func divideNew(weights []weight, r Request, width eventlog.Width) Plan {
	for {
		plan, err := divide(weights, r, width)
		if err == nil {
			return plan
		}
		r.Slice = request.WidthOf(2 * r.Slice.Duration())
	}
}

// enterMoved makes the planned cut the replay's, unless somebody else did, or another
// execution carries the replay out by now, which has the present cut's plan.
func (p *Planner) enterMoved(ctx context.Context, seen Row, to cutRef, cut time.Time, plan Plan) (Row, error) {
	all, err := p.Store.loadLanePlans(ctx, to, event.AllLanes(p.Lanes.Count()))
	if err != nil {
		return Row{}, err
	}
	total := int64(0)
	var lanes []event.Lane
	for lane, moved := range all {
		if moved.Frozen.Before(cut) {
			cut = moved.Frozen
		}
		if total += moved.Expect.Count; moved.Expect.Count > 0 {
			lanes = append(lanes, lane)
		}
	}
	slices.Sort(lanes)
	return p.Store.Update(ctx, to.id, func(row *Row) error {
		if row.CatchUps != seen.CatchUps || row.Attempt() != seen.Attempt() {
			return control.Unchanged()
		}
		row.Began = row.FirstCut()
		row.Cut, row.CatchUps, row.Status, row.Proof = &cut, to.number, Running, nil
		row.Groups, row.Lanes, row.Total = len(plan.Groups), lanes, total
		row.Slices, row.Window = plan.end(), plan.First
		row.Waiting, row.Idle, row.Stalls = nil, nil, 0
		return nil
	})
}
