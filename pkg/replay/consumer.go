package replay

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/storefault"
)

// Consumer consumes playback records: it folds those of a rebuild into its
// generation, and moves the marks of all replays. It is safe for concurrent use,
// and two of them on one lane do no harm.
type Consumer struct {
	Store       Store
	Registry    datastore.Registry
	Generations datastore.Generations
	Applier     *projection.Applier
	Codec       *record.Codec
	Lanes       *event.Lanes
	Width       eventlog.Width
	// Effects compares the effects of a rebuild that asks for it; nil without a service.
	Effects EffectsCollector
}

// EffectsCollector compares what the service would send for events with what was sent.
type EffectsCollector interface {
	// Collect is called before the events are folded in, in the order in which they are;
	// ordinal is that of the first within the lane's selection. It may get some of them
	// again. ErrOtherService means that another version of the service collected before.
	Collect(ctx context.Context, replay string, to projection.Target, ordinal int64, events []projection.Placed) error
}

// Consumed is the outcome of a batch.
type Consumed struct {
	// Events were consumed; Repeated were consumed before.
	Events   int64
	Repeated int64
	// Gaps counts records that begin after the lane's mark. They are dropped, and
	// the lane is read again from its mark.
	Gaps int
	// Damaged counts records whose header names a replay, but whose events cannot
	// be decoded or differ in number from the header. They are dropped and counted
	// in the replay's row, and the lane is read again from its mark.
	Damaged int
	// Foreign counts records that name no replay, or one that has ended or does
	// not own its generation.
	Foreign int
	// Refused counts records of a rebuild that cannot continue, because its
	// generation is gone or belongs to another version of the projections. The
	// fault is in the replay's row.
	Refused int
	// Replays is the number of events by replay, whatever became of them, to
	// share out costs; a record counts as at least one. It is also set after an
	// error.
	Replays map[string]int64
}

// Consume consumes records of one lane, in the order of the stream. After an error
// all of them must be retried.
func (c *Consumer) Consume(ctx context.Context, lane event.Lane, records [][]byte) (Consumed, error) {
	sum := Consumed{Replays: make(map[string]int64)}
	for len(records) > 0 {
		id, batch, rest := c.sameReplay(lane, records)
		records = rest
		if id == "" {
			sum.Foreign += len(batch) + 1
			continue
		}
		for _, d := range batch {
			sum.Replays[id] += max(1, int64(len(d.lines)))
		}
		part, err := c.consumeReplay(ctx, id, lane, batch)
		if err != nil {
			return sum, fmt.Errorf("consume records of replay %s, lane %s: %w", id, lane, err)
		}
		sum.Events += part.Events
		sum.Repeated += part.Repeated
		sum.Gaps += part.Gaps
		sum.Foreign += part.Foreign
		sum.Refused += part.Refused
		sum.Damaged += part.Damaged
	}
	return sum, nil
}

// delivered is a decoded playback record.
type delivered struct {
	header *record.Playback
	// lines is nil if the record is damaged.
	lines [][]byte
}

// sameReplay decodes the first records that belong to one track of a replay, and
// returns the rest. An id of "" means that the first record, which it skips, names none.
func (c *Consumer) sameReplay(lane event.Lane, records [][]byte) (id string, batch []delivered, rest [][]byte) {
	for i, data := range records {
		header, lines, err := c.Codec.Unpack(data)
		p := header.Playback
		known := p != nil && header.Lane == lane && CheckID(p.Replay) == nil
		switch {
		case !known && i == 0:
			return "", nil, records[1:]
		case !known || (i > 0 && (p.Replay != id || p.Slice != batch[0].header.Slice)):
			return id, batch, records[i:]
		}
		if err != nil || p.From < 0 || p.To-p.From != int64(len(lines)) {
			lines = nil
		}
		id = p.Replay
		batch = append(batch, delivered{p, lines})
	}
	return id, batch, nil
}

func (c *Consumer) consumeReplay(ctx context.Context, id string, lane event.Lane, batch []delivered) (Consumed, error) {
	row, err := c.Store.Load(ctx, id)
	if errors.Is(err, ErrNotFound) || (err == nil && (row.Status.Ended() || row.Fault != nil)) {
		return Consumed{Foreign: len(batch)}, nil
	}
	if err != nil {
		return Consumed{}, err
	}
	result, err := c.fold(ctx, row, lane, batch)
	if err == nil && result.Damaged > 0 {
		err = c.Store.countDamaged(ctx, id, result.Damaged)
	}
	switch name := faultOf(err); {
	case errors.Is(err, datastore.ErrUnknown):
		return Consumed{Foreign: len(batch)}, nil
	case name != "":
		// Other replays share the stream, so it continues; the replay's next step
		// fails with the fault in the row.
		return Consumed{Refused: len(batch)}, c.Store.recordFault(ctx, id, name, err)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, storefault.ErrFull) {
		err = errors.Join(err, c.Store.NoteError(ctx, id, FaultStalled, err))
	}
	return result, err
}

