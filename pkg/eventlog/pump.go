package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"reprise/pkg/control"
	"reprise/pkg/event"
)

const (
	// parallelPuts bounds the lane-buckets that one commit writes at a time: a
	// live batch has one or two, an import of past years hundreds.
	parallelPuts = 8
	// maxCommitRecords and maxCommitBuckets bound one move of a head, and so the
	// head's size, since it lists the records and carries the manifests that it
	// closed. A larger batch moves the head more than once.
	maxCommitRecords = 256
	maxCommitBuckets = 256
	// MaxRecordBuckets bounds the buckets of one record's events. An import cuts
	// its records accordingly.
	MaxRecordBuckets = 400
)

// ErrOvertaken says that another pump moved the lane's head meanwhile. Retry the
// same records: those that are in the log by then are dropped.
var ErrOvertaken = errors.New("another pump moved the lane's head")

// Pump is the only writer of the log. It is safe for concurrent use, and two pumps
// on one lane, even if one is a zombie, do no harm. It must not be copied after
// first use.
type Pump struct {
	Log     Log
	Heads   Heads
	Decoder *Decoder
	Width   Width

	// witnessed is, by lane, the open bucket of the last head that this pump
	// checked against the log's witnesses or wrote a witness for.
	witnessed sync.Map
}

// Committed is the outcome of a batch.
type Committed struct {
	// Events were written to the log.
	Events int
	// Dropped records were in the log already.
	Dropped int
	// Undecodable and Late records were quarantined; both should raise an alarm.
	Undecodable int
	Late        int
	// Head is the lane's head afterwards.
	Head Head
}

func (c *Committed) add(part Committed) {
	c.Events += part.Events
	c.Dropped += part.Dropped
	c.Undecodable += part.Undecodable
	c.Late += part.Late
	c.Head = part.Head
}

// Commit puts records of one lane, in the order of the stream, into the log and
// moves the head over them. When it succeeds, every record is in the log or in
// quarantine. After an error the same records must be committed again, in batches
// of any size, before later ones of the lane. ErrHeadLost needs an operator.
func (p *Pump) Commit(ctx context.Context, lane event.Lane, records []Incoming) (Committed, error) {
	head, version, err := p.Heads.load(ctx, lane)
	if err != nil {
		return Committed{}, err
	}
	if err := p.checkOnce(ctx, lane, &head, version); err != nil {
		return Committed{}, err
	}
	sum := Committed{Head: head}
	for len(records) > 0 {
		taken, part, err := p.commitSome(ctx, lane, sum.Head, &version, records)
		if err != nil {
			return Committed{}, err
		}
		records = records[taken:]
		sum.add(part)
	}
	return sum, nil
}

// commitSome commits as many records as one move of the head can take, from the
// first one on, and returns their number.
func (p *Pump) commitSome(ctx context.Context, lane event.Lane, head Head, version *control.Version, records []Incoming,
) (taken int, done Committed, err error) {
	c := &commit{
		pump:    p,
		lane:    lane,
		before:  head,
		head:    head,
		version: *version,
		stamp:   Stamp{Width: p.Width, Logged: head.Logged},
		taken:   make(map[string]bool, min(len(records), maxCommitRecords)),
	}
	if err := c.prepare(ctx); err != nil {
		return 0, Committed{}, err
	}
	for _, in := range records {
		if err := c.take(ctx, in); err != nil {
			return 0, Committed{}, err
		}
		if taken++; c.full() {
			break
		}
	}
	if err := c.store(ctx); err != nil {
		return 0, Committed{}, err
	}
	*version = c.version
	c.result.Head = c.head
	return taken, c.result, nil
}

// checkOnce checks a lane's head against the log's witnesses the first time that
// this pump meets the head's open bucket. It always checks an empty head.
func (p *Pump) checkOnce(ctx context.Context, lane event.Lane, head *Head, version control.Version) error {
	if head.Position != "" && p.lastWitness(lane) == head.Bucket {
		return nil
	}
	witnessed, err := checkHead(ctx, p.Log, lane, head)
	if errors.Is(err, ErrHeadLost) {
		// Another pump may have opened a bucket, and witnessed it, since.
		if _, now, errLoad := p.Heads.load(ctx, lane); errLoad != nil || now != version {
			return errors.Join(errLoad, ErrOvertaken)
		}
	}
	if err != nil || head.Position == "" {
		return err
	}
	if witnessed {
		p.witnessed.Store(lane, head.Bucket)
		return nil
	}
	// The pump that opened the bucket crashed before it wrote the witness.
	return p.putWitness(ctx, lane, head)
}

func (p *Pump) lastWitness(lane event.Lane) Bucket {
	bucket, _ := p.witnessed.Load(lane)
	last, _ := bucket.(Bucket)
	return last
}

// putWitness stores the witness of a stored head's open bucket, unless it has done
// so already.
func (p *Pump) putWitness(ctx context.Context, lane event.Lane, head *Head) error {
	if head.Open.Count == 0 || p.lastWitness(lane) == head.Bucket {
		return nil
	}
	if err := p.Log.PutWitness(ctx, lane, head.witness()); err != nil {
		return fmt.Errorf("put witness of lane %s: %w", lane, err)
	}
	p.witnessed.Store(lane, head.Bucket)
	return nil
}

// SetAside quarantines a record whose partition key belongs to no lane, in lane 0.
// It is idempotent.
func (p *Pump) SetAside(ctx context.Context, in Incoming) error {
	at, err := event.NewPosition(p.Decoder.Epoch, in.Sequence, 0)
	if err != nil {
		return fmt.Errorf("place record: %w", err)
	}
	q := in.quarantined(at, "undecodable", "its partition key belongs to no lane")
	if err := p.Log.Quarantine(ctx, 0, q); err != nil {
		return fmt.Errorf("quarantine record at %s: %w", at, err)
	}
	return nil
}
