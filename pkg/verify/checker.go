package verify

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/replay/budget"
	"reprise/pkg/verify/catchup"
)

// Outcome is how a Check ended.
type Outcome string

// The outcomes.
const (
	// Done: the lanes of the group are verified.
	Done Outcome = "done"
	// Continue: time ran out; call again.
	Continue Outcome = "continue"
	// Stopped: the verification was cancelled or has ended.
	Stopped Outcome = "stopped"
)

const (
	// lanesAtOnce bounds the lanes that a Checker verifies at a time.
	lanesAtOnce = 2
	// defaultSpanRows is the default of Checker.SpanRows.
	defaultSpanRows = 20_000
	// defaultSpanBytes is the default of Checker.SpanBytes.
	defaultSpanBytes = 8 << 20
	// bytesPerEvent is the part of a span's bytes that an event takes up: it is kept as
	// an identity of 200 bytes, and a span may take eight times as much as its states.
	bytesPerEvent = 32
	// freshFor is how long after its end a bucket is read consistently, at twice the
	// price.
	freshFor = time.Minute
)

// Checker verifies lanes. It is safe for concurrent use. Two Checkers of one lane group
// do no harm: each stores the progress of what it has verified itself.
type Checker struct {
	Store       Store
	Log         eventlog.View
	Width       eventlog.Width
	Generations datastore.Generations
	Applier     *projection.Applier
	// SpanBytes bounds the states of the rows that are compared at a time, in each of
	// the two lanes that are verified at once; 0 means 8 MiB. What a span takes in
	// memory is at most about eight times as much.
	SpanBytes int64
	// SpanRows bounds the rows that are compared at a time; 0 means 20,000.
	SpanRows int
	// PageBytes bounds a page of the log; 0 means 1 MiB.
	PageBytes int
	// Patience is how long a generation's consumer may come no nearer to the cut before it
	// counts as standing still. It begins anew with each Check, and must end before its
	// deadline.
	Patience time.Duration
	// BudgetEvery is how often the checkers of a verification with a budget together look
	// at what it has used; 0 is before every span.
	BudgetEvery time.Duration
	// Sleep waits, or returns the context's error if that ends first.
	Sleep func(context.Context, time.Duration) error
}

func (c *Checker) spanBytes() int64 {
	return cmp.Or(c.SpanBytes, defaultSpanBytes)
}

func (c *Checker) spanRows() int { return cmp.Or(c.SpanRows, defaultSpanRows) }

func (c *Checker) spanEvents() int64 { return c.spanBytes() / bytesPerEvent }

func (c *Checker) scratchBytes() int64 { return 8 * c.spanBytes() }

// fresh is the first bucket that may have been written within the last minute.
func (c *Checker) fresh() eventlog.Bucket {
	return c.Width.Of(c.Store.Now().Add(-freshFor).UnixMilli())
}

// Checked is how far a lane group is verified.
type Checked struct {
	Outcome Outcome
	// Rows and Events count what was compared and read, and Drift the differences.
	Rows, Events, Drift int64
}

// Check verifies a lane group until it is done, the verification is stopped, or the
// deadline, which must be well before the caller's own end. After an error it may be
// called again; it continues after the last span.
func (c *Checker) Check(ctx context.Context, id string, group int, deadline time.Time) (Checked, error) {
	row, err := c.Store.Load(ctx, id)
	if err != nil {
		return Checked{}, err
	}
	if row.Stopped() {
		return Checked{Outcome: Stopped}, nil
	}
	if group < 0 || group >= len(row.Groups) {
		return Checked{}, fmt.Errorf("check group %d of %d: %w", group, len(row.Groups), ErrRequest)
	}
	if err := c.checkVersion(&row); err != nil {
		return Checked{}, err
	}
	keeper := c.keeper(&row, group)
	lanes, outcomes := make([]*lane, len(row.Groups[group])), make([]Outcome, len(row.Groups[group]))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(lanesAtOnce)
	open := c.opener(&row)
	for i, at := range row.Groups[group] {
		lanes[i] = open(at)
		g.Go(func() (err error) {
			outcomes[i], err = c.lane(ctx, &row, lanes[i], keeper, deadline)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return Checked{}, fmt.Errorf("verify group %d of %s: %w", group, id, err)
	}
	checked := Checked{Outcome: worst(outcomes)}
	for _, l := range lanes {
		checked.Rows += l.progress.Rows
		checked.Events += l.progress.Events
		for _, n := range l.progress.Findings.Counts {
			checked.Drift += n
		}
	}
	return checked, nil
}

// checkVersion returns ErrOtherVersion unless this program folds as the generation was
// folded.
func (c *Checker) checkVersion(row *Row) error {
	if have := c.Applier.Version(); have != row.Version {
		return fmt.Errorf("%w: the generation has %s, this code has %s", projection.ErrOtherVersion, row.Version, have)
	}
	return nil
}

func worst(outcomes []Outcome) Outcome {
	all := Done
	for _, o := range outcomes {
		if o == Stopped || all == Done {
			all = o
		}
	}
	return all
}

// opener opens lanes of a verification, which share what is known of their consumers. Their
// progress is not loaded.
func (c *Checker) opener(row *Row) func(event.Lane) *lane {
	var throwaway datastore.Generation
	var follower *catchup.Consumer
	if row.Throwaway.built() {
		throwaway = c.Generations.Open(row.Throwaway.Generation)
		follower = c.consumer(row, throwaway)
	}
	generation := c.Generations.Open(row.Generation)
	consumer := c.consumer(row, generation)
	return func(id event.Lane) *lane {
		return &lane{check: c, id: id, version: row.Version, rows: c.spanRows(),
			generation: generation, consumer: consumer, throwaway: throwaway, follower: follower,
			// The identities of a span are kept in memory: no history has to be read for them.
			applier: c.Applier.Apart(projection.IndexAbove(0, 0))}
	}
}

func (c *Checker) consumer(row *Row, generation datastore.Generation) *catchup.Consumer {
	return &catchup.Consumer{Generation: generation, Patience: c.Patience, Now: c.Store.Now,
		Cuts: func(ctx context.Context) ([]event.Position, error) { return c.Store.Cuts(ctx, row.ID, row.lanes()) }}
}

// lane verifies a lane span by span.
func (c *Checker) lane(
	ctx context.Context, row *Row, l *lane, keeper *budget.Keeper, deadline time.Time,
) (Outcome, error) {
	if err := c.Store.loadLane(ctx, row.ID, l); err != nil {
		return "", err
	}
	if l.progress.Done {
		return Done, nil
	}
	if l.progress.Rebuilt {
		l.rebuilt()
	}
	for !l.progress.Done {
		begun, err := l.begin(ctx)
		if err != nil {
			return "", fmt.Errorf("verify lane %s: %w", l.id, err)
		}
		if !c.Store.Now().Before(deadline) {
			return Continue, nil
		}
		if err := c.spend(ctx, row, keeper); err != nil {
			return "", err
		}
		now, err := c.Store.Load(ctx, row.ID)
		if err != nil {
			return "", err
		}
		if now.Stopped() {
			return Stopped, nil
		}
		switch {
		case !begun:
		case l.since != nil:
			err = l.nextChanged(ctx, deadline)
		default:
			err = l.next(ctx)
		}
		if err != nil {
			return "", fmt.Errorf("verify lane %s: %w", l.id, err)
		}
	}
	return Done, nil
}
