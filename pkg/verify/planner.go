package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// maxGroups bounds the lane groups of a verification.
const maxGroups = 64

// Planner plans verifications. It is safe for concurrent use.
type Planner struct {
	Store    Store
	Heads    eventlog.Heads
	Registry datastore.Registry
	Lanes    int
	// Version is this program's version of the projections.
	Version string
	// FullEvery says that of so many verifications in a row one verifies everything; with 0
	// and 1 each does.
	FullEvery int
}

// Plan freezes the cut of a verification and divides its lanes. It is idempotent: it
// keeps a plan that exists already. It returns ErrUnknownGeneration, datastore.ErrLost
// or projection.ErrOtherVersion if the generation cannot be verified, and ErrBusy while
// another verification of it is running.
func (p *Planner) Plan(ctx context.Context, id string) (Row, error) {
	row, err := p.Store.Load(ctx, id)
	if err != nil || row.Cut != nil || row.Status.Ended() {
		return row, err
	}
	if row, err = p.choose(ctx, &row, ""); err != nil {
		return Row{}, err
	}
	cuts, err := p.cut(ctx, &row)
	if err != nil {
		return Row{}, fmt.Errorf("plan verification %s: %w", id, err)
	}
	at := p.Store.Now().UTC()
	return p.Store.Update(ctx, id, func(row *Row) error {
		if row.Cut != nil {
			return control.Unchanged()
		}
		row.Cut, row.Status = &at, Running
		row.Groups, row.Events = divide(cuts), growth(cuts)
		if whole(cuts) {
			row.Base, row.Nights = "", 0
		}
		return nil
	})
}

// Choose decides which generation a verification of depth Rebuild compares with, before
// its replay is started. It is idempotent, and returns the errors of Plan: ErrBusy while
// another verification rebuilds.
func (p *Planner) Choose(ctx context.Context, id string) (Row, error) {
	row, err := p.Store.Load(ctx, id)
	if err != nil || row.Cut != nil || row.Status.Ended() {
		return row, err
	}
	return p.choose(ctx, &row, rebuildTurn)
}

// choose takes a turn, that of the generation for "", and decides which one to verify.
func (p *Planner) choose(ctx context.Context, row *Row, of string) (Row, error) {
	asked := row.Request // an earlier attempt may have chosen the one that was active then
	asked.Generation = cmp.Or(row.Generation, asked.Generation)
	info, err := p.generation(ctx, asked)
	if err != nil {
		return Row{}, fmt.Errorf("plan verification %s: %w", row.ID, err)
	}
	if err := p.Store.takeTurn(ctx, cmp.Or(of, info.ID), row.ID); err != nil {
		return Row{}, err
	}
	decided, err := p.decide(ctx, row, info)
	if err != nil {
		return Row{}, fmt.Errorf("plan verification %s: %w", row.ID, err)
	}
	return decided, nil
}

// begins returns the error with which planning a verification would fail at present.
func (p *Planner) begins(ctx context.Context, id string, r Request) error {
	if err := errors.Join(CheckID(id), r.Check()); err != nil {
		return err
	}
	info, err := p.generation(ctx, r)
	if err != nil {
		return err
	}
	of := info.ID
	if r.Depth == Rebuild {
		of = rebuildTurn
	}
	t, _, err := control.Load[turn](ctx, p.Store.Table, turnKey(of))
	if errors.Is(err, control.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for a running verification: %w", err)
	}
	return p.Store.free(ctx, &t)
}

// generation is the generation to verify.
func (p *Planner) generation(ctx context.Context, r Request) (*datastore.Info, error) {
	registered, err := p.Registry.Load(ctx)
	if err != nil {
		return nil, err
	}
	id := cmp.Or(r.Generation, registered.Active)
	info, found := registered.Find(id)
	switch {
	case !found || !info.Consumes():
		return nil, fmt.Errorf("generation %s: %w", id, ErrUnknownGeneration)
	case info.Verification != "":
		return nil, fmt.Errorf("generation %s: %w", id, datastore.ErrThrowaway)
	case info.Loss != nil:
		return nil, fmt.Errorf("generation %s: %w", id, datastore.ErrLost)
	case info.Version != p.Version:
		return nil, fmt.Errorf("generation %s: %w: it has %s, this code has %s",
			id, projection.ErrOtherVersion, info.Version, p.Version)
	}
	return info, nil
}

// cut stores the heads of all lanes, or takes those that another attempt stored.
func (p *Planner) cut(ctx context.Context, row *Row) ([]laneCut, error) {
	heads, err := p.Heads.LoadAll(ctx, p.Lanes)
	if err != nil {
		return nil, err
	}
	var since []eventlog.Head
	if row.Base != "" {
		if since, err = p.Store.heads(ctx, row.Base, p.Lanes); err != nil {
			return nil, err
		}
	}
	cuts := make([]laneCut, len(heads))
	return cuts, datastore.EachLane(ctx, event.AllLanes(p.Lanes), func(ctx context.Context, i int, at event.Lane) error {
		cuts[i].Head = heads[i]
		if since != nil && pays(&heads[i], &since[i]) {
			cuts[i].Since = &since[i]
		}
		key := cutKey(row.ID, at)
		_, err := control.Store(ctx, p.Store.Table, key, cuts[i], "")
		if !errors.Is(err, control.ErrConflict) {
			return err
		}
		cuts[i], _, err = control.Load[laneCut](ctx, p.Store.Table, key)
		return err
	})
}

