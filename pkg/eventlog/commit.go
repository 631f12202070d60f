package eventlog

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/control"
	"reprise/pkg/event"
)

// commit is one Commit in progress.
type commit struct {
	pump    *Pump
	lane    event.Lane
	before  Head
	head    Head
	version control.Version
	stamp   Stamp
	// writes are the entries by bucket, in the order of the buckets.
	writes []bucketWrite
	// aside is quarantined whether or not the commit succeeds; overtaken only
	// after the head has passed it, since until then it may still arrive in order.
	aside, overtaken []Quarantined
	result           Committed
	// due are documents that follow from the stored head: the manifests that it
	// carries, and a page of the register.
	due []control.Write
	// fresh is the number of records that the head will list.
	fresh int
	// taken contains the names of those records.
	taken map[string]bool
}

type bucketWrite struct {
	bucket  Bucket
	entries []Entry
}

// full reports whether the head has to move before more records are taken.
func (c *commit) full() bool {
	return c.fresh >= maxCommitRecords || len(c.head.Closed) >= maxCommitBuckets
}

func (c *commit) take(ctx context.Context, in Incoming) error {
	decoded, err := c.pump.Decoder.Decode(c.lane, in)
	var bad *Undecodable
	if err != nil && !errors.As(err, &bad) {
		return err
	}
	// A head passes whole records, even one that this version cannot decode and a
	// later version can.
	switch name := decoded.Last.Record(); {
	case c.taken[name]:
		c.result.Dropped++
		return nil
	case name <= c.before.Position.Record():
		return c.behindHead(ctx, in, decoded, bad)
	case name <= c.head.Position.Record():
		c.overtaken = append(c.overtaken, c.late(in, decoded.First))
	case bad != nil:
		c.undecodable(in, bad)
	default:
		c.accept(in, decoded)
	}
	return nil
}

// accept adds a record's events, unless they belong to too many buckets.
func (c *commit) accept(in Incoming, decoded Decoded) {
	if n := c.bucketsOf(decoded.Events); n > MaxRecordBuckets {
		c.undecodable(in, &Undecodable{decoded.First,
			fmt.Errorf("its events belong to %d buckets; a record may have at most %d", n, MaxRecordBuckets)})
		return
	}
	for i := range decoded.Events {
		c.add(&decoded.Events[i])
	}
	c.pass(decoded.Last, len(decoded.Events))
}

func (c *commit) bucketsOf(events []Arrived) int {
	stamp, buckets, last := c.stamp, 0, Bucket("")
	for i := range events {
		if _, b := stamp.Next(events[i].Arrival); b != last {
			buckets, last = buckets+1, b
		}
	}
	return buckets
}

func (c *commit) undecodable(in Incoming, bad *Undecodable) {
	c.setAside(quarantined(in, bad))
	c.result.Undecodable++
	c.head.Position = bad.Position
	c.pass(bad.Position, 0)
}

func quarantined(in Incoming, bad *Undecodable) Quarantined {
	return in.quarantined(bad.Position, "undecodable", bad.Err.Error())
}

func (in Incoming) quarantined(at event.Position, reason, detail string) Quarantined {
	return Quarantined{
		Position: at,
		Reason:   reason,
		Detail:   detail,
		Arrival:  in.Arrival,
		Data:     in.Data,
	}
}

// pass adds a record, whose events are counted already, to the head's list.
func (c *commit) pass(end event.Position, events int) {
	c.taken[end.Record()] = true
	c.fresh++
	c.head.Records = c.head.Records.add(end.Record(), events)
}

func (c *commit) setAside(q Quarantined) { c.aside = append(c.aside, q) }

