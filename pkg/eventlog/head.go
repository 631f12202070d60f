package eventlog

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/control"
	"reprise/pkg/event"
)

// Manifest says what a lane has in a bucket. It digests content, not stored
// bytes, so that the encoding of items may change.
type Manifest struct {
	Count int64 `json:"count"`
	// Bytes is the length of all lines.
	Bytes  int64          `json:"bytes"`
	Digest event.Digest   `json:"digest"`
	First  event.Position `json:"first"`
	Last   event.Position `json:"last"`
}

// Add counts one event, which must follow all counted before.
func (m *Manifest) Add(at event.Position, line []byte) {
	if m.Count == 0 {
		m.First = at
	}
	m.Last = at
	m.Count++
	m.Bytes += int64(len(line))
	m.Digest = m.Digest.Add(event.DigestOf(at, line))
}

// Head is how far a lane is committed. Only what it covers is in the log.
type Head struct {
	// Position is the last position committed, "" before the first.
	Position event.Position `json:"position"`
	// Logged is the logged time of the last event, which the next one's cannot
	// be before, in milliseconds since 1970.
	Logged int64 `json:"logged"`
	// Bucket is the open bucket, and Open its manifest so far. Manifests of
	// all buckets before it are closed and never change.
	Bucket Bucket   `json:"bucket"`
	Open   Manifest `json:"open"`
	// Count and Bytes are those of the whole lane.
	Count int64 `json:"count"`
	Bytes int64 `json:"bytes"`
	// Trail has the ends of the latest records; see CountAt.
	Trail Trail `json:"trail,omitempty"`
}

// Heads reads heads and closed manifests. Only the Pump writes them.
type Heads struct{ Table control.Table }

func headKey(lane event.Lane) control.Key {
	return control.Key{Partition: "head#" + lane.String(), Sort: "head"}
}

func manifestPartition(lane event.Lane) string { return "manifest#" + lane.String() }

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
	heads := make([]Head, lanes)
	keys := make([]control.Key, lanes)
	index := make(map[control.Key]int, lanes)
	for i := range keys {
		keys[i] = headKey(event.Lane(i))
		index[keys[i]] = i
	}
	err := control.LoadAll(ctx, h.Table, keys, func(key control.Key, head Head) { heads[index[key]] = head })
	if err != nil {
		return nil, fmt.Errorf("load heads: %w", err)
	}
	return heads, nil
}

// Manifests calls visit for the manifests of a lane's buckets in [from, to),
// ascending, as of head: closed ones as stored, and the open one last. An empty
// to means no end.
func (h Heads) Manifests(ctx context.Context, lane event.Lane, head Head, from, to Bucket,
	visit func(Bucket, Manifest) error,
) error {
	if head.Position == "" {
		return nil
	}
	inside := func(b Bucket) bool { return b >= from && (to == "" || b < to) }
	stop := errors.New("stop")
	err := control.Each(ctx, h.Table, manifestPartition(lane), before(from), func(sort string, m Manifest) error {
		// A manifest at or behind the open bucket is the leftover of a commit
		// that did not come to move the head.
		if b := Bucket(sort); b >= head.Bucket || !inside(b) {
			return stop
		}
		return visit(Bucket(sort), m)
	})
	if err != nil && !errors.Is(err, stop) {
		return fmt.Errorf("read manifests of lane %s: %w", lane, err)
	}
	if head.Open.Count > 0 && inside(head.Bucket) {
		return visit(head.Bucket, head.Open)
	}
	return nil
}

// before returns a text that sorts directly before every bucket from b on.
func before(b Bucket) string {
	if b == "" {
		return ""
	}
	return string(b[:len(b)-1]) + string(rune(b[len(b)-1]-1)) + "~"
}
