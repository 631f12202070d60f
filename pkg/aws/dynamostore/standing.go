package dynamostore

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// PutterGetter has the calls of PutOrShow.
type PutterGetter interface {
	Putter
	Getter
}

// PutOrShow stores item if the condition holds and returns nil, or else the
// item that stands in its way. It may be item itself, where an answer was lost;
// the caller can tell by its content alone. That costs no read where the service
// returns the item with its refusal.
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
		err = ErrUnsure // it was removed in between
	}
	return standing, err
}
