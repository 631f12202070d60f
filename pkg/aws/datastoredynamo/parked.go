package datastoredynamo

import (
	"context"
	"errors"
	"strings"

	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// parkedPrefix begins the sort keys of the index of parked entities, between those of
// marks and of rows.
const parkedPrefix = "p#"

func parkedKey(lane event.Lane, entity string) dynamostore.Key {
	return dynamostore.Key{PK: lane.String(), SK: parkedPrefix + event.EscapeEntity(entity)}
}

// index adds an entity to the index before its row is parked. A crash in between
// leaves a superfluous item, which does no harm: the row decides. The item stays.
func (g *generation) index(ctx context.Context, lane event.Lane, row *datastore.Row) error {
	if row.Parked == nil {
		return nil
	}
	key := parkedKey(lane, row.Entity)
	item := dynamostore.Item{dynamostore.PK: dynamostore.Text(key.PK), dynamostore.SK: dynamostore.Text(key.SK)}
	// Whatever the outcome, the item is there.
	_, err := g.store.PutIf(ctx, g.all.client, item, dynamostore.New())
	return err
}

// Parked implements datastore.Generation.
func (g *generation) Parked(ctx context.Context, lane event.Lane, after string, limit int) ([]datastore.Row, error) {
	if err := errors.Join(ctx.Err(), datastore.CheckAfter(after), g.check()); err != nil {
		return nil, failed("list parked rows", err)
	}
	page := datastore.Page{Limit: limit}
	for !page.Full() {
		entities, err := g.indexed(ctx, lane, after, min(limit-len(page.Rows), parkedAtOnce))
		if err != nil {
			return nil, failed("list parked rows", err)
		}
		found, err := g.Rows(ctx, lane, entities)
		if err != nil {
			return nil, err
		}
		for _, entity := range entities {
			if row, there := found[entity]; there && row.Parked != nil && !page.Full() {
				page.Add(row)
			}
			after = entity
		}
		if len(entities) == 0 {
			break
		}
	}
	return page.Rows, nil
}

// parkedAtOnce bounds the rows that are read to see which of them are parked.
const parkedAtOnce = 16

// indexed returns the entities of the index after after, none at its end.
func (g *generation) indexed(ctx context.Context, lane event.Lane, after string, limit int) ([]string, error) {
	// '$' follows '#', so the range ends after the last key of the index.
	r := dynamostore.Range{PK: lane.String(), From: parkedPrefix, To: "p$", Consistent: true}
	if after != "" {
		r = r.Behind(parkedKey(lane, after).SK)
	}
	var entities []string
	err := g.store.Items(ctx, g.all.client, r, min(limit, datastore.MaxBatch), func(item dynamostore.Item) error {
		escaped, _ := strings.CutPrefix(dynamostore.KeyOf(item).SK, parkedPrefix)
		entity, err := event.UnescapeEntity(escaped)
		entities = append(entities, entity)
		return err
	})
	return entities, err
}
