package feed

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/control"
	"reprise/pkg/event"
)

// Checkpoints stores how far consumers that poll a stream themselves have read.
// On AWS the event source mapping does that.
type Checkpoints struct{ Table control.Table }

type checkpoint struct {
	Sequence string `json:"sequence"`
}

func checkpointKey(consumer, identity, shard string) control.Key {
	return control.Key{Partition: "consumer#" + consumer, Sort: identity + "#" + shard}
}

// Load returns the sequence number up to which consumer has processed a shard, ""
// if it has not begun.
func (c Checkpoints) Load(ctx context.Context, consumer, identity, shard string) (string, error) {
	at, _, err := control.Load[checkpoint](ctx, c.Table, checkpointKey(consumer, identity, shard))
	if errors.Is(err, control.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("load checkpoint of %s: %w", consumer, err)
	}
	return at.Sequence, nil
}

// Store moves a checkpoint forward, never back.
func (c Checkpoints) Store(ctx context.Context, consumer, identity, shard, sequence string) error {
	key := checkpointKey(consumer, identity, shard)
	_, err := control.Update(ctx, c.Table, key, func(at *checkpoint, _ bool) error {
		if event.CompareSequences(at.Sequence, sequence) >= 0 {
			return control.Unchanged()
		}
		at.Sequence = sequence
		return nil
	})
	if err != nil {
		return fmt.Errorf("store checkpoint of %s: %w", consumer, err)
	}
	return nil
}
