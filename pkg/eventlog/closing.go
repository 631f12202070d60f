package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/control"
	"reprise/pkg/event"
)

// prepare takes out of the head what the commit before left in it: manifests
// that closed, and a page of the register that is whole. Both are as the stored
// head has them, so that every pump that finds it writes the same, whether its
// own commit comes to move the head or not.
func (c *commit) prepare(ctx context.Context) error {
	if err := c.upgrade(ctx); err != nil {
		return err
	}
	for _, closed := range c.head.Closed {
		if err := c.owe(manifestKey(c.lane, closed.Bucket), closed.Manifest); err != nil {
			return err
		}
	}
	c.head.Closed = nil
	page, due := c.head.givePage()
	c.head.Records = slices.Clip(c.head.Records) // the stored head keeps its own
	if !due {
		return nil
	}
	return c.owe(control.Key{Partition: registerPartition(c.lane), Sort: page.End}, page)
}

// upgrade begins the register of a lane, and sums up a log of an earlier version
// from its manifests.
func (c *commit) upgrade(ctx context.Context) error {
	if c.head.Since == nil {
		since := c.head.Position
		c.head.Since = &since
	}
	if c.head.Digest != nil {
		return nil
	}
	var sum event.Digest
	err := c.pump.Heads.Manifests(ctx, c.lane, c.before, "", "", func(_ Bucket, m Manifest) error {
		sum = sum.Add(m.Digest)
		return nil
	})
	if err != nil {
		return fmt.Errorf("sum up lane %s: %w", c.lane, err)
	}
	c.head.Digest = &sum
	return nil
}

func (c *commit) owe(key control.Key, document any) error {
	body, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("encode document %s/%s: %w", key.Partition, key.Sort, err)
	}
	c.due = append(c.due, control.Write{Key: key, Body: body})
	return nil
}

// putDue writes the documents that are due, of which there are fewer than
// control.MaxBatch.
func (c *commit) putDue(ctx context.Context) error {
	results, err := c.pump.Heads.Table.PutAll(ctx, c.due)
	if err != nil {
		return fmt.Errorf("close buckets of lane %s: %w", c.lane, err)
	}
	for i, err := range results {
		if errors.Is(err, control.ErrConflict) {
			err = c.settle(ctx, c.due[i])
		}
		if err != nil {
			return fmt.Errorf("close buckets of lane %s: %w", c.lane, err)
		}
	}
	return nil
}

// settle deals with a document that is stored already. Another pump that found
// the same head wrote the same. Anything else is a manifest that an earlier
// version left behind, which wrote them before the head moved: the head decides.
func (c *commit) settle(ctx context.Context, due control.Write) error {
	stored, err := c.pump.Heads.Table.Get(ctx, due.Key)
	if err != nil || string(stored.Body) == string(due.Body) {
		return err
	}
	_, err = c.pump.Heads.Table.Put(ctx, due.Key, due.Body, stored.Version)
	if errors.Is(err, control.ErrConflict) {
		return ErrOvertaken // by a pump that settles the same
	}
	return err
}
