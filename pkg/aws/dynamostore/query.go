package dynamostore

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"reprise/pkg/meter"
)

// Querier is the call for pages of items.
type Querier interface {
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Range is a part of a partition, in the order of sort keys.
type Range struct {
	PK string
	// After is the sort key before the range; "" means from the start.
	After string
	// From and To bound the sort keys, inclusive. They replace After if To is not
	// "".
	From, To   string
	Consistent bool
}

func (r Range) condition() (expression string, values Item) {
	values = Item{":p": Text(r.PK)}
	expression = PK + " = :p"
	switch {
	case r.To != "":
		values[":a"], values[":b"] = Text(r.From), Text(r.To)
		expression += " AND " + SK + " BETWEEN :a AND :b"
	case r.After != "":
		values[":a"] = Text(r.After)
		expression += " AND " + SK + " > :a"
	}
	return expression, values
}

// Page reads up to limit items of a range, and at most 1 MB. The range goes on after
// the sort key next, perhaps with no item; "" means that the range has ended.
func (t *Table) Page(ctx context.Context, c Querier, r Range, limit int) (items []Item, next string, err error) {
	expression, values := r.condition()
	size := int32(min(limit, 100_000))
	out, err := c.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &t.Name,
		KeyConditionExpression:    &expression,
		ExpressionAttributeValues: values,
		ConsistentRead:            &r.Consistent,
		Limit:                     &size,
		ReturnConsumedCapacity:    types.ReturnConsumedCapacityTotal,
	})
	if err != nil {
		return nil, "", err
	}
	bytes := 0
	if out.ConsumedCapacity == nil {
		for _, item := range out.Items {
			bytes += ItemBytes(item)
		}
	}
	t.count(meter.ReadUnits, out.ConsumedCapacity, meter.Read(bytes, r.Consistent))
	return out.Items, KeyOf(out.LastEvaluatedKey).SK, nil
}

// Items reads up to limit items of a range, in as many pages as needed, and calls
// visit for each in order.
func (t *Table) Items(ctx context.Context, c Querier, r Range, limit int, visit func(Item) error) error {
	for limit > 0 {
		items, next, err := t.Page(ctx, c, r, limit)
		if err != nil {
			return err
		}
		for _, item := range items {
			if err := visit(item); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		limit -= len(items)
		r = r.Behind(next)
	}
	return nil
}

// Behind returns the range after one of its sort keys.
func (r Range) Behind(key string) Range {
	r.After, r.From = key, Above(key)
	return r
}

// Above returns a text between key and the next possible key. Keys must not contain
// control characters; escaped ids do not.
func Above(key string) string { return key + " " }
