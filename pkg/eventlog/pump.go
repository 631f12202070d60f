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
	// parallelPuts bounds the lane-buckets that one commit writes at a time. A
	// live batch touches one or two; an import of past years touches hundreds.
	parallelPuts = 8
	// maxCommitRecords and maxCommitBuckets bound what one move of a head takes
	// in, and so the head, which lists the records and carries the manifests
	// that it closed. A batch with more moves the head more than once.
	maxCommitRecords = 256
	maxCommitBuckets = 256
	// MaxRecordBuckets bounds the buckets over which the events of one record
	// may lie. An import cuts its records accordingly.
	MaxRecordBuckets = 400
)

// ErrOvertaken says that another pump moved the lane's head meanwhile. Retry
// the same records: what is in the log by then is dropped.
var ErrOvertaken = errors.New("another pump moved the lane's head")

// Pump writes the log. Nothing else does. It is safe for concurrent use; two
// pumps at work on one lane, a zombie among them, do no harm. It must not be
// copied once it is used.
type Pump struct {
	Log     Log
	Heads   Heads
	Decoder *Decoder
	Width   Width

	mu sync.Mutex
	// witnessed has, by lane, the open bucket of the last head that was held
	// against the log's own witnesses, or made one.
	witnessed map[event.Lane]Bucket
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

func (c *Committed) add(part Committed) {
	c.Events += part.Events
	c.Dropped += part.Dropped
	c.Undecodable += part.Undecodable
	c.Late += part.Late
	c.Head = part.Head
}

// Commit puts records of one lane, in the order of the stream, into the log
// and moves the head over them. When it returns without an error, every record
// is in the log or in quarantine. After an error the same records must be
// committed again, in any division, before later ones of the lane. ErrHeadLost
// needs a person.
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

// commitSome commits records from the first on, as many as one move of the head
// takes, and returns how many those were.
func (p *Pump) commitSome(ctx context.Context, lane event.Lane, head Head, version *control.Version, records []Incoming,
) (taken int, done Committed, err error) {
	c := &commit{pump: p, lane: lane, before: head, head: head, version: *version,
		stamp: Stamp{Width: p.Width, Logged: head.Logged}, taken: make(map[string]bool, min(len(records), maxCommitRecords))}
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

// checkOnce holds a lane's head against the log's witnesses, the first time that
// this pump finds it with its open bucket. A head that is gone is always held
// against them.
func (p *Pump) checkOnce(ctx context.Context, lane event.Lane, head *Head, version control.Version) error {
	if head.Position != "" && p.lastWitness(lane) == head.Bucket {
		return nil
	}
	witnessed, err := checkHead(ctx, p.Log, lane, head)
	if errors.Is(err, ErrHeadLost) {
		// Another pump may have opened a bucket, and said so, since.
		if _, now, errLoad := p.Heads.load(ctx, lane); errLoad != nil || now != version {
			return errors.Join(errLoad, ErrOvertaken)
		}
	}
	if err != nil || head.Position == "" {
		return err
	}
	if witnessed {
		p.remember(lane, head.Bucket)
		return nil
	}
	// Whoever opened the bucket died before it could say so.
	return p.bearWitness(ctx, lane, head)
}

func (p *Pump) lastWitness(lane event.Lane) Bucket {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.witnessed[lane]
}

// bearWitness notes in the log itself which bucket a head that is stored opened.
func (p *Pump) bearWitness(ctx context.Context, lane event.Lane, head *Head) error {
	if head.Open.Count == 0 || p.lastWitness(lane) == head.Bucket {
		return nil
	}
	if err := p.Log.PutWitness(ctx, lane, head.witness()); err != nil {
		return fmt.Errorf("bear witness of lane %s: %w", lane, err)
	}
	p.remember(lane, head.Bucket)
	return nil
}

func (p *Pump) remember(lane event.Lane, witnessed Bucket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.witnessed == nil {
		p.witnessed = make(map[event.Lane]Bucket)
	}
	p.witnessed[lane] = witnessed
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