func (c *commit) add(a *Arrived) {
	logged, bucket := c.stamp.Next(a.Arrival)
	if bucket != c.head.Bucket {
		if c.head.Open.Count > 0 {
			c.head.Closed = append(c.head.Closed, ClosedManifest{c.head.Bucket, c.head.Open})
		}
		c.head.Bucket, c.head.Open = bucket, Manifest{}
	}
	digest := event.DigestOf(a.Position, a.Line)
	whole := c.head.Digest.Add(digest)
	c.head.Digest = &whole
	c.head.Open.add(a.Position, len(a.Line), digest)
	c.head.Position, c.head.Logged = a.Position, logged
	c.head.Count++
	c.head.Bytes += int64(len(a.Line))
	if n := len(c.writes); n == 0 || c.writes[n-1].bucket != bucket {
		c.writes = append(c.writes, bucketWrite{bucket: bucket})
	}
	w := &c.writes[len(c.writes)-1]
	w.entries = append(w.entries, Entry{
		Entity:   a.Event.Subject,
		Position: a.Position,
		Logged:   logged,
		Line:     a.Line,
	})
	c.result.Events++
}

// behindHead handles a record that the head covers: it was redelivered, or it is
// late. A late record is quarantined, since applying it now would break the order.
func (c *commit) behindHead(ctx context.Context, in Incoming, decoded Decoded, bad *Undecodable) error {
	if bad != nil {
		c.setAside(quarantined(in, bad))
		c.result.Dropped++
		return nil
	}
	// Records are committed whole, so its first event answers for all of them.
	known, err := c.committed(ctx, &decoded.Events[0])
	if err != nil {
		return err
	}
	if known {
		c.result.Dropped++
		return nil
	}
	c.setAside(c.late(in, decoded.First))
	return nil
}

// late counts a late record and returns it at its first position.
func (c *commit) late(in Incoming, at event.Position) Quarantined {
	c.result.Late++
	return in.quarantined(at, "late", "the lane's head had passed the record when it was delivered")
}

// committed reports whether a record that the head covers is in the log. The
// head, the manifests and the register decide; the Events table is consulted only
// for records that were committed before there was a register.
func (c *commit) committed(ctx context.Context, first *Arrived) (bool, error) {
	if c.before.Listed(first.Position) {
		_, in, err := c.pump.Heads.CountAt(ctx, c.lane, &c.before, first.Position)
		return in, err
	}
	_, in, err := View{Log: c.pump.Log, Heads: c.pump.Heads}.Locate(ctx, c.pump.Width, c.lane, &c.before, first)
	return in, err
}

// store writes in an order that makes a crash harmless at any point: first events,
// quarantined records and due documents, none of which count yet; then the head,
// which makes them count; then the head's witness.
func (c *commit) store(ctx context.Context) error {
	if err := c.quarantine(ctx, c.aside); err != nil {
		return err
	}
	if c.head.Position == c.before.Position {
		c.head = c.before
		return nil
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelPuts)
	for _, w := range c.writes {
		group.Go(func() error { return c.pump.Log.Put(groupCtx, c.lane, w.bucket, w.entries) })
	}
	if len(c.due) > 0 {
		group.Go(func() error { return c.putDue(groupCtx) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("write events of lane %s: %w", c.lane, err)
	}
	if err := c.moveHead(ctx); err != nil {
		return err
	}
	return c.quarantine(ctx, c.overtaken)
}

func (c *commit) quarantine(ctx context.Context, records []Quarantined) error {
	for _, q := range records {
		if err := c.pump.Log.Quarantine(ctx, c.lane, q); err != nil {
			return fmt.Errorf("quarantine record at %s: %w", q.Position, err)
		}
	}
	return nil
}

func (c *commit) moveHead(ctx context.Context) error {
	c.head.closePage()
	version, err := control.Store(ctx, c.pump.Heads.Table, headKey(c.lane), c.head, c.version)
	if errors.Is(err, control.ErrConflict) {
		err = ErrOvertaken
	}
	if err != nil {
		return fmt.Errorf("move head of lane %s: %w", c.lane, err)
	}
	c.version = version
	return c.pump.putWitness(ctx, c.lane, &c.head)
}
