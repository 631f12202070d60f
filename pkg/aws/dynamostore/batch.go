package dynamostore

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"reprise/pkg/meter"
)

// The limits of batch calls of DynamoDB.
const (
	maxGet    = 100
	maxDelete = 25
	// parallelBatches bounds the concurrent batches of one call.
	parallelBatches = 8
)

// ErrUnprocessed says that a throttled table did not process a whole batch before
// the retries ended. A later retry can help.
var ErrUnprocessed = errors.New("throttled table did not process the whole batch")

// BatchGetter and BatchWriter are the calls for many items.
type (
	BatchGetter interface {
		BatchGetItem(
			context.Context,
			*dynamodb.BatchGetItemInput,
			...func(*dynamodb.Options),
		) (*dynamodb.BatchGetItemOutput, error)
	}
	BatchWriter interface {
		BatchWriteItem(
			context.Context,
			*dynamodb.BatchWriteItemInput,
			...func(*dynamodb.Options),
		) (*dynamodb.BatchWriteItemOutput, error)
	}
)

// GetAll reads items consistently and returns those that exist, in any order. Keys
// must be distinct.
func (t *Table) GetAll(ctx context.Context, c BatchGetter, keys []Key) ([]Item, error) {
	return t.getAll(ctx, c, keys, true)
}

// Glance is GetAll with eventually consistent reads, at half the price: items may be as
// they were some time ago, usually less than a second.
func (t *Table) Glance(ctx context.Context, c BatchGetter, keys []Key) ([]Item, error) {
	return t.getAll(ctx, c, keys, false)
}

func (t *Table) getAll(ctx context.Context, c BatchGetter, keys []Key, consistent bool) ([]Item, error) {
	parts := make([][]Item, (len(keys)+maxGet-1)/maxGet)
	err := each(ctx, keys, maxGet, func(ctx context.Context, part int, keys []Key) (err error) {
		parts[part], err = t.getSome(ctx, c, keys, consistent)
		return err
	})
	if err != nil {
		return nil, err
	}
	var all []Item
	for _, part := range parts {
		all = append(all, part...)
	}
	return all, nil
}

func each(ctx context.Context, keys []Key, size int, do func(ctx context.Context, part int, keys []Key) error) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelBatches)
	for part := 0; len(keys) > 0; part++ {
		n := min(size, len(keys))
		chunk := keys[:n]
		keys = keys[n:]
		group.Go(func() error { return do(groupCtx, part, chunk) })
	}
	return group.Wait()
}

// getSome repeats the request for keys that the answer left out, because of its
// 16 MB limit or a throttle. It counts attempts since the last one that returned an
// item.
func (t *Table) getSome(ctx context.Context, c BatchGetter, keys []Key, consistent bool) ([]Item, error) {
	wanted := make([]Item, len(keys))
	for i, key := range keys {
		wanted[i] = key.item()
	}
	var items []Item
	for attempt := 0; ; attempt++ {
		out, err := c.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems:           map[string]types.KeysAndAttributes{t.Name: {Keys: wanted, ConsistentRead: &consistent}},
			ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		})
		if err != nil {
			return nil, err
		}
		found := out.Responses[t.Name]
		items = append(items, found...)
		left := out.UnprocessedKeys[t.Name].Keys
		t.countAll(meter.ReadUnits, out.ConsumedCapacity, readUnits(found, len(wanted)-len(left), consistent))
		if len(left) == 0 {
			return items, nil
		}
		if len(left) < len(wanted) {
			attempt = 0
		}
		wanted = left
		if err := t.Pace.Again(ctx, attempt, ErrUnprocessed); err != nil {
			return nil, err
		}
	}
}

// readUnits counts the units of found items, and those of each missing item.
func readUnits(found []Item, asked int, consistent bool) float64 {
	units := float64(asked-len(found)) * meter.Read(0, consistent)
	for _, item := range found {
		units += meter.Read(ItemBytes(item), consistent)
	}
	return units
}

// DeleteAll removes items unconditionally.
func (t *Table) DeleteAll(ctx context.Context, c BatchWriter, keys []Key) error {
	return each(ctx, keys, maxDelete, func(ctx context.Context, _ int, keys []Key) error {
		return t.deleteSome(ctx, c, keys)
	})
}

func (t *Table) deleteSome(ctx context.Context, c BatchWriter, keys []Key) error {
	wanted := make([]types.WriteRequest, len(keys))
	for i, key := range keys {
		wanted[i].DeleteRequest = &types.DeleteRequest{Key: key.item()}
	}
	for attempt := 0; ; attempt++ {
		out, err := c.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems:           map[string][]types.WriteRequest{t.Name: wanted},
			ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		})
		if err != nil {
			return err
		}
		left := out.UnprocessedItems[t.Name]
		t.countAll(meter.WriteUnits, out.ConsumedCapacity, float64(len(wanted)-len(left)))
		if len(left) == 0 {
			return nil
		}
		if len(left) < len(wanted) {
			attempt = 0
		}
		wanted = left
		if err := t.Pace.Again(ctx, attempt, ErrUnprocessed); err != nil {
			return err
		}
	}
}

func (t *Table) countAll(unit meter.Unit, consumed []types.ConsumedCapacity, units float64) {
	if len(consumed) == 0 {
		t.Meter.Add(unit, units)
		return
	}
	for i := range consumed {
		t.count(unit, &consumed[i], units)
	}
}
