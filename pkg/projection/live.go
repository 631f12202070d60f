package projection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

var (
	// ErrBehind says that the log does not cover the records yet: retry later.
	// The Data Store is never ahead of the log.
	ErrBehind = errors.New("the log does not cover the record yet")
	// ErrOtherVersion says that a generation belongs to another version of the
	// projections. It stands still until a rebuild makes one of this version
	// active.
	ErrOtherVersion = errors.New("generation belongs to another version of the projections")
	// ErrDetached says that the generation does not follow the event stream any more. Its
	// consumer is about to be removed; should the generation follow again before that, it
	// must not have passed over anything.
	ErrDetached = errors.New("generation does not follow the event stream at present")
)

// Live is the consumer of the event stream that keeps a generation up to date. It
// is safe for concurrent use, and two of them on one lane do no harm.
type Live struct {
	Log         eventlog.Log
	Heads       eventlog.Heads
	Registry    datastore.Registry
	Generations datastore.Generations
	Decoder     *eventlog.Decoder
	Width       eventlog.Width
	Applier     *Applier
	// Patience is how long Write waits for the pump before it gives up; Sleep is
	// how it waits.
	Patience time.Duration
	Sleep    func(ctx context.Context, d time.Duration) error
}

// Written is the outcome of a batch.
type Written struct {
	// Done is the number of records, from the first, that need not be retried.
	Done int
	Tally
	// Late counts events that are not in the log, because they reached the pump
	// too late: it quarantined them, and they are not folded in.
	Late int
	// Missed counts events that are in the log and that this consumer, far behind
	// the pump, received out of order, in this batch or earlier: the generation
	// lacks them. They are counted in one batch only, in which the loss is
	// recorded.
	Missed int
	// Lost is set with every batch once the generation is recorded as lacking
	// events or its marks: nothing is folded into it any more, and a rebuild has
	// to replace it.
	Lost bool
}

// Write folds records of one lane, in the order of the stream, into a generation.
// After an error, the records from Written.Done on must be retried.
func (l *Live) Write(ctx context.Context, generation string, lane event.Lane, records []eventlog.Incoming,
) (Written, error) {
	folded, err := l.folded(ctx, generation, lane)
	if err != nil {
		return Written{}, err
	}
	batch, err := l.decode(lane, records, folded.Position)
	if err != nil {
		return Written{}, err
	}
	head, covered, err := l.awaitHead(ctx, lane, batch)
	if err != nil || covered == 0 {
		return Written{}, err
	}
	// The head is read before the hold is checked. So whatever is written after a
	// hold was taken is covered by the heads that the promotion then waits for.
	info, err := l.Registry.MayWrite(ctx, generation)
	switch {
	case err == nil && info.Detached && info.Status == datastore.Building:
		return Written{}, fmt.Errorf("write to generation %s: %w", generation, ErrDetached)
	case errors.Is(err, datastore.ErrUnknown) || (err == nil && !info.Consumes()):
		return Written{Done: len(records)}, nil
	case err != nil:
		return Written{}, err
	case info.Version != l.Applier.Version():
		return Written{}, fmt.Errorf("write to generation %s of %s: %w", generation, info.Version, ErrOtherVersion)
	}
	if info.Loss != nil {
		return Written{Done: len(records), Lost: true}, nil
	}
	written, err := l.apply(ctx, info, lane, head, folded, batch[:covered])
	if datastore.IsGone(err) {
		return l.lose(ctx, info.ID, lane, 0, "its marks are gone", len(records))
	}
	if err == nil && written.Missed > 0 {
		const why = "events of the log never came to its consumer in their order"
		return l.lose(ctx, info.ID, lane, written.Missed, why, len(records))
	}
	if err != nil {
		return Written{}, err
	}
	written.Done = covered
	if covered < len(records) {
		return written, fmt.Errorf("write record %d of lane %s: %w", covered, lane, ErrBehind)
	}
	return written, nil
}

// lose records the loss of a generation before anything else happens: the mark
// does not move past what is missing, no later flip to the generation succeeds,
// and after a crash here the next batch finds the loss again. A generation that
// was retired meanwhile is not lost, and its records are done with.
func (l *Live) lose(ctx context.Context, generation string, lane event.Lane, missed int, why string, records int,
) (Written, error) {
	lost, err := l.Registry.Lose(ctx, generation, datastore.Loss{Lane: lane, Count: missed, Why: why})
	if err != nil {
		return Written{}, err
	}
	return Written{Done: records, Missed: missed, Lost: lost}, nil
}

