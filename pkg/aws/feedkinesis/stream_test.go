package feedkinesis_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"reprise/integration/engines"
	"reprise/pkg/aws/feedkinesis"
	"reprise/pkg/feed"
	"reprise/pkg/meter"
)

func streams(client feedkinesis.Client) *feedkinesis.Streams {
	return feedkinesis.New(client, feedkinesis.Options{Pace: engines.Pace()})
}

// TestOrderedPuts expects every record to name the previous one of its key,
// even if another handle put that.
func TestOrderedPuts(t *testing.T) {
	var named []string
	n := 100
	all := streams(&fake{put: func(in *kinesis.PutRecordInput) (*kinesis.PutRecordOutput, error) {
		named = append(named, aws.ToString(in.PartitionKey)+" "+aws.ToString(in.SequenceNumberForOrdering))
		n++
		return &kinesis.PutRecordOutput{SequenceNumber: aws.String(strconv.Itoa(n))}, nil
	}})
	for _, key := range []string{"a", "a", "b", "a"} {
		if _, err := all.Open("s").Put(t.Context(), key, []byte("data")); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"a ", "a 101", "b ", "a 102"}; !slices.Equal(named, want) {
		t.Fatalf("have %q, want %q", named, want)
	}
}

// TestForeignNumber puts into a stream that has replaced another one: a
// sequence number of the old stream is refused and forgotten.
func TestForeignNumber(t *testing.T) {
	calls, replaced := 0, false
	stream := streams(&fake{put: func(in *kinesis.PutRecordInput) (*kinesis.PutRecordOutput, error) {
		calls++
		if replaced && aws.ToString(in.SequenceNumberForOrdering) == "900" {
			return nil, apiError("InvalidArgumentException")
		}
		if replaced {
			return &kinesis.PutRecordOutput{SequenceNumber: aws.String("1")}, nil
		}
		return &kinesis.PutRecordOutput{SequenceNumber: aws.String("900")}, nil
	}}).Open("s")
	for range 2 {
		if _, err := stream.Put(t.Context(), "key", nil); err != nil {
			t.Fatal(err)
		}
		replaced = true
	}
	if sequence, err := stream.Put(t.Context(), "key", nil); err != nil || sequence != "1" || calls != 4 {
		t.Fatalf("have %q, %v after %d calls", sequence, err, calls)
	}
}

