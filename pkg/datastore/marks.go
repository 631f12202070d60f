package datastore

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// parallelLanes bounds the lanes that are worked on at a time.
const parallelLanes = 16

// BeginMark sets a lane's live mark to a head unless the lane has a mark. ignored are
// the events up to there that no projection handles, nil for none.
func BeginMark(ctx context.Context, g Generation, lane event.Lane, head eventlog.Head, ignored *Ignored) error {
	mark := Mark{Position: head.Position, Logged: head.Logged, Ordinal: head.Count, Ignored: ignored}
	if _, err := g.SetMark(ctx, LiveMark, lane, mark, ""); err != nil && !errors.Is(err, ErrConflict) {
		return fmt.Errorf("begin mark of lane %s: %w", lane, err)
	}
	return nil
}

// AdvanceMark is BeginMark for a generation that may have a mark from an earlier cut: it
// moves a mark that is before the head to it. No consumer must be at work.
func AdvanceMark(ctx context.Context, g Generation, lane event.Lane, head eventlog.Head, ignored *Ignored) error {
	to := Mark{Position: head.Position, Logged: head.Logged, Ordinal: head.Count, Ignored: ignored}
	version := MarkVersion("")
	for range maxAdvances {
		_, err := g.SetMark(ctx, LiveMark, lane, to, version)
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return fmt.Errorf("advance mark of lane %s: %w", lane, err)
		}
		var have Mark
		if have, version, err = g.Mark(ctx, LiveMark, lane); err != nil {
			return fmt.Errorf("advance mark of lane %s: %w", lane, err)
		}
		if have.Position >= head.Position {
			return nil
		}
	}
	return fmt.Errorf("advance mark of lane %s: %w", lane, ErrConflict)
}

// maxAdvances bounds how often AdvanceMark finds that somebody else moved the mark.
const maxAdvances = 8

// LiveMarks returns a generation's live marks, indexed by lane. ErrNoMark means
// that the generation is lost.
func LiveMarks(ctx context.Context, g Generation, lanes int) ([]Mark, error) {
	marks := make([]Mark, lanes)
	err := EachLane(ctx, event.AllLanes(lanes), func(ctx context.Context, i int, lane event.Lane) (err error) {
		marks[i], _, err = g.Mark(ctx, LiveMark, lane)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read live marks: %w", err)
	}
	return marks, nil
}

// ReplayMarks returns the marks of a generation's own replay by lane, the zero
// Mark for a lane that has none yet.
func ReplayMarks(ctx context.Context, g Generation, lanes []event.Lane) (map[event.Lane]Mark, error) {
	found := make([]Mark, len(lanes))
	err := EachLane(ctx, lanes, func(ctx context.Context, i int, lane event.Lane) (err error) {
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

// CountIgnored adds events that no projection handles to what the mark counts.
func (m *Mark) CountIgnored(more Ignored) {
	if more.Total() == 0 {
		return
	}
	if m.Ignored != nil {
		more.AddAll(*m.Ignored)
	}
	m.Ignored = &more
}

// IgnoredIn adds up what marks count.
func IgnoredIn(marks []Mark) Ignored {
	var sum Ignored
	for _, mark := range marks {
		if mark.Ignored != nil {
			sum.AddAll(*mark.Ignored)
		}
	}
	return sum
}

// EachLane calls do for every lane with its index, several at a time, and returns
// the first error, which cancels the context of the others.
func EachLane(
	ctx context.Context, lanes []event.Lane, do func(ctx context.Context, i int, lane event.Lane) error,
) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelLanes)
	for i, lane := range lanes {
		group.Go(func() error { return do(ctx, i, lane) })
	}
	return group.Wait()
}

// IsGone reports whether err says that a generation's marks or its table are gone.
func IsGone(err error) bool {
	return errors.Is(err, ErrNoMark) || errors.Is(err, ErrNoGeneration)
}
