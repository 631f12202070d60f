package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"reprise/pkg/control"
)

func (c *commit) closeBuckets(ctx context.Context) error {
	for len(c.closed) > 0 {
		n := min(len(c.closed), control.MaxBatch)
		if err := c.putManifests(ctx, c.closed[:n]); err != nil {
			return fmt.Errorf("close buckets of lane %s: %w", c.lane, err)
		}
		c.closed = c.closed[n:]
	}
	return nil
}

func (c *commit) putManifests(ctx context.Context, closed []bucketManifest) error {
	writes := make([]control.Write, len(closed))
	for i, b := range closed {
		body, err := json.Marshal(b.manifest)
		if err != nil {
			return fmt.Errorf("encode manifest: %w", err)
		}
		writes[i] = control.Write{Key: control.Key{Partition: manifestPartition(c.lane), Sort: string(b.bucket)}, Body: body}
	}
	results, err := c.pump.Heads.Table.PutAll(ctx, writes)
	if err != nil {
		return err
	}
	for i, err := range results {
		if errors.Is(err, control.ErrConflict) {
			err = c.settleManifest(ctx, writes[i].Key, closed[i].manifest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// settleManifest deals with a manifest that is stored already: by an attempt
// that crashed before it moved the head, or by a pump that is ahead of this
// one. Both saw the same records of the bucket, so the contents are equal but
// where a record came late to one of them; the head then decides.
func (c *commit) settleManifest(ctx context.Context, key control.Key, mine Manifest) error {
	stored, version, err := control.Load[Manifest](ctx, c.pump.Heads.Table, key)
	if err != nil {
		return err
	}
	if stored == mine {
		return nil
	}
	_, current, err := c.pump.Heads.load(ctx, c.lane)
	if err != nil {
		return err
	}
	if current != c.version {
		return ErrOvertaken
	}
	if _, err = control.Store(ctx, c.pump.Heads.Table, key, mine, version); errors.Is(err, control.ErrConflict) {
		return ErrOvertaken
	}
	return err
}