const (
	// fewChanged is up to how many new events of a lane only what has changed is verified
	// in any case, and changedPrice is about how much more it takes for an event than
	// reading the whole lane does.
	fewChanged   = 1000
	changedPrice = 32
)

// pays reports whether it is cheaper to verify what has changed in a lane since a head than
// the whole lane.
func pays(head, since *eventlog.Head) bool {
	gained := head.Count - since.Count
	return gained <= fewChanged || gained*changedPrice <= head.Count
}

// whole reports whether every lane is verified whole.
func whole(cuts []laneCut) bool {
	return !slices.ContainsFunc(cuts, func(c laneCut) bool { return c.Since != nil })
}

// weight is about what it takes to verify a lane.
func (c *laneCut) weight() int64 {
	if c.Since != nil {
		return c.Head.Bytes - c.Since.Bytes
	}
	return c.Head.Bytes
}

// divide divides the lanes into groups of about equal weight, the heaviest lanes first.
// Lanes without events belong to a group, too: their rows are surplus.
func divide(cuts []laneCut) [][]event.Lane {
	lanes := event.AllLanes(len(cuts))
	slices.SortStableFunc(lanes, func(a, b event.Lane) int { return cmp.Compare(cuts[b].weight(), cuts[a].weight()) })
	groups := make([][]event.Lane, min(len(lanes), maxGroups))
	weights := make([]int64, len(groups))
	for _, at := range lanes {
		lightest := 0
		for g := range groups {
			if weights[g] < weights[lightest] {
				lightest = g
			}
		}
		groups[lightest] = append(groups[lightest], at)
		weights[lightest] += cuts[at].weight() + 1
	}
	return groups
}

// decide chooses what a verification goes on from, and notes it before the cut is frozen,
// so that a repeated attempt chooses nothing else.
func (p *Planner) decide(ctx context.Context, row *Row, info *datastore.Info) (Row, error) {
	if row.Generation != "" {
		return *row, nil
	}
	base, err := p.base(ctx, row, info)
	if err != nil {
		return Row{}, err
	}
	return p.Store.Update(ctx, row.ID, func(row *Row) error {
		if row.Generation != "" {
			return control.Unchanged()
		}
		row.Generation, row.Version = info.ID, info.Version
		if base != nil {
			row.Base, row.Nights = base.ID, base.Nights+1
		}
		return nil
	})
}

// base is the verification that another one may go on from: the latest with a verdict on
// that generation and version, if it found nothing. It is nil if everything is to be
// verified: on request, after drift, and whenever it is the turn of a full one.
func (p *Planner) base(ctx context.Context, row *Row, info *datastore.Info) (*Row, error) {
	if row.Request.Full || row.Request.Depth == Rebuild || p.FullEvery <= 1 {
		return nil, nil
	}
	var last *Row
	err := p.Store.List(ctx, "", func(other Row) error {
		verdict := other.Status == Clean || other.Status == Drift
		if !verdict || other.Cut == nil || other.Generation != info.ID || other.Version != info.Version {
			return nil
		}
		if last == nil || other.Cut.After(*last.Cut) {
			last = &other
		}
		return nil
	})
	if err != nil || last == nil || last.Status != Clean || last.Nights+1 >= p.FullEvery {
		return nil, err
	}
	heads, err := p.Store.heads(ctx, last.ID, p.Lanes)
	if err != nil || heads == nil {
		return nil, err
	}
	return last, nil
}

// heads are the frozen heads of all lanes of a verification, without their registers; nil
// if some are no longer stored.
func (s Store) heads(ctx context.Context, id string, lanes int) ([]eventlog.Head, error) {
	keys, heads := make([]control.Key, lanes), make([]eventlog.Head, lanes)
	at := make(map[control.Key]event.Lane, lanes)
	for i, lane := range event.AllLanes(lanes) {
		keys[i] = cutKey(id, lane)
		at[keys[i]] = lane
	}
	found := 0
	err := control.LoadAll(ctx, s.Table, keys, func(key control.Key, cut laneCut) {
		heads[at[key]] = withoutRegister(cut.Head)
		found++
	})
	if err != nil {
		return nil, fmt.Errorf("load cut of verification %s: %w", id, err)
	}
	if found < lanes {
		return nil, nil
	}
	return heads, nil
}

// Cuts are the positions up to which the lanes are verified, by lane; nil if some are no
// longer stored.
func (s Store) Cuts(ctx context.Context, id string, lanes int) ([]event.Position, error) {
	heads, err := s.heads(ctx, id, lanes)
	if err != nil || heads == nil {
		return nil, err
	}
	cuts := make([]event.Position, lanes)
	for i := range heads {
		cuts[i] = heads[i].Position
	}
	return cuts, nil
}

// withoutRegister is what a later verification needs to know of a head.
func withoutRegister(head eventlog.Head) eventlog.Head {
	head.Closed, head.Records, head.PageEnd = nil, nil, nil
	return head
}

// growth is what has come to the lanes between two cuts.
func growth(cuts []laneCut) (events int64) {
	for i := range cuts {
		events += cuts[i].Head.Count
		if since := cuts[i].Since; since != nil {
			events -= since.Count
		}
	}
	return events
}
