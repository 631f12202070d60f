package past

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/projection/refold"
)

// A state of the past is folded from the entity's first event on, since rows keep the
// latest state only. These bounds keep what one request costs within seconds, and what it
// holds in memory within megabytes.
const (
	maxEvents = 10_000
	maxBytes  = 16 << 20
	// heldEvents and heldBytes bound the events that are read and not folded yet.
	heldEvents = 1000
	heldBytes  = 4 << 20
)

var (
	errEnough  = errors.New("enough")
	errTooLong = errors.New("the history is too long")
)

func enough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// tooLong is the problem of a history that is too long up to where it was asked for.
func tooLong(err error) error {
	if !errors.Is(err, errTooLong) {
		return err
	}
	return web.NewProblem(http.StatusUnprocessableEntity, "history-too-long", fmt.Sprintf(
		"the entity has more than %d events, or %d MiB of them, up to there: GET /entities/{id} has its latest "+
			"state, and GET /entities/{id}/events its history", maxEvents, maxBytes>>20))
}

// walk folds the events of one entity in the order of the log. It is for one goroutine.
type walk struct {
	past    *Past
	entity  string
	lane    event.Lane
	head    eventlog.Head
	buckets []eventlog.Bucket
	fold    *refold.Fold
	// events were read so far, of so many bytes.
	events, bytes int
	// held are read and not folded yet.
	held      []projection.Placed
	heldBytes int
}

// begin prepares a walk, as far as the lane's head reaches now.
func (a *Past) begin(ctx context.Context, entity string) (*walk, error) {
	lane := a.Lanes.Of(entity)
	head, err := a.Heads.Load(ctx, lane)
	if err != nil {
		return nil, err
	}
	buckets, err := a.Buckets(ctx, lane, entity, head)
	if err != nil {
		return nil, err
	}
	return &walk{past: a, entity: entity, lane: lane, head: head, buckets: buckets,
		fold: refold.Begin(a.Applier.Aside(), lane)}, nil
}

// each calls visit for the events in order, until it returns errEnough. It returns
// errTooLong before it would read more than the bounds.
func (w *walk) each(ctx context.Context, visit func(p *projection.Placed, logged int64) error) error {
	err := w.past.view().History(ctx, w.lane, w.entity, w.buckets, "", w.head.Position,
		func(b eventlog.Bucket, entry *eventlog.Entry) error {
			placed, err := projection.PlacedOf(b, entry)
			if err != nil {
				return err
			}
			return visit(&placed, entry.Logged)
		})
	return enough(err)
}

// hold takes the next event; it is folded with those that follow, or by settle.
func (w *walk) hold(ctx context.Context, p *projection.Placed) error {
	w.events++
	if w.bytes += len(p.Line); w.events > maxEvents || w.bytes > maxBytes {
		return errTooLong
	}
	w.held = append(w.held, *p)
	if w.heldBytes += len(p.Line); len(w.held) < heldEvents && w.heldBytes < heldBytes {
		return nil
	}
	return w.settle(ctx)
}

// settle folds all that was taken.
func (w *walk) settle(ctx context.Context) error {
	if len(w.held) == 0 {
		return nil
	}
	err := w.fold.Take(ctx, w.held)
	w.held, w.heldBytes = w.held[:0], 0
	return err
}

// row is what was folded so far.
func (w *walk) row() datastore.Row {
	if row := w.fold.Row(); row != nil {
		return *row
	}
	return datastore.Row{}
}

// step folds one event, and returns the rows before and after it.
func (w *walk) step(ctx context.Context, p *projection.Placed) (before, after datastore.Row, err error) {
	if err := w.settle(ctx); err != nil {
		return before, after, err
	}
	before = w.row()
	if err := w.hold(ctx, p); err != nil {
		return before, after, err
	}
	err = w.settle(ctx)
	return before, w.row(), err
}
