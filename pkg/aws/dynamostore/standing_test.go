package dynamostore_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"reprise/pkg/aws/dynamostore"
)

// refusing refuses every put, with or without the existing item, and answers
// reads with an item.
type refusing struct {
	shown, stored dynamostore.Item
	asked         types.ReturnValuesOnConditionCheckFailure
	gets          int
}

func (r *refusing) PutItem(
	_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.PutItemOutput, error) {
	r.asked = in.ReturnValuesOnConditionCheckFailure
	return nil, &types.ConditionalCheckFailedException{Item: r.shown}
}

func (r *refusing) GetItem(
	context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	r.gets++
	return &dynamodb.GetItemOutput{Item: r.stored}, nil
}

// TestPutOrShow expects the item that stands in the way: from the refusal, or
// else from the table, and a report if it is gone.
func TestPutOrShow(t *testing.T) {
	item := dynamostore.Item{dynamostore.PK: dynamostore.Text("p"), dynamostore.SK: dynamostore.Text("s")}
	other := dynamostore.Item{
		dynamostore.PK: dynamostore.Text("p"),
		dynamostore.SK: dynamostore.Text("s"),
		"a":            dynamostore.Text("b"),
	}
	for name, c := range map[string]struct {
		client refusing
		want   dynamostore.Item
		gets   int
		err    error
	}{
		"shown":  {refusing{shown: other}, other, 0, nil},
		"stored": {refusing{stored: other}, other, 1, nil},
		"gone":   {refusing{}, nil, 1, dynamostore.ErrUnsure},
	} {
		table := dynamostore.Table{Name: "t"}
		standing, err := table.PutOrShow(t.Context(), &c.client, item, dynamostore.New())
		if !errors.Is(err, c.err) || !reflect.DeepEqual(standing, c.want) || c.client.gets != c.gets {
			t.Errorf("%s: %v, %v, with %d reads", name, standing, err, c.client.gets)
		}
		if c.client.asked != types.ReturnValuesOnConditionCheckFailureAllOld {
			t.Errorf("%s: asked for %q", name, c.client.asked)
		}
	}
}
