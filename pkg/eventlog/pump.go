package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/event"
)

// parallelPuts bounds the lane-buckets that one commit writes at a time. A
// live batch touches one or two; an import of past years touches hundreds.
const parallelPuts = 8

// ErrOvertaken says that another pump moved the lane's head meanwhile. Retry
// the same records: what is in the log by then is dropped.
var ErrOvertaken = errors.New("another pump moved the lane's head")

// Pump writes the log. Nothing else does. It is safe for concurrent use; two
// pumps at work on one lane, a zombie among them, do no harm.
type Pump struct {
	Log     Log
	Heads   Heads
	Decoder *Decoder
	Width   Width
}

// Committed says what became of a batch.
type Committed struct {
	// Events were written to the log.
	Events int
	// Dropped records were in the log already.
	Dropped int
	// Undecodable and Late records went to quarantine. Both want an alarm.
	Undecodable int
	Late        int
	// Head is the lane's head afterwards.
	Head Head
}

// Commit puts records of one lane, in the order of the stream, into the log
// and moves the head over them. When it returns without an error, every record
// is in the log or in quarantine. After an error the same records must be
// committed again, in any division, before later ones of the lane.
func (p *Pump) Commit(ctx context.Context, lane event.Lane, records []Incoming) (Committed, error) {
	head, version, err := p.Heads.load(ctx, lane)
	if err != nil {
		return Committed{}, err
	}
	c := &commit{pump: p, lane: lane, before: head, head: head, version: version,
		stamp: Stamp{Width: p.Width, Logged: head.Logged}, taken: make(map[event.Position]bool, len(records))}
	c.head.Trail = slices.Clone(head.Trail) // it is changed in place
	for _, in := range records {
		if err := c.take(ctx, in); err != nil {
			return Committed{}, err
		}
	}
	if err := c.store(ctx); err != nil {
		return Committed{}, err
	}
	c.result.Head = c.head
	return c.result, nil
}

// SetAside quarantines a record whose partition key belongs to no lane, under
// the first lane. It is idempotent.
func (p *Pump) SetAside(ctx context.Context, in Incoming) error {
	at, err := event.NewPosition(p.Decoder.Epoch, in.Sequence, 0)
	if err != nil {
		return fmt.Errorf("place record: %w", err)
	}
	q := Quarantined{Position: at, Reason: "undecodable", Detail: "its partition key belongs to no lane",
		Arrival: in.Arrival, Data: in.Data}
	if err := p.Log.Quarantine(ctx, 0, q); err != nil {
		return fmt.Errorf("quarantine record at %s: %w", at, err)
	}
	return nil
}
