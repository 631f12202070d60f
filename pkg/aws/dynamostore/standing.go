package dynamostore

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// PutterGetter is the calls of PutOrShow.
type PutterGetter interface {
	Putter
	Getter
}

// PutOrShow stores item if the condition holds and returns nil; else it returns the
// stored item. After a lost answer that may be item itself, which the caller can tell
// only by its content. It costs no read if the service returns the stored item with
// its refusal.
func (t *Table) PutOrShow(ctx context.Context, c PutterGetter, item Item, condition Condition) (
	standing Item, err error,
) {
	outcome, err := t.putIf(ctx, c, &dynamodb.PutItemInput{
		TableName:                           &t.Name,
		Item:                                item,
		ConditionExpression:                 &condition.Expression,
		ExpressionAttributeValues:           condition.Values,
		ReturnConsumedCapacity:              types.ReturnConsumedCapacityTotal,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}, func(err error) {
		if refusal := new(types.ConditionalCheckFailedException); errors.As(err, &refusal) {
			standing = refusal.Item
		}
	})
	if err != nil || outcome == Done {
		return nil, err
	}
	if len(standing) == 0 {
		standing, err = t.Get(ctx, c, KeyOf(item))
	}
	if err == nil && len(standing) == 0 {
		err = ErrUnsure // the stored item was removed in between
	}
	return standing, err
}
