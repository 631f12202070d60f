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
	// Damaged are records whose header names a replay and whose events cannot be
	// decoded, or are not as many as it says. They are dropped and counted in the
	// replay's row, and the lane is read again from its mark.
	Damaged int
	// Foreign are records of replays that have ended, that do not own their
	// generation, or that name none.
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
		sum.Damaged += part.Damaged
	}
	return sum, nil
}

// delivered is a decoded playback record.
type delivered struct {
	header *record.Playback
	// lines is nil where they cannot be told from each other.
	lines [][]byte
}

// sameReplay decodes records from the first on for as long as they belong to
// one replay. An id of "" means that the first one names none.
func (c *Consumer) sameReplay(lane event.Lane, records [][]byte) (id string, batch []delivered, rest [][]byte) {
	for i, data := range records {
		header, lines, err := c.Codec.Unpack(data)
		p := header.Playback
		known := p != nil && header.Lane == lane && CheckID(p.Replay) == nil
		switch {
		case !known && i == 0:
			return "", nil, records[1:]
		case !known || (i > 0 && p.Replay != id):
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
		err = c.Store.damaged(ctx, id, result.Damaged)
	}
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
	marks, err := openMarks(ctx, c.Store, c.Registry, c.Generations, row)
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
	t := intake{consumer: c, lane: lane, mark: mark}
	t.take(batch)
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
	lane     event.Lane
	mark     datastore.Mark
	events   []projection.Placed
	result   Consumed
}

// take takes records whole: of one that is damaged, no event. What follows it
// begins behind a gap then.
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

// parse reads a record's events behind those that are repeated. One that lives
// in another lane damages the record as one that cannot be read does.
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
		fresh = append(fresh, projection.Placed{Event: e, Position: at, Bucket: c.Width.Of(logged), Line: line})
	}
	return fresh, true
}
