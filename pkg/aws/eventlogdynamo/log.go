package eventlogdynamo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"reprise/pkg/aws/awsclient"
	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/meter"
)

const (
	loggedName = "t"
	bodyName   = "b"
	partsName  = "n"
	hashName   = "h"
)

// defaultParallel is the number of concurrent puts of one call: at 5 ms each they
// write 6,000 events/s, six times what a partition of the table takes.
const defaultParallel = 32

// Client is the calls of DynamoDB that the log makes. None of them changes an item.
type Client interface {
	dynamostore.Getter
	dynamostore.Putter
	dynamostore.Querier
}

// Options say how to use the table.
type Options struct {
	// Table is the name of the Events table. Its keys are the strings "pk" and
	// "sk".
	Table string
	Pace  awsclient.Pace
	// Parallel bounds the concurrent puts of one call; 0 means 32.
	Parallel int
	// Meter counts units; nil counts nothing.
	Meter *meter.Counter
}

// Log is an eventlog.Log on DynamoDB. It is safe for concurrent use.
type Log struct {
	client   Client
	store    dynamostore.Table
	codec    *dynamostore.Codec
	parallel int
	lines    lineSize
}

var _ eventlog.Log = (*Log)(nil)

// New returns the log. It makes no call. The caller closes the codec.
func New(client Client, codec *dynamostore.Codec, options Options) *Log {
	parallel := options.Parallel
	if parallel < 1 {
		parallel = defaultParallel
	}
	return &Log{client: client, codec: codec, parallel: parallel,
		store: dynamostore.Table{Name: options.Table, Pace: options.Pace, Meter: options.Meter}}
}

func bucketKey(lane event.Lane, bucket eventlog.Bucket) string {
	return lane.String() + "#" + string(bucket)
}

// failed wraps the error of a method.
func failed(what string, err error) error {
	if errors.Is(err, eventlog.ErrChanged) {
		return err
	}
	return fmt.Errorf("%s: %w", what, awsclient.Throttled(err, eventlog.ErrThrottled))
}

// Put implements eventlog.Log. It makes concurrent single puts.
func (l *Log) Put(ctx context.Context, lane event.Lane, bucket eventlog.Bucket, entries []eventlog.Entry) error {
	if err := errors.Join(ctx.Err(), eventlog.CheckPut(bucket, entries)); err != nil {
		return failed("put entries", err)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(l.parallel)
	for i := range entries {
		if groupCtx.Err() != nil {
			break // one error is enough: skip the rest
		}
		group.Go(func() error { return l.put(groupCtx, bucketKey(lane, bucket), &entries[i]) })
	}
	if err := group.Wait(); err != nil {
		return failed("put entries", err)
	}
	return nil
}

// encode returns the item of an entry.
func (l *Log) encode(partition string, e *eventlog.Entry) dynamostore.Item {
	item := dynamostore.Item{
		dynamostore.PK: dynamostore.Text(partition),
		dynamostore.SK: dynamostore.Text(e.SortKey()),
		loggedName:     &types.AttributeValueMemberN{Value: strconv.FormatInt(e.Logged, 10)},
		bodyName:       dynamostore.Plain(e.Line),
	}
	l.codec.Shrink(item, bodyName)
	return item
}

func (l *Log) decode(item dynamostore.Item) (eventlog.Entry, error) {
	entity, at, err := event.ParseSortKey(dynamostore.KeyOf(item).SK)
	if err != nil {
		return eventlog.Entry{}, fmt.Errorf("decode entry: %w", err)
	}
	logged, err := numberOf(item[loggedName])
	if err != nil {
		return eventlog.Entry{}, fmt.Errorf("decode logged time of entry: %w", err)
	}
	line, err := l.codec.Decode(item[bodyName])
	if err != nil {
		return eventlog.Entry{}, fmt.Errorf("decode entry at %s: %w", at, err)
	}
	return eventlog.Entry{Entity: entity, Position: at, Logged: logged, Line: line}, nil
}

func numberOf(v types.AttributeValue) (int64, error) {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0, dynamostore.ErrFrame
	}
	return strconv.ParseInt(n.Value, 10, 64)
}

// put stores one entry. If another pump or an earlier attempt has stored the key, put
// compares the contents, however they are compressed: equal content is success.
func (l *Log) put(ctx context.Context, partition string, e *eventlog.Entry) error {
	item := l.encode(partition, e)
	outcome, err := l.store.PutIf(ctx, l.client, item, dynamostore.New())
	if err != nil || outcome == dynamostore.Done {
		return err
	}
	known, err := l.store.Get(ctx, l.client, dynamostore.KeyOf(item))
	if err != nil {
		return err
	}
	if known == nil {
		return fmt.Errorf("entry at %s is neither new nor stored", e.Position)
	}
	stored, err := l.decode(known)
	if err != nil {
		return err
	}
	if !bytes.Equal(stored.Line, e.Line) {
		return eventlog.ErrChanged
	}
	return nil
}

// Has implements eventlog.Log.
func (l *Log) Has(
	ctx context.Context,
	lane event.Lane,
	bucket eventlog.Bucket,
	entity string,
	at event.Position,
) (bool, error) {
	if err := errors.Join(ctx.Err(), bucket.Check()); err != nil {
		return false, failed("look up entry", err)
	}
	if !eventlog.CanHave(entity, at) {
		return false, nil
	}
	key := dynamostore.Key{PK: bucketKey(lane, bucket), SK: event.SortKey(entity, at)}
	found, err := l.store.Has(ctx, l.client, key)
	if err != nil {
		return false, failed("look up entry", err)
	}
	return found, nil
}
