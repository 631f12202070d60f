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

// Sum is the count, bytes and digest of a set of events, in any order.
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

// Checkpoint is how far a lane of a replay was read and delivered: the playback
// stream has acknowledged everything before it.
type Checkpoint struct {
	// Bucket and After are where reading continues: after the sort key After of
	// that bucket.
	Bucket eventlog.Bucket `json:"bucket"`
	After  string          `json:"after"`
	// Read sums the events read from the log, up to the cut, and Delivered those
	// of them that were selected. Delivered.Count is the next event's ordinal.
	Read      Sum `json:"read"`
	Delivered Sum `json:"delivered"`
	// Stranded is the highest position beyond the cut at which the Events table
	// has an event that is older than the event stream's retention, "" if there
	// is none. Unless the head has reached it since, it is lost to the log.
	Stranded event.Position `json:"stranded,omitempty"`
	// Missing is a position at or before the cut at which the Events table has an
	// event that is older than the event stream's retention, but neither in the
	// log nor quarantined: a head was set back, and moved on from there.
	Missing event.Position `json:"missing,omitempty"`
	// Done says that the lane was read to its end.
	Done bool `json:"done,omitempty"`
	// End is the lane's end marker, once a reader has reached it. It stays when
	// the checkpoint is set back, so that an abandoned drain that is still running
	// cannot undo it.
	End *End `json:"end,omitempty"`
}

// End sums up a whole lane, up to the cut.
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

// advance stores a checkpoint, unless another reader of the lane has stored one that
// is at least as far.
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

// rewind sets a checkpoint back to a mark's place, so that the lane is read again
// from there.
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

// LoadCheckpoints returns the checkpoints of a replay that exist among lanes.
func (s Store) LoadCheckpoints(ctx context.Context, id string, lanes []event.Lane) (map[event.Lane]Checkpoint, error) {
	found, err := loadLanes[Checkpoint](ctx, s.Table, id, lanes, checkpointKey)
	if err != nil {
		return nil, fmt.Errorf("load checkpoints: %w", err)
	}
	return found, nil
}

// loadLanes loads the documents of a replay that exist among lanes.
func loadLanes[T any](ctx context.Context, table control.Table, id string, lanes []event.Lane,
	keyOf func(id string, lane event.Lane) control.Key,
) (map[event.Lane]T, error) {
	keys := make([]control.Key, len(lanes))
	index := make(map[control.Key]event.Lane, len(lanes))
	for i, lane := range lanes {
		keys[i] = keyOf(id, lane)
		index[keys[i]] = lane
	}
	found := make(map[event.Lane]T, len(lanes))
	err := control.LoadAll(ctx, table, keys, func(key control.Key, value T) { found[index[key]] = value })
	return found, err
}
