package feedkinesis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"reprise/pkg/aws/awsclient"
	"reprise/pkg/feed"
	"reprise/pkg/meter"
)

// Client is the calls of Kinesis that streams make.
type Client interface {
	PutRecord(context.Context, *kinesis.PutRecordInput, ...func(*kinesis.Options)) (*kinesis.PutRecordOutput, error)
	GetRecords(context.Context, *kinesis.GetRecordsInput, ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error)
	GetShardIterator(
		context.Context,
		*kinesis.GetShardIteratorInput,
		...func(*kinesis.Options),
	) (*kinesis.GetShardIteratorOutput, error)
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
	CreateStream(
		context.Context,
		*kinesis.CreateStreamInput,
		...func(*kinesis.Options),
	) (*kinesis.CreateStreamOutput, error)
	DescribeStreamSummary(
		context.Context,
		*kinesis.DescribeStreamSummaryInput,
		...func(*kinesis.Options),
	) (*kinesis.DescribeStreamSummaryOutput, error)
	DeleteStream(
		context.Context,
		*kinesis.DeleteStreamInput,
		...func(*kinesis.Options),
	) (*kinesis.DeleteStreamOutput, error)
}

// Options say how to use streams.
type Options struct {
	// Pace is the pace of waiting for streams to be created or deleted. The SDK's
	// client retries calls.
	Pace awsclient.Pace
	// Waits is how often to look at a stream that is being created or deleted, up
	// to Pace.Cap apart, before giving up; 0 means 120.
	Waits int
	// Tags are the tags of every new stream.
	Tags map[string]string
	// Meter counts PUT payload units; nil counts nothing.
	Meter *meter.Counter
}

// Streams is a feed.Streams on Kinesis. It is safe for concurrent use.
type Streams struct {
	client  Client
	options Options

	mu sync.Mutex
	// open holds the handles by name: everybody who opens a stream shares its last
	// sequence numbers.
	open map[string]*stream
}

var _ feed.Streams = (*Streams)(nil)

// New returns the streams. It makes no call.
func New(client Client, options Options) *Streams {
	if options.Waits < 1 {
		options.Waits = 120
	}
	return &Streams{client: client, options: options, open: make(map[string]*stream)}
}

// failed wraps the error of a method, with the contract's own error where there is
// one.
func failed(what, name string, err error) error {
	sentinel := error(nil)
	switch {
	case errors.Is(err, feed.ErrShardNotFound), errors.Is(err, feed.ErrStreamExists):
	case isMissing(err):
		sentinel = feed.ErrStreamNotFound
	case awsclient.HasCode(err, "ExpiredIteratorException"):
		sentinel = feed.ErrIteratorExpired
	case awsclient.IsThrottle(err):
		sentinel = feed.ErrThrottled
	}
	if sentinel != nil {
		return fmt.Errorf("%s %s: %w: %w", what, name, sentinel, err)
	}
	return fmt.Errorf("%s %s: %w", what, name, err)
}

func isMissing(err error) bool { return awsclient.HasCode(err, "ResourceNotFoundException") }

// maxOpen bounds the kept handles, since playback streams come and go.
const maxOpen = 64

// Open implements feed.Streams.
func (s *Streams) Open(name string) feed.Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, found := s.open[name]; found {
		return known
	}
	if len(s.open) >= maxOpen {
		clear(s.open) // handles in use still work
	}
	opened := &stream{client: s.client, name: name, meter: s.options.Meter}
	s.open[name] = opened
	return opened
}

// Create implements feed.Streams.
func (s *Streams) Create(ctx context.Context, name string, shards int) (feed.Description, error) {
	if err := feed.CheckStream(name, shards); err != nil {
		return feed.Description{}, failed("create stream", name, err)
	}
	var description feed.Description
	err := s.await(ctx, name, func(summary *types.StreamDescriptionSummary) (bool, error) {
		switch {
		case summary == nil:
			return false, s.create(ctx, name, shards)
		case summary.StreamStatus == types.StreamStatusCreating, summary.StreamStatus == types.StreamStatusDeleting:
			return false, nil
		}
		description = describe(summary)
		return true, nil
	})
	if err == nil && description.Shards != shards {
		err = fmt.Errorf("%w: it has %d", feed.ErrStreamExists, description.Shards)
	}
	if err != nil {
		return feed.Description{}, failed("create stream", name, err)
	}
	return description, nil
}

