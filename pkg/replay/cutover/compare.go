package cutover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/projection/rowdiff"
	"reprise/pkg/replay"
)

const (
	// comparedSample is about how many entities are compared before a promotion that nobody
	// is asked about.
	comparedSample = 10_000
	// lanesAtOnce bounds the lanes that are compared before what was found is stored.
	lanesAtOnce = 8
)

// Comparer says what a promotion would change. It is safe for concurrent use.
type Comparer struct {
	Registry    datastore.Registry
	Generations datastore.Generations
	Log         eventlog.View
	// Applier folds rows that stand at different events.
	Applier *projection.Applier
	Lanes   int
	Now     func() time.Time
	Sleep   func(ctx context.Context, d time.Duration) error
}

// Diff compares two generations that follow the event stream: with is the one that readers
// see, "" for the active one, and id the one that would replace it. It looks at about so
// many entities, the first of each lane, 0 for all, and stops at the deadline. It returns
// ErrUnknown, ErrActive (the two are one) or ErrLost of package datastore, or ErrBuilding.
func (c *Comparer) Diff(
	ctx context.Context, with, id string, entities int, deadline time.Time,
) (rowdiff.Report, error) {
	registered, err := c.Registry.Load(ctx)
	if err != nil {
		return rowdiff.Report{}, err
	}
	if with == "" {
		with = registered.Active
	}
	var found [2]*datastore.Info
	for i, id := range []string{with, id} {
		if found[i], err = candidate(&registered, id); err != nil {
			return rowdiff.Report{}, fmt.Errorf("compare generation %s: %w", id, err)
		}
	}
	if with == id {
		return rowdiff.Report{}, fmt.Errorf("compare generation %s with itself: %w", id, datastore.ErrActive)
	}
	report := newReport(found[0], found[1])
	err = c.differ(&report, entities, deadline).Lanes(ctx, event.AllLanes(c.Lanes), &report)
	if datastore.IsGone(err) {
		err = errors.Join(datastore.ErrLost, err)
	}
	return report, err
}

// candidate returns the entry of a generation that can be compared, or why it cannot.
func candidate(registered *datastore.RegistryState, id string) (*datastore.Info, error) {
	info, found := registered.Find(id)
	switch {
	case !found || info.Status == datastore.Retired:
		return nil, datastore.ErrUnknown
	case info.Loss != nil:
		return nil, datastore.ErrLost
	case info.Status == datastore.Building:
		return nil, ErrBuilding
	}
	return info, nil
}

func newReport(old, fresh *datastore.Info) rowdiff.Report {
	return rowdiff.Report{Old: old.ID, New: fresh.ID, OldVersion: old.Version, NewVersion: fresh.Version, Complete: true}
}

// differ compares the generations of a report.
func (c *Comparer) differ(report *rowdiff.Report, entities int, deadline time.Time) *rowdiff.Differ {
	return &rowdiff.Differ{
		Old:        c.Generations.Open(report.Old),
		New:        c.Generations.Open(report.New),
		OldVersion: report.OldVersion,
		NewVersion: report.NewVersion,
		Log:        c.Log,
		Applier:    c.Applier,
		Sleep:      c.Sleep,
		Enough:     func() bool { return !c.Now().Before(deadline) },
		Entities:   (entities + c.Lanes - 1) / c.Lanes,
	}
}

// compare compares a replay's generation, which has caught up, with the active one before
// the promotion, and stores what differs: all entities if somebody is asked about it, else
// a sample. It goes on where an earlier call stopped, and reports whether it is done. Rows
// that cannot be read leave the comparison incomplete: they are no reason to fail a replay
// that is proved.
func (p *Promoter) compare(ctx context.Context, row *replay.Row, deadline time.Time) (done bool, err error) {
	if p.Comparer == nil {
		return true, nil
	}
	at, err := p.Store.LoadComparison(ctx, row.ID)
	if err != nil || (at != nil && at.Next == p.Lanes.Count()) {
		return err == nil, err
	}
	if reached, err := p.awaitHeads(ctx, *row, deadline); err != nil || !reached {
		return false, err
	}
	if at == nil {
		registered, err := p.Registry.Load(ctx)
		if err != nil {
			return false, err
		}
		old, lacks := candidate(&registered, registered.Active)
		fresh, err := p.ownGeneration(&registered, *row)
		if err != nil || lacks != nil || old.ID == fresh.ID {
			return err == nil, err // nothing to compare it with
		}
		at = &replay.Comparison{Report: newReport(old, fresh)}
	}
	for at.Next < p.Lanes.Count() {
		if err := p.compareSome(ctx, row, at, deadline); err != nil {
			return false, err
		}
		if !p.Store.Now().Before(deadline) {
			break
		}
		if err := p.checkPaused(ctx, row.ID); err != nil {
			return false, err
		}
	}
	return at.Next == p.Lanes.Count(), nil
}

// compareSome compares the next lanes and stores what was found so far.
func (p *Promoter) compareSome(
	ctx context.Context, row *replay.Row, at *replay.Comparison, deadline time.Time,
) error {
	entities := comparedSample
	if row.Request.Ask {
		entities = 0
	}
	lanes := event.AllLanes(p.Lanes.Count())[at.Next:]
	lanes = lanes[:min(lanesAtOnce, len(lanes))]
	differ := p.Comparer.differ(&at.Report, entities, deadline)
	if err := differ.Lanes(ctx, slices.Clone(lanes), &at.Report); err != nil {
		if ctx.Err() != nil || errors.Is(err, datastore.ErrThrottled) {
			return err
		}
		at.Report.Complete = false
	}
	at.Next += len(lanes)
	return p.Store.SaveComparison(ctx, row.ID, at)
}
