package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
)

// Head is how far a lane is committed. Only what it covers is in the log, and
// of that only the records that the lane's register lists.
type Head struct {
	// Position is the last position committed, "" before the first.
	Position event.Position `json:"position"`
	// Logged is the logged time of the last event, in milliseconds since 1970;
	// the next event's cannot be earlier.
	Logged int64 `json:"logged"`
	// Bucket is the open bucket, and Open its manifest so far. The manifests of
	// earlier buckets never change.
	Bucket Bucket   `json:"bucket"`
	Open   Manifest `json:"open"`
	// Closed are the manifests of buckets that this head's commit closed. The
	// next commit writes them, unchanged, to their own documents.
	Closed []ClosedManifest `json:"closed,omitempty"`
	// Count, Bytes and Digest cover the whole lane. Digest is nil in a head of an
	// earlier version until its next commit.
	Count  int64         `json:"count"`
	Bytes  int64         `json:"bytes"`
	Digest *event.Digest `json:"digest,omitempty"`
	// Since is the position after which the register lists every record; nil in a
	// head of an earlier version until its next commit.
	Since *event.Position `json:"since,omitempty"`
	// Records is the end of the register; PageEnd marks a complete page in it.
	Records Records  `json:"records,omitempty"`
	PageEnd *PageEnd `json:"pageEnd,omitempty"`
}

// ClosedManifest is the manifest of a closed bucket.
type ClosedManifest struct {
	Bucket   Bucket   `json:"bucket"`
	Manifest Manifest `json:"manifest"`
}

// Heads reads heads, manifests and registers. Only the Pump writes them.
type Heads struct{ Table control.Table }

// errStop ends a listing early.
var errStop = errors.New("stop")

func headKey(lane event.Lane) control.Key {
	return control.Key{Partition: "head#" + lane.String(), Sort: "head"}
}

func manifestPartition(lane event.Lane) string { return "manifest#" + lane.String() }

func manifestKey(lane event.Lane, b Bucket) control.Key {
	return control.Key{Partition: manifestPartition(lane), Sort: string(b)}
}

// Load returns a lane's head, the zero Head where nothing is committed yet.
func (h Heads) Load(ctx context.Context, lane event.Lane) (Head, error) {
	head, _, err := h.load(ctx, lane)
	return head, err
}

func (h Heads) load(ctx context.Context, lane event.Lane) (Head, control.Version, error) {
	head, version, err := control.Load[Head](ctx, h.Table, headKey(lane))
	if err != nil && !errors.Is(err, control.ErrNotFound) {
		return Head{}, "", fmt.Errorf("load head of lane %s: %w", lane, err)
	}
	return head, version, nil
}

// LoadAll returns the heads of all lanes, indexed by lane.
func (h Heads) LoadAll(ctx context.Context, lanes int) ([]Head, error) {
	return h.LoadOf(ctx, event.AllLanes(lanes))
}

// LoadOf returns the heads of some lanes, in the order of lanes, in as few reads as
// the table allows.
func (h Heads) LoadOf(ctx context.Context, lanes []event.Lane) ([]Head, error) {
	heads := make([]Head, len(lanes))
	keys := make([]control.Key, len(lanes))
	index := make(map[control.Key]int, len(lanes))
	for i, lane := range lanes {
		keys[i] = headKey(lane)
		index[keys[i]] = i
	}
	err := control.LoadAll(ctx, h.Table, keys, func(key control.Key, head Head) { heads[index[key]] = head })
	if err != nil {
		return nil, fmt.Errorf("load heads: %w", err)
	}
	return heads, nil
}

// Await loads a head again after minPoll, then doubles the interval up to maxPoll:
// a load costs a read unit, and the pump may take several hundred milliseconds.
const (
	minPoll = 10 * time.Millisecond
	maxPoll = 320 * time.Millisecond
)

// Await loads a lane's head until enough accepts it or patience ends, and returns
// the last head that it loaded, accepted or not. sleep waits, or returns the
// context's error if that ends first.
func (h Heads) Await(ctx context.Context, lane event.Lane, enough func(Head) bool, patience time.Duration,
	sleep func(context.Context, time.Duration) error,
) (Head, error) {
	wait, waited := minPoll, time.Duration(0)
	for {
		head, err := h.Load(ctx, lane)
		if err != nil || enough(head) || waited >= patience {
			return head, err
		}
		if err := sleep(ctx, wait); err != nil {
			return head, err
		}
		waited += wait
		wait = min(2*wait, maxPoll)
	}
}
