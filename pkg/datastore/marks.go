package datastore

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// marksAtOnce bounds the marks that are read at a time.
const marksAtOnce = 16

// BeginMark sets a lane's live mark to a head unless it has one already.
func BeginMark(ctx context.Context, g Generation, lane event.Lane, head eventlog.Head) error {
	mark := Mark{Position: head.Position, Logged: head.Logged, Ordinal: head.Count}
	if _, err := g.SetMark(ctx, LiveMark, lane, mark, ""); err != nil && !errors.Is(err, ErrConflict) {
		return fmt.Errorf("begin mark of lane %s: %w", lane, err)
	}
	return nil
}

// LiveMarks returns a generation's live marks, indexed by lane. A generation
// without them is lost: ErrNoMark.
func LiveMarks(ctx context.Context, g Generation, lanes int) ([]Mark, error) {
	marks := make([]Mark, lanes)
	err := eachLane(ctx, event.AllLanes(lanes), func(ctx context.Context, i int, lane event.Lane) (err error) {
		marks[i], _, err = g.Mark(ctx, LiveMark, lane)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read live marks: %w", err)
	}
	return marks, nil
}

// ReplayMarks returns the marks of a generation's own replay in lanes, the zero
// Mark where there is none yet.
func ReplayMarks(ctx context.Context, g Generation, lanes []event.Lane) (map[event.Lane]Mark, error) {
	found := make([]Mark, len(lanes))
	err := eachLane(ctx, lanes, func(ctx context.Context, i int, lane event.Lane) (err error) {
		if found[i], _, err = g.Mark(ctx, ReplayMark, lane); errors.Is(err, ErrNoMark) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load marks: %w", err)
	}
	marks := make(map[event.Lane]Mark, len(lanes))
	for i, lane := range lanes {
		marks[lane] = found[i]
	}
	return marks, nil
}

func eachLane(ctx context.Context, lanes []event.Lane, do func(ctx context.Context, i int, lane event.Lane) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(marksAtOnce)
	for i, lane := range lanes {
		group.Go(func() error { return do(ctx, i, lane) })
	}
	return group.Wait()
}

// IsGone reports that a generation has lost its marks, or all of it is gone.
func IsGone(err error) bool {
	return errors.Is(err, ErrNoMark) || errors.Is(err, ErrNoGeneration)
}
