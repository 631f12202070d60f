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

// prepare moves what the previous commit left in the head, closed manifests and a
// complete page of the register, to c.due. Both are taken from the stored head
// unchanged, so that every pump that loads this head writes the same documents,
// whether or not its own commit succeeds.
func (c *commit) prepare(ctx context.Context) error {
	if err := c.upgrade(ctx); err != nil {
		return err
	}
	for _, closed := range c.head.Closed {
		if err := c.addDue(manifestKey(c.lane, closed.Bucket), closed.Manifest); err != nil {
			return err
		}
	}
	c.head.Closed = nil
	page, due := c.head.takePage()
	c.head.Records = slices.Clip(c.head.Records) // so that an append leaves the stored head's list alone
	if !due {
		return nil
	}
	return c.addDue(control.Key{Partition: registerPartition(c.lane), Sort: page.End}, page)
}

// upgrade starts the register of a lane whose log was written by an earlier
// version, and computes the lane's digest from its manifests.
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

func (c *commit) addDue(key control.Key, document any) error {
	body, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("encode document %s/%s: %w", key.Partition, key.Sort, err)
	}
	c.due = append(c.due, control.Write{Key: key, Body: body})
	return nil
}

// putDue writes the due documents, which are fewer than control.MaxBatch.
func (c *commit) putDue(ctx context.Context) error {
	results, err := c.pump.Heads.Table.PutAll(ctx, c.due)
	for i := 0; err == nil && i < len(results); i++ {
		if err = results[i]; errors.Is(err, control.ErrConflict) {
			err = c.resolve(ctx, c.due[i])
		}
	}
	if err != nil {
		return fmt.Errorf("close buckets of lane %s: %w", c.lane, err)
	}
	return nil
}

// resolve handles a due document that exists already. Another pump that loaded
// the same head wrote an identical one. A different one is a manifest left by an
// earlier version, which wrote manifests before the head moved: the head decides,
// so resolve overwrites it.
func (c *commit) resolve(ctx context.Context, due control.Write) error {
	stored, err := c.pump.Heads.Table.Get(ctx, due.Key)
	if err != nil || string(stored.Body) == string(due.Body) {
		return err
	}
	_, err = c.pump.Heads.Table.Put(ctx, due.Key, due.Body, stored.Version)
	if errors.Is(err, control.ErrConflict) {
		return ErrOvertaken // by a pump that overwrites the same document
	}
	return err
}
