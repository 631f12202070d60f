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
	return l.Follow(ctx, &registered{live: l, id: generation}, lane, records)
}

// Follower is what follows the event stream through a Live, lane by lane.
type Follower interface {
	// Marks keeps the follower's datastore.LiveMark of each lane.
	Marks() datastore.Generation
	// Permit says whether a batch may be folded in now. It is called after the head was
	// read, so that whatever is written after a hold was taken is covered by the heads that
	// the taker of the hold then waits for.
	Permit(ctx context.Context) (Permission, error)
	// Apply folds in events of the log after a mark. It may get some of them again.
	Apply(ctx context.Context, lane event.Lane, mark event.Position, events []Placed) (Tally, error)
	// Ignored counts the events that nothing handles.
	Ignored(events []Placed) datastore.Ignored
	// Overlooks reports whether the mark may move past events of the log that never came to
	// the consumer in their order. Where it may not, they are lost.
	Overlooks(ctx context.Context, lane event.Lane, missed int) bool
	// Lose records that events, or the marks, are missing, and whether that holds now.
	Lose(ctx context.Context, loss datastore.Loss) (lost bool, err error)
}

// Permission is a follower's answer to whether it may go on.
type Permission int

// The permissions.
const (
	// Goes permits the batch.
	Goes Permission = iota
	// Passes lets the batch pass without any effect, since the follower follows no more.
	Passes
	// Lost lets it pass since the follower is recorded as lacking events.
	Lost
)

// Follow hands records of one lane, in the order of the stream, to a follower. After an
// error, the records from Written.Done on must be retried.
func (l *Live) Follow(ctx context.Context, to Follower, lane event.Lane, records []eventlog.Incoming,
) (Written, error) {
	folded, err := l.folded(ctx, to, lane)
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
	permission, err := to.Permit(ctx)
	if err != nil || permission != Goes {
		return passed(permission, len(records), err)
	}
	written, err := l.apply(ctx, to, lane, head, folded, batch[:covered])
	if datastore.IsGone(err) {
		return lose(ctx, to, datastore.Loss{Lane: lane, Why: "its marks are gone"}, len(records))
	}
	if err == nil && written.Missed > 0 {
		const why = "events of the log never came to its consumer in their order"
		return lose(ctx, to, datastore.Loss{Lane: lane, Count: written.Missed, Why: why}, len(records))
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

// passed is the outcome of a batch that is not folded in.
func passed(p Permission, records int, err error) (Written, error) {
	if err != nil {
		return Written{}, err
	}
	return Written{Done: records, Lost: p == Lost}, nil
}

// lose records the loss of a follower before anything else happens: the mark
// does not move past what is missing, no later flip to the generation succeeds,
// and after a crash here the next batch finds the loss again. A generation that
// was retired meanwhile is not lost, and its records are done with.
func lose(ctx context.Context, to Follower, loss datastore.Loss, records int) (Written, error) {
	lost, err := to.Lose(ctx, loss)
	if err != nil {
		return Written{}, err
	}
	return Written{Done: records, Missed: loss.Count, Lost: lost}, nil
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

// folded returns the follower's mark. If the marks are gone, it is empty: apply
// handles that.
func (l *Live) folded(ctx context.Context, to Follower, lane event.Lane) (storedMark, error) {
	mark, version, err := to.Marks().Mark(ctx, datastore.LiveMark, lane)
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

// apply folds the events that the log has of a batch, which the head covers, in
// and moves the follower's mark, unless another consumer moved it since it was
// read. The mark stays if events are missing.
func (l *Live) apply(ctx context.Context, to Follower, lane event.Lane, head eventlog.Head,
	folded storedMark, batch []placedRecord,
) (Written, error) {
	mark, version := folded.Mark, folded.version
	if version == "" {
		var err error
		if mark, version, err = to.Marks().Mark(ctx, datastore.LiveMark, lane); err != nil {
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
	if logged.gap {
		var found gapFound
		written.Tally, found, err = l.closeGap(ctx, to, lane, head, mark, &logged)
		written.Missed = int(max(0, logged.count-mark.Ordinal-found.events))
		mark.CountIgnored(found.ignored)
	} else {
		written.Tally, err = to.Apply(ctx, lane, mark.Position, logged.events)
		mark.CountIgnored(to.Ignored(logged.events))
	}
	if err != nil {
		return Written{}, err
	}
	if written.Missed > 0 && !to.Overlooks(ctx, lane, written.Missed) {
		return written, nil // the follower is lost, and its mark stays
	}
	written.Missed = 0
	mark.Position, mark.Logged, mark.Ordinal = logged.end, logged.stamp.Logged, logged.count
	if _, err := to.Marks().SetMark(ctx, datastore.LiveMark, lane, mark, version); err != nil {
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
