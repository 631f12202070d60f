package replay

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/record"
)

// Consumer takes playback records in: it folds those of a rebuild into its
// generation, and moves the mark of every replay. It is safe for concurrent
// use; two at work on one lane do no harm.
type Consumer struct {
	Store       Store
	Registry    datastore.Registry
	Generations datastore.Generations
	Applier     *projection.Applier
	Codec       *record.Codec
	Lanes       *event.Lanes
	Width       eventlog.Width
}

// Consumed says what became of a batch.
type Consumed struct {
	// Events were taken in; Repeated were taken in before.
	Events   int64
	Repeated int64
	// Gaps are records that begin behind the lane's mark. They are dropped,
	// and the lane is read again from its mark.
	Gaps int
	// Foreign are records of replays that have ended, that do not own their
	// generation, or that cannot be decoded.
	Foreign int
	// Refused are records of a rebuild that cannot go on, because its generation
	// belongs to other projections or is gone. Its row says so.
	Refused int
	// Replays weighs the replays whose records these were by the events in them,
	// whatever became of those; a record has at least the weight of one. It is
	// filled in after an error, too.
	Replays map[string]int64
}

// Consume takes records of one lane in, in the order of the stream. After an
// error all of them must come again.
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
	}
	return sum, nil
}

// delivered is a decoded playback record.
type delivered struct {
	header *record.Playback
	lines  [][]byte
}

// sameReplay decodes records from the first on for as long as they belong to
// one replay. An id of "" means that the first one cannot be used.
func (c *Consumer) sameReplay(lane event.Lane, records [][]byte) (id string, batch []delivered, rest [][]byte) {
	for i, data := range records {
		header, lines, err := c.Codec.Unpack(data)
		usable := err == nil && header.Playback != nil && header.Lane == lane &&
			header.Playback.To-header.Playback.From == int64(len(lines))
		switch {
		case !usable && i == 0:
			return "", nil, records[1:]
		case !usable || (i > 0 && header.Playback.Replay != id):
			return id, batch, records[i:]
		}
		id = header.Playback.Replay
		batch = append(batch, delivered{header.Playback, lines})
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
	switch name := faultOf(err); {
	case errors.Is(err, datastore.ErrUnknown):
		return Consumed{Foreign: len(batch)}, nil
	case name != "":
		// The stream is not this replay's alone: it goes on, and the replay's
		// next step fails with what the row says.
		return Consumed{Refused: len(batch)}, c.Store.fail(ctx, id, name, err)
	}
	return result, err
}

// fold takes in what of a batch continues the replay's mark.
func (c *Consumer) fold(ctx context.Context, row Row, lane event.Lane, batch []delivered) (Consumed, error) {
	marks, err := c.marks(ctx, row)
	if err == nil {
		err = marks.fits(c.Applier.Version())
	}
	if err != nil {
		return Consumed{}, err
	}
	mark, version, err := marks.load(ctx, lane)
	if err != nil {
		return Consumed{}, err
	}
	t := intake{consumer: c, mark: mark}
	if err := t.take(batch); err != nil {
		return Consumed{}, err
	}
	if t.result.Events == 0 {
		return t.result, nil
	}
	if row.Generation != "" {
		target := projection.Target{ID: row.Generation, Generation: c.Generations.Open(row.Generation), Lane: lane, Replay: row.ID}
		if _, err := c.Applier.Apply(ctx, target, t.events); err != nil {
			return Consumed{}, err
		}
	}
	if err := marks.move(ctx, lane, t.mark, version); err != nil {
		return Consumed{}, err
	}
	return t.result, nil
}

// intake gathers what of a batch continues the mark.
type intake struct {
	consumer *Consumer
	mark     datastore.Mark
	events   []projection.Placed
	result   Consumed
}

func (t *intake) take(batch []delivered) error {
	for _, d := range batch {
		switch {
		case d.header.To <= t.mark.Ordinal:
			t.result.Repeated += int64(len(d.lines))
			continue
		case d.header.From > t.mark.Ordinal:
			t.result.Gaps++
			continue
		}
		skip := t.mark.Ordinal - d.header.From
		t.result.Repeated += skip
		for _, placed := range d.lines[skip:] {
			if err := t.add(placed); err != nil {
				return err
			}
		}
		t.mark.Ordinal, t.mark.Place = d.header.To, d.header.Place
	}
	return nil
}

func (t *intake) add(placed []byte) error {
	line, at, logged, err := event.SplitPlaced(placed)
	if err != nil {
		return err
	}
	e, err := event.Parse(string(line))
	if err != nil {
		return fmt.Errorf("parse event at %s: %w", at, err)
	}
	t.events = append(t.events, projection.Placed{
		Event: e, Position: at, Bucket: t.consumer.Width.Of(logged), Line: line,
	})
	t.mark.Bytes += int64(len(line))
	t.mark.Digest = t.mark.Digest.Add(event.DigestOf(at, line))
	t.result.Events++
	return nil
}
