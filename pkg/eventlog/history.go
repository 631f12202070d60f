package eventlog

import (
	"context"
	"fmt"

	"reprise/pkg/event"
)

// historyPage bounds what History holds in memory at a time.
const historyPage = 500

// History calls visit for an entity's events at positions up to upTo, in the
// order of positions. buckets are those in which the entity has events,
// ascending; it costs one Query a bucket. Reads are consistent.
func History(ctx context.Context, log Log, lane event.Lane, entity string, buckets []Bucket, upTo event.Position,
	visit func(Bucket, *Entry) error,
) error {
	for _, bucket := range buckets {
		after := ""
		for {
			page, err := log.ReadEntity(ctx, lane, bucket, entity, after, PageLimit{Entries: historyPage})
			if err != nil {
				return fmt.Errorf("read history of an entity in bucket %s: %w", bucket, err)
			}
			for i := range page.Entries {
				if page.Entries[i].Position > upTo {
					return nil
				}
				if err := visit(bucket, &page.Entries[i]); err != nil {
					return err
				}
			}
			if page.Next == "" {
				break
			}
			after = page.Next
		}
	}
	return nil
}

// BucketsSince returns the buckets of a lane from one on, as of head.
func (h Heads) BucketsSince(ctx context.Context, lane event.Lane, head Head, from Bucket) ([]Bucket, error) {
	var buckets []Bucket
	err := h.Manifests(ctx, lane, head, from, "", func(b Bucket, _ Manifest) error {
		buckets = append(buckets, b)
		return nil
	})
	return buckets, err
}
