package eventlogdynamo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// partBytes is the size of a part of a quarantined record: an item with its keys
// stays below 400 KB.
const partBytes = 380 << 10

func quarantineKey(lane event.Lane) string { return "q#" + lane.String() }

func partsKey(lane event.Lane, at event.Position) string {
	return quarantineKey(lane) + "#" + string(at)
}

func partKey(hash string, number int) string { return fmt.Sprintf("%s#%04d", hash, number) }

// encodeQuarantined writes a line of JSON about a record, then the unchanged
// record.
func encodeQuarantined(q eventlog.Quarantined) ([]byte, error) {
	data := q.Data
	q.Data = nil
	head, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("encode quarantined record: %w", err)
	}
	return append(append(head, '\n'), data...), nil
}

func decodeQuarantined(value []byte) (eventlog.Quarantined, error) {
	head, data, _ := bytes.Cut(value, []byte{'\n'})
	var q eventlog.Quarantined
	if err := json.Unmarshal(head, &q); err != nil {
		return q, fmt.Errorf("decode quarantined record: %w", err)
	}
	q.Data = data
	return q, nil
}

// Quarantine implements eventlog.Log. The first record stored for a position
// stays.
func (l *Log) Quarantine(ctx context.Context, lane event.Lane, q eventlog.Quarantined) error {
	if err := errors.Join(ctx.Err(), q.Check()); err != nil {
		return failed("quarantine record", err)
	}
	value, err := encodeQuarantined(q)
	if err != nil {
		return err
	}
	parts := split(l.codec.Compress(value))
	item := dynamostore.Item{
		dynamostore.PK: dynamostore.Text(quarantineKey(lane)),
		dynamostore.SK: dynamostore.Text(string(q.Position)),
		bodyName:       &types.AttributeValueMemberB{Value: parts[0]},
	}
	if further := len(parts) - 1; further > 0 {
		sum := sha256.Sum256(value)
		hash := hex.EncodeToString(sum[:16])
		if err := l.putParts(ctx, partsKey(lane, q.Position), hash, parts); err != nil {
			return failed("quarantine record", err)
		}
		item[partsName] = &types.AttributeValueMemberN{Value: strconv.Itoa(further)}
		item[hashName] = dynamostore.Text(hash)
	}
	if _, err := l.store.PutIf(ctx, l.client, item, dynamostore.New()); err != nil {
		return failed("quarantine record", err)
	}
	return nil
}

func split(frame []byte) [][]byte {
	var parts [][]byte
	for len(frame) > partBytes {
		parts = append(parts, frame[:partBytes])
		frame = frame[partBytes:]
	}
	return append(parts, frame)
}

// putParts stores the parts after the first. A part that is already there has the
// same content, since its key contains the hash.
func (l *Log) putParts(ctx context.Context, partition, hash string, parts [][]byte) error {
	for i, part := range parts[1:] {
		item := dynamostore.Item{
			dynamostore.PK: dynamostore.Text(partition),
			dynamostore.SK: dynamostore.Text(partKey(hash, i+1)),
			bodyName:       &types.AttributeValueMemberB{Value: part},
		}
		if _, err := l.store.PutIf(ctx, l.client, item, dynamostore.New()); err != nil {
			return err
		}
	}
	return nil
}

// ListQuarantine implements eventlog.Log.
func (l *Log) ListQuarantine(
	ctx context.Context,
	lane event.Lane,
	after event.Position,
	limit int,
) ([]eventlog.Quarantined, error) {
	if err := errors.Join(ctx.Err(), eventlog.CheckList(after)); err != nil {
		return nil, failed("list quarantine", err)
	}
	var listed []eventlog.Quarantined
	whole := dynamostore.Range{PK: quarantineKey(lane), After: string(after), Consistent: true}
	err := l.store.Items(ctx, l.client, whole, limit, func(item dynamostore.Item) error {
		q, err := l.quarantined(ctx, lane, item)
		listed = append(listed, q)
		return err
	})
	if err != nil {
		return nil, failed("list quarantine", err)
	}
	return listed, nil
}

// quarantined joins the parts of a record.
func (l *Log) quarantined(ctx context.Context, lane event.Lane, item dynamostore.Item) (eventlog.Quarantined, error) {
	frame, err := bytesOf(item)
	if err != nil {
		return eventlog.Quarantined{}, err
	}
	if item[partsName] != nil {
		further, err := numberOf(item[partsName])
		if err != nil {
			return eventlog.Quarantined{}, fmt.Errorf("decode quarantined record: %w", err)
		}
		partition := partsKey(lane, event.Position(dynamostore.KeyOf(item).SK))
		for number := 1; number <= int(further); number++ {
			key := dynamostore.Key{PK: partition, SK: partKey(dynamostore.TextOf(item[hashName]), number)}
			part, err := l.store.Get(ctx, l.client, key)
			if err != nil {
				return eventlog.Quarantined{}, err
			}
			more, err := bytesOf(part)
			if err != nil {
				return eventlog.Quarantined{}, err
			}
			frame = append(frame, more...)
		}
	}
	value, err := l.codec.Decode(&types.AttributeValueMemberB{Value: frame})
	if err != nil {
		return eventlog.Quarantined{}, fmt.Errorf("decode quarantined record: %w", err)
	}
	return decodeQuarantined(value)
}

func bytesOf(item dynamostore.Item) ([]byte, error) {
	if b, ok := item[bodyName].(*types.AttributeValueMemberB); ok {
		return b.Value, nil
	}
	return nil, fmt.Errorf("decode quarantined record: %w", dynamostore.ErrFrame)
}
