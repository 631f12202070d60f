package datastoredynamo

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

const (
	rowPrefix    = "r#"
	positionName = "o"
	stateName    = "s"
	fieldsName   = "m"
	filterName   = "f"
)

// generation is one table.
type generation struct {
	all   *Generations
	id    string
	store dynamostore.Table
}

// check returns datastore.ErrNoGeneration if no table can have the id, which the
// service would call an invalid request.
func (g *generation) check() error {
	if err := datastore.CheckID(g.id); err != nil {
		return fmt.Errorf("%w: %w", datastore.ErrNoGeneration, err)
	}
	return nil
}

func rowKey(lane event.Lane, entity string) dynamostore.Key {
	return dynamostore.Key{PK: lane.String(), SK: rowPrefix + event.EscapeEntity(entity)}
}

func encodeRow(lane event.Lane, r *datastore.Row) dynamostore.Item {
	key := rowKey(lane, r.Entity)
	item := dynamostore.Item{
		dynamostore.PK: dynamostore.Text(key.PK),
		dynamostore.SK: dynamostore.Text(key.SK),
		positionName:   dynamostore.Text(string(r.Position)),
		fieldsName:     &types.AttributeValueMemberB{Value: packFields(r)},
	}
	if len(r.State) > 0 {
		item[stateName] = dynamostore.Plain(r.State)
	}
	if len(r.Filter) > 0 {
		item[filterName] = &types.AttributeValueMemberB{Value: dynamostore.Framed(r.Filter)}
	}
	return item
}

func (g *generation) decodeRow(item dynamostore.Item) (datastore.Row, error) {
	escaped, _ := strings.CutPrefix(dynamostore.KeyOf(item).SK, rowPrefix)
	entity, err := event.UnescapeEntity(escaped)
	if err != nil {
		return datastore.Row{}, fmt.Errorf("decode row: %w", err)
	}
	r := datastore.Row{Entity: entity, Position: event.Position(dynamostore.TextOf(item[positionName]))}
	state, err := g.all.codec.Decode(item[stateName])
	if err != nil {
		return r, fmt.Errorf("decode state: %w", err)
	}
	filter, err := g.all.codec.Decode(item[filterName])
	if err != nil {
		return r, fmt.Errorf("decode filter: %w", err)
	}
	r.State, r.Filter = state, filter
	fields, ok := item[fieldsName].(*types.AttributeValueMemberB)
	if !ok {
		return r, fmt.Errorf("decode row: %w", dynamostore.ErrFrame)
	}
	return r, unpackFields(fields.Value, &r)
}

var _ datastore.Glancer = (*generation)(nil)

// Rows implements datastore.Generation.
func (g *generation) Rows(ctx context.Context, lane event.Lane, entities []string) (map[string]datastore.Row, error) {
	return g.rows(ctx, lane, entities, g.store.GetAll)
}

// Glance implements datastore.Glancer.
func (g *generation) Glance(ctx context.Context, lane event.Lane, entities []string) (map[string]datastore.Row, error) {
	return g.rows(ctx, lane, entities, g.store.Glance)
}

func (g *generation) rows(ctx context.Context, lane event.Lane, entities []string,
	get func(context.Context, dynamostore.BatchGetter, []dynamostore.Key) ([]dynamostore.Item, error),
) (map[string]datastore.Row, error) {
	distinct, err := datastore.Distinct(ctx, entities) // the service refuses repeated keys
	if err == nil && len(distinct) > 0 {
		err = g.check()
	}
	if err != nil {
		return nil, failed("read rows", err)
	}
	keys := make([]dynamostore.Key, len(distinct))
	for i, entity := range distinct {
		keys[i] = rowKey(lane, entity)
	}
	items, err := get(ctx, g.all.client, keys)
	if err != nil {
		return nil, failed("read rows", err)
	}
	rows := make(map[string]datastore.Row, len(items))
	for _, item := range items {
		row, err := g.decodeRow(item)
		if err != nil {
			return nil, failed("read rows", err)
		}
		rows[row.Entity] = row
	}
	return rows, nil
}

// Scan implements datastore.Generation.
func (g *generation) Scan(ctx context.Context, lane event.Lane, after string, limit int) ([]datastore.Row, error) {
	if err := errors.Join(ctx.Err(), datastore.CheckAfter(after), g.check()); err != nil {
		return nil, failed("scan rows", err)
	}
	// '$' follows '#', so the range ends after the last row; marks sort before.
	r := dynamostore.Range{PK: lane.String(), From: rowPrefix, To: "r$", Consistent: true}
	if after != "" {
		r = r.Behind(rowKey(lane, after).SK)
	}
	page := datastore.Page{Limit: limit}
	err := g.store.Items(ctx, g.all.client, r, limit, func(item dynamostore.Item) error {
		row, err := g.decodeRow(item)
		if err == nil && !page.Add(row) {
			return errPageFull
		}
		return err
	})
	if err != nil && !errors.Is(err, errPageFull) {
		return nil, failed("scan rows", err)
	}
	return page.Rows, nil
}

// errPageFull ends the reading of a page.
var errPageFull = errors.New("the page is full")

// WriteRows implements datastore.Generation. It makes concurrent single writes, since
// DynamoDB's batches take no conditions.
func (g *generation) WriteRows(ctx context.Context, lane event.Lane, writes []datastore.RowWrite) ([]string, error) {
	items, err := g.encodeRows(ctx, lane, writes)
	if err != nil {
		return nil, failed("write rows", err)
	}
	var mu sync.Mutex
	var conflicts []string
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(g.all.options.Parallel)
	for i := range writes {
		if groupCtx.Err() != nil {
			break // one error is enough: skip the rest
		}
		group.Go(func() error {
			if err := g.index(groupCtx, lane, &writes[i].Row); err != nil {
				return err
			}
			stored, err := g.writeRow(groupCtx, items[i], &writes[i])
			if err == nil && !stored {
				mu.Lock()
				defer mu.Unlock()
				conflicts = append(conflicts, writes[i].Row.Entity)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, failed("write rows", err)
	}
	return conflicts, nil
}

func (g *generation) encodeRows(ctx context.Context, lane event.Lane, writes []datastore.RowWrite) (
	[]dynamostore.Item, error,
) {
	if err := datastore.CheckWrites(ctx, writes); err != nil {
		return nil, err
	}
	if len(writes) > 0 {
		if err := g.check(); err != nil {
			return nil, err
		}
	}
	items := make([]dynamostore.Item, len(writes))
	for i := range writes {
		items[i] = encodeRow(lane, &writes[i].Row)
		g.all.codec.Shrink(items[i], stateName, filterName)
	}
	return items, nil
}

// writeRow reports whether the row is stored. If the condition fails but the same row
// is there, an earlier attempt stored it and its answer was lost.
func (g *generation) writeRow(ctx context.Context, item dynamostore.Item, w *datastore.RowWrite) (
	stored bool, err error,
) {
	condition := dynamostore.New()
	if w.Previous != "" {
		condition = dynamostore.Equal(positionName, string(w.Previous))
	}
	outcome, err := g.store.PutIf(ctx, g.all.client, item, condition)
	if err != nil || outcome == dynamostore.Done {
		return err == nil, err
	}
	if outcome == dynamostore.Refused {
		return false, nil
	}
	known, err := g.store.Get(ctx, g.all.client, dynamostore.KeyOf(item))
	return err == nil && reflect.DeepEqual(known, item), err
}
