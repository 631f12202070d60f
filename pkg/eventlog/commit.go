package eventlog

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/control"
	"reprise/pkg/event"
)

// commit is one Commit under way.
type commit struct {
	pump    *Pump
	lane    event.Lane
	before  Head
	head    Head
	version control.Version
	stamp   Stamp
	// writes are the entries by bucket, in the order of the buckets.
	writes []bucketWrite
	closed []bucketManifest
	aside  []Quarantined
	result Committed
	// taken has the last positions of the records taken so far.
	taken map[event.Position]bool
}

type bucketWrite struct {
	bucket  Bucket
	entries []Entry
}

type bucketManifest struct {
	bucket   Bucket
	manifest Manifest
}

func (c *commit) take(ctx context.Context, in Incoming) error {
	decoded, err := c.pump.Decoder.Decode(c.lane, in)
	var bad *Undecodable
	if err != nil && !errors.As(err, &bad) {
		return err
	}
	last := decoded.Last
	if bad != nil {
		last = bad.Position
	}
	switch {
	case last <= c.before.Position:
		return c.behindHead(ctx, in, decoded, bad)
	case c.taken[last]:
		c.result.Dropped++
		return nil
	case last <= c.head.Position:
		c.late(in, last)
		return nil
	case bad != nil:
		c.setAside(Quarantined{Position: bad.Position, Reason: "undecodable", Detail: bad.Err.Error(),
			Arrival: in.Arrival, Data: in.Data})
		c.result.Undecodable++
		c.head.Position = last
		c.pass(last, 0)
		return nil
	}
	for i := range decoded.Events {
		c.add(&decoded.Events[i])
	}
	c.pass(last, len(decoded.Events))
	return nil
}

// pass remembers the end of a record, whose events are counted already.
func (c *commit) pass(end event.Position, events int) {
	c.taken[end] = true
	c.head.Trail = c.head.Trail.passed(int64(events)).remember(end)
}

func (c *commit) setAside(q Quarantined) { c.aside = append(c.aside, q) }

func (c *commit) add(a *Arrived) {
	logged, bucket := c.stamp.Next(a.Arrival)
	if bucket != c.head.Bucket {
		if c.head.Open.Count > 0 {
			c.closed = append(c.closed, bucketManifest{c.head.Bucket, c.head.Open})
		}
		c.head.Bucket, c.head.Open = bucket, Manifest{}
	}
	c.head.Open.Add(a.Position, a.Line)
	c.head.Position, c.head.Logged = a.Position, logged
	c.head.Count++
	c.head.Bytes += int64(len(a.Line))
	if n := len(c.writes); n == 0 || c.writes[n-1].bucket != bucket {
		c.writes = append(c.writes, bucketWrite{bucket: bucket})
	}
	w := &c.writes[len(c.writes)-1]
	w.entries = append(w.entries, Entry{Entity: a.Event.Subject, Position: a.Position, Logged: logged, Line: a.Line})
	c.result.Events++
}

// behindHead handles a record that the head covers: redelivered, or late. What
// was never committed is set aside, for applying it now would break the order.
func (c *commit) behindHead(ctx context.Context, in Incoming, decoded Decoded, bad *Undecodable) error {
	if bad != nil {
		c.setAside(Quarantined{Position: bad.Position, Reason: "undecodable", Detail: bad.Err.Error(),
			Arrival: in.Arrival, Data: in.Data})
		c.result.Dropped++
		return nil
	}
	// Records are committed whole, so one of its events speaks for all.
	first := &decoded.Events[0]
	_, found, err := c.pump.Heads.Locate(ctx, c.pump.Log, c.pump.Width, c.lane, c.before, first)
	if err != nil {
		return err
	}
	if found {
		c.result.Dropped++
		return nil
	}
	c.late(in, first.Position)
	return nil
}

func (c *commit) late(in Incoming, at event.Position) {
	c.setAside(Quarantined{Position: at, Reason: "late",
		Detail:  "the lane's head had passed the record when it was delivered",
		Arrival: in.Arrival, Data: in.Data})
	c.result.Late++
}

// store writes in the order that makes every crash harmless: events and what is
// set aside, then the manifests that closed, then the head, which alone makes
// all of it count.
func (c *commit) store(ctx context.Context) error {
	for _, q := range c.aside {
		if err := c.pump.Log.Quarantine(ctx, c.lane, q); err != nil {
			return fmt.Errorf("quarantine record at %s: %w", q.Position, err)
		}
	}
	if c.head.Position == c.before.Position {
		return nil
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelPuts)
	for _, w := range c.writes {
		group.Go(func() error { return c.pump.Log.Put(groupCtx, c.lane, w.bucket, w.entries) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("write events of lane %s: %w", c.lane, err)
	}
	if err := c.closeBuckets(ctx); err != nil {
		return err
	}
	_, err := control.Store(ctx, c.pump.Heads.Table, headKey(c.lane), c.head, c.version)
	if errors.Is(err, control.ErrConflict) {
		return fmt.Errorf("move head of lane %s: %w", c.lane, ErrOvertaken)
	}
	if err != nil {
		return fmt.Errorf("move head of lane %s: %w", c.lane, err)
	}
	return nil
}
