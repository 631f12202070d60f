package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// Sum counts events and digests them, in any order.
type Sum struct {
	Count  int64        `json:"count"`
	Bytes  int64        `json:"bytes"`
	Digest event.Digest `json:"digest"`
}

func (s *Sum) add(bytes int, digest event.Digest) {
	s.Count++
	s.Bytes += int64(bytes)
	s.Digest = s.Digest.Add(digest)
}

func (s *Sum) addSum(o Sum) {
	s.Count += o.Count
	s.Bytes += o.Bytes
	s.Digest = s.Digest.Add(o.Digest)
}

// Checkpoint is how far a lane of a replay is read and delivered. What lies
// before it was acknowledged by the playback stream.
type Checkpoint struct {
	// Bucket and After are where reading goes on: behind the sort key After of
	// that bucket.
	Bucket eventlog.Bucket `json:"bucket"`
	After  string          `json:"after"`
	// Read sums what the log gave, up to the cut; Delivered what of it was
	// selected. Delivered.Count is the ordinal of the next event.
	Read      Sum `json:"read"`
	Delivered Sum `json:"delivered"`
	// Stranded is the highest position beyond the cut whose event is older than
	// what the event stream still holds, "" where there was none. Unless the head
	// has come to it since, it is lost to the log, although the table holds it.
	Stranded event.Position `json:"stranded,omitempty"`
	// Missing is a position at or before the cut whose event the table holds, but
	// which is neither in the log nor set aside, although it is older than what
	// the event stream still holds. A head was set back, and went on from there.
	Missing event.Position `json:"missing,omitempty"`
	// Done says that there is nothing behind.
	Done bool `json:"done,omitempty"`
	// End is the lane's end marker, once a reader has come to it. It stays when
	// the checkpoint is set back: a drain that was given up and goes on late
	// cannot unsay what was read.
	End *End `json:"end,omitempty"`
}

// End is what a lane has as a whole, up to the cut.
type End struct {
	Read      Sum            `json:"read"`
	Delivered Sum            `json:"delivered"`
	Stranded  event.Position `json:"stranded,omitempty"`
	Missing   event.Position `json:"missing,omitempty"`
}

func checkpointKey(id string, lane event.Lane) control.Key {
	return control.Key{Partition: Partition(id), Sort: "checkpoint#" + lane.String()}
}

func (s Store) loadCheckpoint(ctx context.Context, id string, lane event.Lane) (Checkpoint, control.Version, error) {
	at, version, err := control.Load[Checkpoint](ctx, s.Table, checkpointKey(id, lane))
	if err != nil && !errors.Is(err, control.ErrNotFound) {
		return Checkpoint{}, "", fmt.Errorf("load checkpoint of lane %s: %w", lane, err)
	}
	return at, version, nil
}

// advance stores a checkpoint unless a further one is stored already, as it is
// when two readers work on one lane, and returns the one that is stored then.
func (s Store) advance(ctx context.Context, id string, lane event.Lane, to Checkpoint) error {
	_, err := control.Update(ctx, s.Table, checkpointKey(id, lane), func(at *Checkpoint, _ bool) error {
		if at.Done || at.Read.Count > to.Read.Count || (at.Read.Count == to.Read.Count && !to.Done) {
			return control.Unchanged()
		}
		end := at.End
		if *at = to; to.End == nil {
			at.End = end
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store checkpoint of lane %s: %w", lane, err)
	}
	return nil
}

// rewind sets a checkpoint back to a mark's place, to read the lane again from
// there.
func (s Store) rewind(ctx context.Context, id string, lane event.Lane, place json.RawMessage) error {
	var to Checkpoint
	if len(place) > 0 {
		if err := json.Unmarshal(place, &to); err != nil {
			return fmt.Errorf("decode place of lane %s: %w", lane, err)
		}
	}
	to.Done = false
	_, err := control.Update(ctx, s.Table, checkpointKey(id, lane), func(at *Checkpoint, _ bool) error {
		to.End = at.End
		*at = to
		return nil
	})
	if err != nil {
		return fmt.Errorf("rewind checkpoint of lane %s: %w", lane, err)
	}
	return nil
}

// LoadCheckpoints returns the checkpoints of lanes of a replay, those that there
// are.
func (s Store) LoadCheckpoints(ctx context.Context, id string, lanes []event.Lane) (map[event.Lane]Checkpoint, error) {
	keys := make([]control.Key, len(lanes))
	index := make(map[control.Key]event.Lane, len(lanes))
	for i, lane := range lanes {
		keys[i] = checkpointKey(id, lane)
		index[keys[i]] = lane
	}
	found := make(map[event.Lane]Checkpoint, len(lanes))
	err := control.LoadAll(ctx, s.Table, keys, func(key control.Key, at Checkpoint) { found[index[key]] = at })
	if err != nil {
		return nil, fmt.Errorf("load checkpoints: %w", err)
	}
	return found, nil
}
