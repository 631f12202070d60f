package eventlogdynamo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// A witness is one item in its lane's partition and costs one write unit.
func witnessKey(lane event.Lane) string { return "w#" + lane.String() }

// PutWitness implements eventlog.Log.
func (l *Log) PutWitness(ctx context.Context, lane event.Lane, w eventlog.Witness) error {
	if err := errors.Join(ctx.Err(), w.Check()); err != nil {
		return failed("put witness", err)
	}
	value, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("encode witness: %w", err)
	}
	item := dynamostore.Item{
		dynamostore.PK: dynamostore.Text(witnessKey(lane)),
		dynamostore.SK: dynamostore.Text(string(w.Bucket)),
		bodyName:       &types.AttributeValueMemberB{Value: value},
	}
	outcome, err := l.store.PutIf(ctx, l.client, item, dynamostore.New())
	if err != nil {
		return failed("put witness", err)
	}
	if outcome == dynamostore.Done {
		return nil
	}
	known, err := l.store.Get(ctx, l.client, dynamostore.KeyOf(item))
	if err != nil {
		return failed("put witness", err)
	}
	stored, err := bytesOf(known)
	if err == nil && !bytes.Equal(stored, value) {
		err = eventlog.ErrChanged
	}
	if err != nil {
		return fmt.Errorf("put witness: %w", err)
	}
	return nil
}

// Witnesses implements eventlog.Log.
func (l *Log) Witnesses(
	ctx context.Context,
	lane event.Lane,
	after eventlog.Bucket,
	limit int,
) ([]eventlog.Witness, error) {
	if err := errors.Join(ctx.Err(), eventlog.CheckList(event.Position(after))); err != nil {
		return nil, failed("list witnesses", err)
	}
	if limit < 1 {
		return nil, nil
	}
	var listed []eventlog.Witness
	whole := dynamostore.Range{PK: witnessKey(lane), After: string(after), Consistent: true}
	err := l.store.Items(ctx, l.client, whole, limit, func(item dynamostore.Item) error {
		value, err := bytesOf(item)
		if err != nil {
			return err
		}
		var w eventlog.Witness
		if err := json.Unmarshal(value, &w); err != nil {
			return fmt.Errorf("decode witness: %w", err)
		}
		listed = append(listed, w)
		return nil
	})
	if err != nil {
		return nil, failed("list witnesses", err)
	}
	return listed, nil
}