// TestManyKeys puts under more keys than are remembered.
func TestManyKeys(t *testing.T) {
	ordered := 0
	stream := streams(&fake{put: func(in *kinesis.PutRecordInput) (*kinesis.PutRecordOutput, error) {
		if in.SequenceNumberForOrdering != nil {
			ordered++
		}
		return &kinesis.PutRecordOutput{SequenceNumber: aws.String("7")}, nil
	}}).Open("s")
	const keys = 5000
	for range 2 {
		for i := range keys {
			if _, err := stream.Put(t.Context(), fmt.Sprint(i), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if ordered == 0 || ordered >= keys {
		t.Fatalf("%d of %d records named the previous one", ordered, keys)
	}
}

func shard(id, parent, adjacent, end string) types.Shard {
	optional := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	return types.Shard{
		ShardId:               &id,
		ParentShardId:         optional(parent),
		AdjacentParentShardId: optional(adjacent),
		SequenceNumberRange: &types.SequenceNumberRange{
			StartingSequenceNumber: aws.String("1"),
			EndingSequenceNumber:   optional(end),
		},
	}
}

// TestReshard lists the shards of a stream that was split, merged and trimmed,
// over several pages and with children before their parents.
func TestReshard(t *testing.T) {
	pages := [][]types.Shard{
		{shard("4", "2", "3", ""), shard("1", "", "", "9")},
		{shard("2", "1", "", "9"), shard("3", "1", "", "9")},
		{shard("6", "gone", "", ""), shard("5", "0", "4", "")},
	}
	var tokens []string
	stream := streams(&fake{list: func(in *kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
		if (in.StreamName != nil) == (in.NextToken != nil) {
			t.Errorf("asked by name %v and token %v", in.StreamName, in.NextToken)
		}
		tokens = append(tokens, aws.ToString(in.NextToken))
		out := &kinesis.ListShardsOutput{Shards: pages[len(tokens)-1]}
		if len(tokens) < len(pages) {
			out.NextToken = aws.String(fmt.Sprint("page ", len(tokens)))
		}
		return out, nil
	}}).Open("s")
	shards, err := stream.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, s := range shards {
		have = append(have, fmt.Sprintf("%s<%s %t", s.ID, strings.Join(s.Parents, ","), s.Closed))
	}
	want := []string{"1< true", "2<1 true", "3<1 true", "4<2,3 false", "6< false", "5<4 false"}
	if !slices.Equal(have, want) || !slices.Equal(tokens, []string{"", "page 1", "page 2"}) {
		t.Fatalf("have %q by %q, want %q", have, tokens, want)
	}
}

// TestIterators checks the requests that the service receives.
func TestIterators(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.UTC)
	for _, c := range []struct {
		start feed.Start
		want  string
	}{
		{feed.Start{}, "TRIM_HORIZON  false"},
		{feed.Start{At: at}, "AT_TIMESTAMP  true"},
		{feed.Start{After: "12", At: at}, "AFTER_SEQUENCE_NUMBER 12 false"},
	} {
		stream := streams(&fake{iterator: func(in *kinesis.GetShardIteratorInput) (*kinesis.GetShardIteratorOutput, error) {
			have := fmt.Sprintf("%s %s %t", in.ShardIteratorType, aws.ToString(in.StartingSequenceNumber), in.Timestamp != nil)
			if have != c.want || (in.Timestamp != nil && !in.Timestamp.Equal(at)) {
				t.Errorf("have %q, want %q", have, c.want)
			}
			return &kinesis.GetShardIteratorOutput{ShardIterator: aws.String("it")}, nil
		}}).Open("s")
		if it, err := stream.Iterator(t.Context(), "shard", c.start); err != nil || it != "it" {
			t.Errorf("have %q, %v", it, err)
		}
	}
}

// TestRead checks the end of a closed shard, the lag and the errors of reading.
func TestRead(t *testing.T) {
	arrival := time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)
	var answer *kinesis.GetRecordsOutput
	var fault error
	stream := streams(&fake{get: func(in *kinesis.GetRecordsInput) (*kinesis.GetRecordsOutput, error) {
		if *in.Limit != feed.MaxReadRecords {
			t.Errorf("limit %d", *in.Limit)
		}
		return answer, fault
	}}).Open("s")
	answer = &kinesis.GetRecordsOutput{
		MillisBehindLatest: aws.Int64(1500),
		Records: []types.Record{{
			PartitionKey:                aws.String("k"),
			SequenceNumber:              aws.String("5"),
			ApproximateArrivalTimestamp: &arrival,
			Data:                        []byte("d"),
		}},
	}
	batch, err := stream.Read(t.Context(), "it", 1<<20)
	if err != nil || batch.Next != "" || batch.Behind != 1500*time.Millisecond || len(batch.Records) != 1 ||
		!batch.Records[0].Arrival.Equal(arrival.Truncate(time.Millisecond)) {
		t.Fatalf("have %+v, %v", batch, err)
	}
	for code, want := range map[string]error{
		"ExpiredIteratorException":               feed.ErrIteratorExpired,
		"ProvisionedThroughputExceededException": feed.ErrThrottled,
		"KMSThrottlingException":                 feed.ErrThrottled,
		"ResourceNotFoundException":              feed.ErrStreamNotFound,
	} {
		fault = apiError(code)
		if _, err := stream.Read(t.Context(), "it", feed.MaxReadRecords); !errors.Is(err, want) {
			t.Errorf("%s: have %v", code, err)
		}
	}
}

// TestSlowService creates and deletes a stream that takes a while; the answer
// to the first request is lost.
func TestSlowService(t *testing.T) {
	created := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var status types.StreamStatus // "" means that there is no stream
	asked, requests := 0, 0
	client := &fake{
		describe: func() (*types.StreamDescriptionSummary, error) {
			if asked++; asked%4 == 0 {
				switch status {
				case types.StreamStatusCreating:
					status = types.StreamStatusActive
				case types.StreamStatusDeleting:
					status = ""
				}
			}
			if status == "" {
				return nil, apiError("ResourceNotFoundException")
			}
			return &types.StreamDescriptionSummary{
				StreamName:              aws.String("s"),
				StreamARN:               aws.String("arn:aws:kinesis:r:1:stream/s"),
				StreamStatus:            status,
				StreamCreationTimestamp: &created,
				OpenShardCount:          aws.Int32(3),
			}, nil
		},
		create: func(in *kinesis.CreateStreamInput) error {
			if in.StreamModeDetails.StreamMode != types.StreamModeProvisioned || *in.ShardCount != 3 {
				t.Errorf("create %+v", in)
			}
			if requests++; status != "" {
				return apiError("ResourceInUseException")
			}
			status = types.StreamStatusCreating
			return nil
		},
		remove: func() error { requests++; status = types.StreamStatusDeleting; return nil },
	}
	all := streams(client)
	status = types.StreamStatusDeleting // an earlier stream of that name
	description, err := all.Create(t.Context(), "s", 3)
	if err != nil || description.Shards != 3 ||
		description.Identity != "arn:aws:kinesis:r:1:stream/s@1772366400000" || requests != 1 {
		t.Fatalf("have %+v, %v after %d requests", description, err, requests)
	}
	if err := all.Delete(t.Context(), "s"); err != nil || status != "" || requests != 2 {
		t.Fatalf("delete: %v, status %q after %d requests", err, status, requests)
	}
	status = types.StreamStatusUpdating
	client.create = nil
	if _, err := all.Create(t.Context(), "s", 4); !errors.Is(err, feed.ErrStreamExists) {
		t.Fatalf("have %v", err)
	}
	stuck := feedkinesis.New(client, feedkinesis.Options{Pace: engines.Pace(), Waits: 3})
	status, asked = types.StreamStatusCreating, -100
	if _, err := stuck.Create(t.Context(), "s", 3); err == nil {
		t.Fatal("waited for ever")
	}
}

// TestPutUnits counts PUT payload units of 25 KB, including the key.
func TestPutUnits(t *testing.T) {
	counter := new(meter.Meter).Part("playback")
	all := feedkinesis.New(&fake{put: func(*kinesis.PutRecordInput) (*kinesis.PutRecordOutput, error) {
		return &kinesis.PutRecordOutput{SequenceNumber: aws.String("1")}, nil
	}}, feedkinesis.Options{Pace: engines.Pace(), Meter: counter})
	for size, want := range map[int]float64{0: 1, 25<<10 - 3: 1, 25<<10 - 2: 2, 512 << 10: 21} {
		before := counter.Usage()
		if _, err := all.Open("s").Put(t.Context(), "key", make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		if have := counter.Usage().Sub(before).PutUnits; have != want {
			t.Errorf("%d bytes: %v units, want %v", size, have, want)
		}
	}
}
