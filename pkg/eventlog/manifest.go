package eventlog

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/control"
	"reprise/pkg/event"
)

// Manifest sums up what a lane has in a bucket. It digests content, not stored
// bytes, so that the encoding of items may change.
type Manifest struct {
	Count int64 `json:"count"`
	// Bytes is the length of all lines.
	Bytes  int64          `json:"bytes"`
	Digest event.Digest   `json:"digest"`
	First  event.Position `json:"first"`
	Last   event.Position `json:"last"`
}

// Add counts one event, whose position must follow those counted so far.
func (m *Manifest) Add(at event.Position, line []byte) {
	m.add(at, len(line), event.DigestOf(at, line))
}

func (m *Manifest) add(at event.Position, bytes int, digest event.Digest) {
	if m.Count == 0 {
		m.First = at
	}
	m.Last = at
	m.Count++
	m.Bytes += int64(bytes)
	m.Digest = m.Digest.Add(digest)
}

// Manifests calls visit for the manifests of a lane's buckets in [from, to), as of
// head, in ascending order, the open bucket last. An empty to means no end.
func (h Heads) Manifests(ctx context.Context, lane event.Lane, head Head, from, to Bucket,
	visit func(Bucket, Manifest) error,
) error {
	if head.Position == "" {
		return nil
	}
	inside := func(b Bucket) bool { return b >= from && (to == "" || b < to) }
	carried := head.Closed
	// A later commit may have stored the manifests that this head carries; they
	// are identical then, and visited once.
	until := func(next Bucket) error {
		for len(carried) > 0 && carried[0].Bucket < next {
			c := carried[0]
			carried = carried[1:]
			if inside(c.Bucket) {
				if err := visit(c.Bucket, c.Manifest); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err := control.Each(ctx, h.Table, manifestPartition(lane), before(from), func(sort string, m Manifest) error {
		b := Bucket(sort)
		// A manifest of the open bucket or a later one belongs to another head.
		if b >= head.Bucket || !inside(b) {
			return errStop
		}
		if err := until(b); err != nil {
			return err
		}
		if len(carried) > 0 && carried[0].Bucket == b {
			return nil
		}
		return visit(b, m)
	})
	if err != nil && !errors.Is(err, errStop) {
		return fmt.Errorf("read manifests of lane %s: %w", lane, err)
	}
	if err := until(head.Bucket); err != nil {
		return err
	}
	if head.Open.Count > 0 && inside(head.Bucket) {
		return visit(head.Bucket, head.Open)
	}
	return nil
}

// ManifestsOf returns the manifests, as of head, of those of the buckets in which
// the lane has events. buckets are ascending.
func (h Heads) ManifestsOf(
	ctx context.Context, lane event.Lane, head Head, buckets []Bucket,
) (map[Bucket]Manifest, error) {
	found := make(map[Bucket]Manifest)
	if len(buckets) == 0 || head.Position == "" {
		return found, nil
	}
	if len(buckets) > manyBuckets {
		wanted := make(map[Bucket]bool, len(buckets))
		for _, b := range buckets {
			wanted[b] = true
		}
		err := h.Manifests(ctx, lane, head, buckets[0], "", func(b Bucket, m Manifest) error {
			if wanted[b] {
				found[b] = m
			}
			return nil
		})
		return found, err
	}
	var keys []control.Key
	for _, b := range buckets {
		if b < head.Bucket {
			keys = append(keys, manifestKey(lane, b))
		}
	}
	if len(keys) > 0 {
		err := control.LoadAll(ctx, h.Table, keys, func(key control.Key, m Manifest) { found[Bucket(key.Sort)] = m })
		if err != nil {
			return nil, fmt.Errorf("read manifests of lane %s: %w", lane, err)
		}
	}
	for _, c := range head.Closed {
		found[c.Bucket] = c.Manifest
	}
	if head.Open.Count > 0 {
		found[head.Bucket] = head.Open
	}
	return found, nil
}

// spanning returns the bucket, at or after from, whose manifest spans a position.
func (h Heads) spanning(ctx context.Context, lane event.Lane, head Head, from Bucket, at event.Position,
) (home Bucket, manifest Manifest, found bool, err error) {
	err = h.Manifests(ctx, lane, head, from, "", func(b Bucket, m Manifest) error {
		if m.Last < at {
			return nil
		}
		if m.First <= at {
			home, manifest, found = b, m, true
		}
		return errStop
	})
	if err != nil && !errors.Is(err, errStop) {
		return "", Manifest{}, false, err
	}
	return home, manifest, found, nil
}

// BucketsSince returns the lane's buckets at or after from, as of head.
func (h Heads) BucketsSince(ctx context.Context, lane event.Lane, head Head, from Bucket) ([]Bucket, error) {
	var buckets []Bucket
	err := h.Manifests(ctx, lane, head, from, "", func(b Bucket, _ Manifest) error {
		buckets = append(buckets, b)
		return nil
	})
	return buckets, err
}

// before returns a text that sorts directly before every bucket from b on.
func before(b Bucket) string { return justBelow(string(b)) }
