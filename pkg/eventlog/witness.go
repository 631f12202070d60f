package eventlog

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/event"
)

// ErrHeadLost says that a lane's head is gone, or is older than one that the log
// has witnessed: the control table was damaged, or restored to another time than
// the Events table. Nothing is committed on such a head, since it would count
// again what is in the log already. A retry cannot help until the control table
// is restored to the time of the Events table.
var ErrHeadLost = errors.New("the lane's head is behind what the log itself has witnessed: " +
	"restore the control table to the time of the Events table")

// Witness is the Events table's own record of a lane's head, written once for each
// bucket that the lane opens, after the head that opened it. It distinguishes a
// lost head from one that never existed.
type Witness struct {
	Bucket Bucket `json:"bucket"`
	// First is the first position of the bucket; Count and Bytes are what the
	// lane had before it.
	First event.Position `json:"first"`
	Count int64          `json:"count"`
	Bytes int64          `json:"bytes"`
}

// Check returns ErrLimit unless w can be stored.
func (w *Witness) Check() error {
	if err := errors.Join(w.Bucket.Check(), checkPosition(w.First)); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	return nil
}

// witness returns the witness of the head's open bucket.
func (h *Head) witness() Witness {
	return Witness{
		Bucket: h.Bucket,
		First:  h.Open.First,
		Count:  h.Count - h.Open.Count,
		Bytes:  h.Bytes - h.Open.Bytes,
	}
}

// CheckHead loads a lane's head, and returns ErrHeadLost if the log has witnessed
// a later one. It costs two reads.
func (v View) CheckHead(ctx context.Context, lane event.Lane) (Head, error) {
	head, version, err := v.Heads.load(ctx, lane)
	for err == nil {
		if _, err = checkHead(ctx, v.Log, lane, &head); !errors.Is(err, ErrHeadLost) {
			break
		}
		// A pump may have opened a bucket, and witnessed it, since.
		found := version
		lost := err
		if head, version, err = v.Heads.load(ctx, lane); err == nil && version == found {
			return head, lost
		}
	}
	return head, err
}

// checkHead is CheckHead for a loaded head; witnessed tells whether its open bucket
// has a witness.
func checkHead(ctx context.Context, log Log, lane event.Lane, head *Head) (witnessed bool, err error) {
	seen, err := log.Witnesses(ctx, lane, Bucket(before(head.Bucket)), 2)
	if err != nil {
		return false, fmt.Errorf("read witnesses of lane %s: %w", lane, err)
	}
	if len(seen) == 0 {
		return false, nil
	}
	if head.Position == "" || seen[len(seen)-1].Bucket != head.Bucket || seen[0] != head.witness() {
		return false, fmt.Errorf("check head of lane %s at %q: %w", lane, head.Position, ErrHeadLost)
	}
	return true, nil
}