// fold consumes the part of a batch that continues from the replay's mark.
func (c *Consumer) fold(ctx context.Context, row Row, lane event.Lane, batch []delivered) (Consumed, error) {
	track := Track{lane, batch[0].header.Slice}
	if !row.has(track) {
		return Consumed{Damaged: len(batch)}, nil
	}
	marks, err := openMarksFor(ctx, c.Applier.Version(), c.Store, c.Registry, c.Generations, row)
	if err != nil {
		return Consumed{}, err
	}
	mark, version, err := marks.load(ctx, track)
	if err != nil {
		return Consumed{}, err
	}
	t := intake{consumer: c, lane: lane, mark: mark}
	ordinal := mark.Ordinal
	t.take(batch)
	if t.result.Events == 0 {
		return t.result, nil
	}
	if row.Generation != "" {
		target := projection.Target{
			ID:         row.Generation,
			Generation: marks.generation,
			Lane:       lane,
			Replay:     row.ID,
		}
		if err := c.collect(ctx, row, target, ordinal, t.events); err != nil {
			return Consumed{}, err
		}
		tally, err := c.Applier.Apply(ctx, target, t.events)
		if err != nil {
			return Consumed{}, err
		}
		t.mark.Count(datastore.Folded{Applied: tally.Applied, Duplicates: tally.Duplicates, Parked: tally.Parked})
		t.mark.CountIgnored(c.Applier.Ignored(t.events))
	}
	if err := marks.move(ctx, track, t.mark, version); err != nil {
		return Consumed{}, err
	}
	return t.result, nil
}

// collect compares the effects of events if the replay asks for that.
func (c *Consumer) collect(
	ctx context.Context, row Row, to projection.Target, ordinal int64, events []projection.Placed,
) error {
	if row.Request.Effects == "" {
		return nil
	}
	if c.Effects == nil {
		return fmt.Errorf("%w (this program has none)", ErrOtherService)
	}
	return c.Effects.Collect(ctx, row.ID, to, ordinal, events)
}

// intake collects the events of a batch that continue from the mark.
type intake struct {
	consumer *Consumer
	lane     event.Lane
	mark     datastore.Mark
	events   []projection.Placed
	result   Consumed
}

// take takes whole records: a damaged one is dropped, so that the records after it
// begin after a gap.
func (t *intake) take(batch []delivered) {
	for _, d := range batch {
		repeated := max(0, t.mark.Ordinal-d.header.From)
		switch {
		case d.lines != nil && d.header.To <= t.mark.Ordinal:
			t.result.Repeated += int64(len(d.lines))
			continue
		case d.lines != nil && d.header.From > t.mark.Ordinal:
			t.result.Gaps++
			continue
		}
		fresh, ok := t.consumer.parse(t.lane, d.lines, repeated)
		if !ok {
			t.result.Damaged++
			continue
		}
		t.result.Repeated += repeated
		for _, p := range fresh {
			t.events = append(t.events, p)
			t.mark.Bytes += int64(len(p.Line))
			t.mark.Digest = t.mark.Digest.Add(event.DigestOf(p.Position, p.Line))
			t.result.Events++
		}
		t.mark.Ordinal, t.mark.Place = d.header.To, d.header.Place
	}
}

// parse decodes a record's events after the repeated ones. It returns false for a
// damaged record; an event of another lane damages it, too.
func (c *Consumer) parse(lane event.Lane, lines [][]byte, repeated int64) (fresh []projection.Placed, ok bool) {
	if lines == nil {
		return nil, false
	}
	for _, placed := range lines[repeated:] {
		line, at, logged, err := event.SplitPlaced(placed)
		if err != nil {
			return nil, false
		}
		e, err := event.Parse(string(line))
		if err != nil || c.Lanes.Of(e.Subject) != lane {
			return nil, false
		}
		fresh = append(fresh, projection.Placed{
			Event:    e,
			Position: at,
			Bucket:   c.Width.Of(logged),
			Line:     line,
		})
	}
	return fresh, true
}
