package feedkinesis

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"reprise/pkg/aws/awsclient"
	"reprise/pkg/event"
	"reprise/pkg/feed"
	"reprise/pkg/meter"
)

// stream is one stream, by name.
type stream struct {
	client Client
	name   string
	meter  *meter.Counter
	last   lastSequences
}

// begin returns ctx's error, or feed.ErrStreamNotFound if no stream can have the
// name, which the service would call an invalid request.
func (s *stream) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return checkName(s.name)
}

func checkName(name string) error {
	if err := feed.CheckName(name); err != nil {
		return fmt.Errorf("%w: %w", feed.ErrStreamNotFound, err)
	}
	return nil
}

// Put implements feed.Stream. The SDK's client retries a failed attempt, so the stream
// may contain a record twice in a row.
func (s *stream) Put(ctx context.Context, key string, data []byte) (string, error) {
	if err := feed.CheckRecord(key, data); err != nil {
		return "", failed("put record into", s.name, err)
	}
	if err := s.begin(ctx); err != nil {
		return "", failed("put record into", s.name, err)
	}
	before := s.last.get(key)
	out, err := s.put(ctx, key, data, before)
	if before != "" && awsclient.HasCode(err, "InvalidArgumentException") {
		// The number before is that of another stream, which had this name, or
		// of a shard that is gone.
		s.last.drop(key, before)
		out, err = s.put(ctx, key, data, "")
	}
	if err != nil {
		return "", failed("put record into", s.name, err)
	}
	s.meter.Add(meter.PutUnits, meter.Put(len(key)+len(data)))
	sequence := aws.ToString(out.SequenceNumber)
	s.last.put(key, sequence)
	return sequence, nil
}

func (s *stream) put(ctx context.Context, key string, data []byte, before string) (*kinesis.PutRecordOutput, error) {
	if data == nil {
		data = []byte{} // the SDK treats nil as missing
	}
	in := &kinesis.PutRecordInput{StreamName: &s.name, PartitionKey: &key, Data: data}
	if before != "" {
		in.SequenceNumberForOrdering = &before
	}
	return s.client.PutRecord(ctx, in)
}

// Shards implements feed.Stream. It omits parents that the service has forgotten;
// their records are gone too.
func (s *stream) Shards(ctx context.Context) ([]feed.Shard, error) {
	if err := s.begin(ctx); err != nil {
		return nil, failed("list shards of", s.name, err)
	}
	var listed []types.Shard
	in := &kinesis.ListShardsInput{StreamName: &s.name}
	for {
		out, err := s.client.ListShards(ctx, in)
		if err != nil {
			return nil, failed("list shards of", s.name, err)
		}
		listed = append(listed, out.Shards...)
		if out.NextToken == nil {
			return family(listed), nil
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken} // the service refuses the name together with it
	}
}

// family orders shards so that parents come before children, and otherwise keeps
// their order.
func family(listed []types.Shard) []feed.Shard {
	byID := make(map[string]*types.Shard, len(listed))
	for i := range listed {
		byID[aws.ToString(listed[i].ShardId)] = &listed[i]
	}
	ordered := make([]feed.Shard, 0, len(listed))
	visited := make(map[string]bool, len(listed))
	var visit func(*types.Shard)
	visit = func(shard *types.Shard) {
		id := aws.ToString(shard.ShardId)
		if visited[id] {
			return
		}
		visited[id] = true
		result := feed.Shard{
			ID:     id,
			Closed: shard.SequenceNumberRange != nil && shard.SequenceNumberRange.EndingSequenceNumber != nil,
		}
		for _, parent := range []*string{shard.ParentShardId, shard.AdjacentParentShardId} {
			if known, found := byID[aws.ToString(parent)]; found {
				visit(known)
				result.Parents = append(result.Parents, *parent)
			}
		}
		ordered = append(ordered, result)
	}
	for i := range listed {
		visit(&listed[i])
	}
	return ordered
}

// Iterator implements feed.Stream.
func (s *stream) Iterator(ctx context.Context, shard string, start feed.Start) (feed.Iterator, error) {
	if err := s.begin(ctx); err != nil {
		return "", failed("make iterator of", s.name, err)
	}
	if err := feed.CheckName(shard); err != nil && s.exists(ctx) {
		return "", failed("make iterator of", s.name, fmt.Errorf("%w: %w", feed.ErrShardNotFound, err))
	} else if err != nil {
		return "", failed("make iterator of", s.name, fmt.Errorf("%w: %w", feed.ErrStreamNotFound, err))
	}
	in := &kinesis.GetShardIteratorInput{StreamName: &s.name, ShardId: &shard}
	switch {
	case start.After != "":
		if _, err := event.NewPosition(0, start.After, 0); err != nil {
			return "", failed("make iterator of", s.name, err)
		}
		in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &start.After
	case !start.At.IsZero():
		in.ShardIteratorType, in.Timestamp = types.ShardIteratorTypeAtTimestamp, &start.At
	default:
		in.ShardIteratorType = types.ShardIteratorTypeTrimHorizon
	}
	out, err := s.client.GetShardIterator(ctx, in)
	if isMissing(err) && s.exists(ctx) {
		// The service has one error for a missing stream and a missing shard.
		err = fmt.Errorf("%w: %w", feed.ErrShardNotFound, err)
	}
	if err != nil {
		return "", failed("make iterator of", s.name, err)
	}
	return feed.Iterator(aws.ToString(out.ShardIterator)), nil
}

func (s *stream) exists(ctx context.Context) bool {
	_, err := s.client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &s.name})
	return err == nil
}

// Read implements feed.Stream. The lag of a batch is what the service reports; test
// engines report 0.
func (s *stream) Read(ctx context.Context, from feed.Iterator, limit int) (feed.Batch, error) {
	if err := s.begin(ctx); err != nil {
		return feed.Batch{}, failed("read", s.name, err)
	}
	out, err := s.client.GetRecords(ctx, &kinesis.GetRecordsInput{
		ShardIterator: (*string)(&from),
		Limit:         aws.Int32(int32(min(max(limit, 1), feed.MaxReadRecords))),
	})
	if err != nil {
		return feed.Batch{}, failed("read", s.name, err)
	}
	batch := feed.Batch{
		Records: make([]feed.Record, len(out.Records)),
		Next:    feed.Iterator(aws.ToString(out.NextShardIterator)),
		Behind:  time.Duration(aws.ToInt64(out.MillisBehindLatest)) * time.Millisecond,
	}
	for i, record := range out.Records {
		batch.Records[i] = feed.Record{
			Key:      aws.ToString(record.PartitionKey),
			Sequence: aws.ToString(record.SequenceNumber),
			Arrival:  aws.ToTime(record.ApproximateArrivalTimestamp).Truncate(time.Millisecond),
			Data:     record.Data,
		}
	}
	return batch, nil
}
