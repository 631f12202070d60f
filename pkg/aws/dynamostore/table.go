package dynamostore

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"reprise/pkg/aws/awsclient"
	"reprise/pkg/meter"
)

// The names of the keys.
const (
	PK = "pk"
	SK = "sk"
)

// ErrUnsure says that a write's condition failed after an attempt with an unknown
// outcome, so the write may have happened. Read again before deciding.
var ErrUnsure = errors.New("write may have happened")

// Item is an item's attributes, keys included.
type Item = map[string]types.AttributeValue

// Key names an item.
type Key struct{ PK, SK string }

func (k Key) item() Item { return Item{PK: Text(k.PK), SK: Text(k.SK)} }

// Text returns a string attribute.
func Text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// TextOf returns the text of a string attribute, "" for any other.
func TextOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// KeyOf returns the key of an item.
func KeyOf(i Item) Key { return Key{TextOf(i[PK]), TextOf(i[SK])} }

// Table is one table, with the pace and meter of its adapter. It is safe for
// concurrent use.
type Table struct {
	Name string
	// Pace is the pace of the retries made here: of conditional writes, which the
	// SDK must not retry, and of the unprocessed part of a batch.
	Pace awsclient.Pace
	// Meter counts units; nil counts nothing.
	Meter *meter.Counter
}

// Putter, Deleter and Getter are the calls for single items.
type (
	Putter interface {
		PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	}
	Deleter interface {
		DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	}
	Getter interface {
		GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	}
)

// Outcome is the outcome of a conditional write.
type Outcome int

// The outcomes.
const (
	// Done: the condition held.
	Done Outcome = iota + 1
	// Refused: the condition did not hold, and no attempt took effect.
	Refused
	// Unsure: the condition did not hold, perhaps because an earlier attempt took
	// effect.
	Unsure
)

// Condition is a condition expression on the stored item.
type Condition struct {
	Expression string
	Values     Item
}

// New is the condition that there is no item under the key.
func New() Condition { return Condition{Expression: "attribute_not_exists(" + PK + ")"} }

// Equal is the condition that an attribute of the stored item equals text.
func Equal(attribute, text string) Condition {
	return Condition{attribute + " = :v", Item{":v": Text(text)}}
}

// PutIf stores item if the condition holds.
func (t *Table) PutIf(ctx context.Context, c Putter, item Item, condition Condition) (Outcome, error) {
	return t.putIf(ctx, c, &dynamodb.PutItemInput{
		TableName:                 &t.Name,
		Item:                      item,
		ConditionExpression:       &condition.Expression,
		ExpressionAttributeValues: condition.Values,
		ReturnConsumedCapacity:    types.ReturnConsumedCapacityTotal,
	}, func(error) {})
}

// putIf calls failed with the error of every attempt.
func (t *Table) putIf(ctx context.Context, c Putter, in *dynamodb.PutItemInput, failed func(error)) (Outcome, error) {
	return t.writeIf(ctx, meter.Write(ItemBytes(in.Item)), func() (*types.ConsumedCapacity, error) {
		out, err := c.PutItem(ctx, in, once)
		if err != nil {
			failed(err)
			return nil, err
		}
		return out.ConsumedCapacity, nil
	})
}

// DeleteIf removes an item if the condition holds.
func (t *Table) DeleteIf(ctx context.Context, c Deleter, key Key, condition Condition) (Outcome, error) {
	return t.writeIf(ctx, 1, func() (*types.ConsumedCapacity, error) {
		out, err := c.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName:                 &t.Name,
			Key:                       key.item(),
			ConditionExpression:       &condition.Expression,
			ExpressionAttributeValues: condition.Values,
			ReturnConsumedCapacity:    types.ReturnConsumedCapacityTotal,
		}, once)
		if err != nil {
			return nil, err
		}
		return out.ConsumedCapacity, nil
	})
}

// once stops the SDK from retrying a call. A failed attempt may have taken effect, and
// then the condition fails for the retry: only code that sees every attempt can tell
// that from another writer.
func once(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }

func (t *Table) writeIf(
	ctx context.Context,
	units float64,
	write func() (*types.ConsumedCapacity, error),
) (Outcome, error) {
	outcome := Refused
	for attempt := 0; ; attempt++ {
		consumed, err := write()
		if err == nil {
			t.count(meter.WriteUnits, consumed, units)
			return Done, nil
		}
		if awsclient.HasCode(err, "ConditionalCheckFailedException") {
			t.Meter.Add(meter.WriteUnits, units) // AWS charges for it
			return outcome, nil
		}
		if !awsclient.IsRetryable(err) {
			return 0, err
		}
		if !awsclient.IsThrottle(err) {
			outcome = Unsure
		}
		if err := t.Pace.Again(ctx, attempt, err); err != nil {
			return 0, err
		}
	}
}

// Get reads an item consistently; nil if there is none.
func (t *Table) Get(ctx context.Context, c Getter, key Key) (Item, error) {
	return t.get(ctx, c, key, true)
}

// Has reports, consistently, whether an item exists that is never changed or removed.
// It first tries an eventually consistent read, at half the price.
func (t *Table) Has(ctx context.Context, c Getter, key Key) (bool, error) {
	for _, consistent := range []bool{false, true} {
		item, err := t.get(ctx, c, key, consistent)
		if err != nil || item != nil {
			return item != nil, err
		}
	}
	return false, nil
}

func (t *Table) get(ctx context.Context, c Getter, key Key, consistent bool) (Item, error) {
	out, err := c.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:              &t.Name,
		Key:                    key.item(),
		ConsistentRead:         &consistent,
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	})
	if err != nil {
		return nil, err
	}
	t.count(meter.ReadUnits, out.ConsumedCapacity, meter.Read(ItemBytes(out.Item), consistent))
	if len(out.Item) == 0 {
		return nil, nil
	}
	return out.Item, nil
}

// count adds the units that the service reports, else those of the arithmetic.
func (t *Table) count(unit meter.Unit, consumed *types.ConsumedCapacity, units float64) {
	if consumed != nil && consumed.CapacityUnits != nil {
		units = *consumed.CapacityUnits
	}
	t.Meter.Add(unit, units)
}

// IsMissing reports whether err says that there is no such table.
func IsMissing(err error) bool { return awsclient.HasCode(err, "ResourceNotFoundException") }