// awaitHead waits until the head covers the batch or patience ends, and returns the
// head and the number of records that it covers. If it covers none, the error is
// ErrBehind.
func (l *Live) awaitHead(ctx context.Context, lane event.Lane, batch []placedRecord) (eventlog.Head, int, error) {
	covered := 0
	head, err := l.Heads.Await(ctx, lane, func(head eventlog.Head) bool {
		for covered < len(batch) && batch[covered].last <= head.Position {
			covered++
		}
		return covered == len(batch)
	}, l.Patience, l.Sleep)
	if err == nil && covered == 0 && len(batch) > 0 {
		err = fmt.Errorf("write first record of lane %s: %w", lane, ErrBehind)
	}
	return head, covered, err
}

// placedRecord is a decoded record with the position at its end.
type placedRecord struct {
	last   event.Position
	events []eventlog.Arrived
}

// storedMark is a mark as it was read; without a version if there was none.
type storedMark struct {
	datastore.Mark
	version datastore.MarkVersion
}

// folded returns the generation's mark. If the marks are gone, it is empty: apply
// handles that.
func (l *Live) folded(ctx context.Context, generation string, lane event.Lane) (storedMark, error) {
	mark, version, err := l.Generations.Open(generation).Mark(ctx, datastore.LiveMark, lane)
	if datastore.IsGone(err) {
		return storedMark{}, nil
	}
	if err != nil {
		return storedMark{}, fmt.Errorf("read mark of lane %s: %w", lane, err)
	}
	return storedMark{mark, version}, nil
}

// decode skips records that are folded in already, without decoding them: a
// generation's new consumer reads a whole stream of those.
func (l *Live) decode(lane event.Lane, records []eventlog.Incoming, folded event.Position) ([]placedRecord, error) {
	batch := make([]placedRecord, 0, len(records))
	for _, in := range records {
		end, err := event.NewPosition(l.Decoder.Epoch, in.Sequence, event.MaxIndex)
		if err != nil {
			return nil, fmt.Errorf("place record: %w", err)
		}
		if end <= folded {
			batch = append(batch, placedRecord{})
			continue
		}
		decoded, err := l.Decoder.Decode(lane, in)
		var bad *eventlog.Undecodable
		// The pump quarantines an undecodable record; here it has no events.
		if err != nil && !errors.As(err, &bad) {
			return nil, err
		}
		batch = append(batch, placedRecord{decoded.Last, decoded.Events})
	}
	return batch, nil
}

// apply folds the events that the log has of a batch, which the head covers, into
// the generation and moves its mark, unless another consumer moved it since it was
// read. The mark stays if events are missing.
func (l *Live) apply(ctx context.Context, info datastore.Info, lane event.Lane, head eventlog.Head,
	folded storedMark, batch []placedRecord,
) (Written, error) {
	generation := l.Generations.Open(info.ID)
	mark, version := folded.Mark, folded.version
	if version == "" {
		var err error
		if mark, version, err = generation.Mark(ctx, datastore.LiveMark, lane); err != nil {
			return Written{}, fmt.Errorf("read mark of lane %s: %w", lane, err)
		}
	}
	fresh := after(mark.Position, batch)
	if len(fresh) == 0 {
		return Written{}, nil
	}
	logged, err := l.asLogged(ctx, lane, head, fresh, mark)
	if err != nil {
		return Written{}, err
	}
	written := Written{Late: logged.late}
	if logged.end == mark.Position {
		return written, nil
	}
	to := Target{ID: info.ID, Generation: generation, Lane: lane, Refolds: true}
	if logged.gap {
		var found gapFound
		written.Tally, found, err = l.closeGap(ctx, to, head, mark, &logged)
		written.Missed = int(max(0, logged.count-mark.Ordinal-found.events))
		mark.CountIgnored(found.ignored)
	} else {
		written.Tally, err = l.Applier.Apply(ctx, to, logged.events)
		mark.CountIgnored(l.Applier.Ignored(logged.events))
	}
	if err != nil {
		return Written{}, err
	}
	if written.Missed > 0 {
		return written, nil // the generation is lost, and its mark stays
	}
	mark.Position, mark.Logged, mark.Ordinal = logged.end, logged.stamp.Logged, logged.count
	if _, err := generation.SetMark(ctx, datastore.LiveMark, lane, mark, version); err != nil {
		return Written{}, fmt.Errorf("move mark of lane %s: %w", lane, err)
	}
	return written, nil
}

// after returns the records that end after a position, each after the one before.
func after(at event.Position, batch []placedRecord) []placedRecord {
	var fresh []placedRecord
	for _, r := range batch {
		if r.last > at {
			at = r.last
			fresh = append(fresh, r)
		}
	}
	return fresh
}
