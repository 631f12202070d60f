package feedkinesis_test

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"

	"reprise/pkg/aws/feedkinesis"
)

// fake answers calls with functions. A call whose function is nil must not be
// made.
type fake struct {
	feedkinesis.Client
	put      func(*kinesis.PutRecordInput) (*kinesis.PutRecordOutput, error)
	get      func(*kinesis.GetRecordsInput) (*kinesis.GetRecordsOutput, error)
	iterator func(*kinesis.GetShardIteratorInput) (*kinesis.GetShardIteratorOutput, error)
	list     func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error)
	describe func() (*types.StreamDescriptionSummary, error)
	create   func(*kinesis.CreateStreamInput) error
	remove   func() error
}

func (f *fake) PutRecord(
	_ context.Context, in *kinesis.PutRecordInput, _ ...func(*kinesis.Options),
) (*kinesis.PutRecordOutput, error) {
	return f.put(in)
}

func (f *fake) GetRecords(
	_ context.Context, in *kinesis.GetRecordsInput, _ ...func(*kinesis.Options),
) (*kinesis.GetRecordsOutput, error) {
	return f.get(in)
}

func (f *fake) GetShardIterator(
	_ context.Context, in *kinesis.GetShardIteratorInput, _ ...func(*kinesis.Options),
) (*kinesis.GetShardIteratorOutput, error) {
	return f.iterator(in)
}

func (f *fake) ListShards(
	_ context.Context, in *kinesis.ListShardsInput, _ ...func(*kinesis.Options),
) (*kinesis.ListShardsOutput, error) {
	return f.list(in)
}

func (f *fake) DescribeStreamSummary(
	context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options),
) (*kinesis.DescribeStreamSummaryOutput, error) {
	summary, err := f.describe()
	return &kinesis.DescribeStreamSummaryOutput{StreamDescriptionSummary: summary}, err
}

func (f *fake) CreateStream(
	_ context.Context, in *kinesis.CreateStreamInput, _ ...func(*kinesis.Options),
) (*kinesis.CreateStreamOutput, error) {
	return new(kinesis.CreateStreamOutput), f.create(in)
}

func (f *fake) DeleteStream(
	context.Context, *kinesis.DeleteStreamInput, ...func(*kinesis.Options),
) (*kinesis.DeleteStreamOutput, error) {
	return new(kinesis.DeleteStreamOutput), f.remove()
}

// apiError is an error as the service gives it.
func apiError(code string) error {
	return &smithy.GenericAPIError{Code: code, Message: "from the fake"}
}