func (s *Streams) create(ctx context.Context, name string, shards int) error {
	_, err := s.client.CreateStream(ctx, &kinesis.CreateStreamInput{
		StreamName:        &name,
		ShardCount:        aws.Int32(int32(shards)),
		StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeProvisioned},
		Tags:              s.options.Tags,
	})
	if awsclient.HasCode(err, "ResourceInUseException") {
		return nil // being created or deleted: the caller waits
	}
	return err
}

// await polls a stream until step accepts its summary. A nil summary means that there
// is no stream.
func (s *Streams) await(
	ctx context.Context,
	name string,
	step func(*types.StreamDescriptionSummary) (done bool, err error),
) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for wait := range s.options.Waits {
		summary, err := s.summary(ctx, name)
		if err != nil && !isMissing(err) {
			return err
		}
		done, err := step(summary)
		if done || err != nil {
			return err
		}
		if err := s.options.Pace.Sleep(ctx, s.options.Pace.Delay(wait)); err != nil {
			return err
		}
	}
	return errors.New("it is still being created or deleted")
}

func (s *Streams) summary(ctx context.Context, name string) (*types.StreamDescriptionSummary, error) {
	out, err := s.client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
	if err != nil {
		return nil, err
	}
	return out.StreamDescriptionSummary, nil
}

// describe tells streams of the same name apart by their creation time. Kinesis gives
// it in whole seconds; creating and deleting a stream take longer.
func describe(summary *types.StreamDescriptionSummary) feed.Description {
	created := aws.ToTime(summary.StreamCreationTimestamp).UTC()
	return feed.Description{
		Name:     aws.ToString(summary.StreamName),
		ARN:      aws.ToString(summary.StreamARN),
		Identity: aws.ToString(summary.StreamARN) + "@" + strconv.FormatInt(created.UnixMilli(), 10),
		Shards:   int(aws.ToInt32(summary.OpenShardCount)),
		Created:  created.Truncate(time.Millisecond),
	}
}

// Describe implements feed.Streams. A stream that is being deleted counts as gone.
func (s *Streams) Describe(ctx context.Context, name string) (feed.Description, error) {
	if err := errors.Join(ctx.Err(), checkName(name)); err != nil {
		return feed.Description{}, failed("describe stream", name, err)
	}
	summary, err := s.summary(ctx, name)
	if err != nil {
		return feed.Description{}, failed("describe stream", name, err)
	}
	if summary.StreamStatus == types.StreamStatusDeleting {
		return feed.Description{}, fmt.Errorf("describe stream %s: it is being deleted: %w", name, feed.ErrStreamNotFound)
	}
	return describe(summary), nil
}

// Delete implements feed.Streams. It returns when the stream is gone and its name is
// free.
func (s *Streams) Delete(ctx context.Context, name string) error {
	if ctx.Err() == nil && feed.CheckName(name) != nil {
		return nil // no stream can have this name
	}
	err := s.await(ctx, name, func(summary *types.StreamDescriptionSummary) (bool, error) {
		switch {
		case summary == nil:
			return true, nil
		case summary.StreamStatus == types.StreamStatusDeleting:
			return false, nil
		}
		_, err := s.client.DeleteStream(ctx, &kinesis.DeleteStreamInput{
			StreamName: &name, EnforceConsumerDeletion: aws.Bool(true)})
		if err == nil || isMissing(err) || awsclient.HasCode(err, "ResourceInUseException") {
			return false, nil
		}
		return false, err
	})
	if err != nil {
		return failed("delete stream", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if gone, found := s.open[name]; found {
		gone.last.forget()
		delete(s.open, name)
	}
	return nil
}
