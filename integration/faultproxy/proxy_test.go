package faultproxy_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/smithy-go"

	"reprise/integration/faultproxy"
	"reprise/pkg/aws/awsclient"
)

// service is a service behind the proxy that records request bodies.
type service struct {
	mu     sync.Mutex
	bodies []string
	answer string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.bodies = append(s.bodies, string(body))
	s.mu.Unlock()
	_, _ = io.WriteString(w, s.answer)
}

func (s *service) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bodies...)
}

// behind starts a service that always gives the same answer, and a proxy for it.
func behind(t *testing.T, answer string, config faultproxy.Config) (*faultproxy.Proxy, *service) {
	t.Helper()
	s := &service{answer: answer}
	server := httptest.NewServer(s)
	config.Target = server.URL
	p, err := faultproxy.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return p, s
}

func config(p *faultproxy.Proxy) aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(p.URL()), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}

func always(fault faultproxy.Fault) faultproxy.Config {
	return faultproxy.Config{Rates: faultproxy.Rates{fault: 1}, HangTime: 10 * time.Millisecond}
}

func TestErrorsLookLikeThoseOfTheServices(t *testing.T) {
	for fault, codes := range map[faultproxy.Fault][5]string{
		faultproxy.Throttle: {"ProvisionedThroughputExceededException", "ProvisionedThroughputExceededException",
			"LimitExceededException", "ThrottlingException", "TooManyRequestsException"},
		faultproxy.Internal: {"InternalServerError", "InternalFailure", "InternalFailure", "InternalFailure",
			"ServiceException"},
	} {
		p, s := behind(t, "{}", always(fault))
		_, put := dynamodb.NewFromConfig(config(p)).PutItem(t.Context(),
			&dynamodb.PutItemInput{TableName: aws.String("t"), Item: map[string]dynamodbtypes.AttributeValue{}})
		streams := kinesis.NewFromConfig(config(p))
		_, record := streams.PutRecord(t.Context(),
			&kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("k"), Data: []byte("d")})
		_, create := streams.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s")})
		_, start := sfn.NewFromConfig(config(p)).StartExecution(t.Context(),
			&sfn.StartExecutionInput{StateMachineArn: aws.String("m")})
		_, invoke := lambda.NewFromConfig(config(p)).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("f")})
		for i, err := range []error{put, record, create, start, invoke} {
			var api smithy.APIError
			if !errors.As(err, &api) || api.ErrorCode() != codes[i] || !awsclient.IsRetryable(err) ||
				awsclient.IsThrottle(err) != (fault == faultproxy.Throttle) {
				t.Errorf("%s %d: %v, want %s", fault, i, err, codes[i])
			}
		}
		if len(s.got()) != 0 || p.Counts()[string(fault)] != 5 || p.Counts()[string(fault)+" PutItem"] != 1 {
			t.Errorf("%s: %d requests came through, counts %v", fault, len(s.got()), p.Counts())
		}
	}
}

func TestConnectionsBreakBeforeOrAfterTheEffect(t *testing.T) {
	for fault, effects := range map[faultproxy.Fault]int{
		faultproxy.ResetBefore: 0, faultproxy.ResetAfter: 1, faultproxy.Hang: 0, faultproxy.Late: 1, faultproxy.Twice: 2,
	} {
		p, s := behind(t, "{}", always(fault))
		_, err := dynamodb.NewFromConfig(config(p)).PutItem(t.Context(),
			&dynamodb.PutItemInput{TableName: aws.String("t"), Item: map[string]dynamodbtypes.AttributeValue{}})
		if broken := fault != faultproxy.Twice; (err != nil) != broken || (broken && !awsclient.IsRetryable(err)) {
			t.Errorf("%s: %v", fault, err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if n := len(s.got()); n != effects {
			t.Errorf("%s: %d effects, want %d", fault, n, effects)
		}
	}
}

func TestPartialAnswersListTheRequestsNotDone(t *testing.T) {
	key := func(text string) map[string]dynamodbtypes.AttributeValue {
		return map[string]dynamodbtypes.AttributeValue{"pk": &dynamodbtypes.AttributeValueMemberS{Value: text}}
	}
	names := []string{"a1", "b2", "c3", "d4", "e5", "f6"}
	done := func(s *service) (n int) {
		for _, name := range names {
			n += strings.Count(s.got()[0], `"`+name+`"`)
		}
		return n
	}
	t.Run("BatchWriteItem", func(t *testing.T) {
		p, s := behind(t, `{}`, always(faultproxy.Partial))
		var writes []dynamodbtypes.WriteRequest
		for _, name := range names {
			writes = append(writes, dynamodbtypes.WriteRequest{PutRequest: &dynamodbtypes.PutRequest{Item: key(name)}})
		}
		out, err := dynamodb.NewFromConfig(config(p)).BatchWriteItem(t.Context(),
			&dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodbtypes.WriteRequest{"t": writes}})
		if err != nil || len(out.UnprocessedItems["t"]) == 0 || done(s) == 0 ||
			len(out.UnprocessedItems["t"])+done(s) != len(names) {
			t.Errorf("%d done, answer %+v, %v", done(s), out, err)
		}
	})
	t.Run("BatchGetItem", func(t *testing.T) {
		p, s := behind(t, `{"UnprocessedKeys":{"t":{"Keys":[{"pk":{"S":"z"}}]}}}`, always(faultproxy.Partial))
		var keys []map[string]dynamodbtypes.AttributeValue
		for _, name := range names {
			keys = append(keys, key(name))
		}
		out, err := dynamodb.NewFromConfig(config(p)).BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{
			RequestItems: map[string]dynamodbtypes.KeysAndAttributes{"t": {Keys: keys, ConsistentRead: aws.Bool(true)}}})
		// The service itself left one more undone.
		if err != nil || len(out.UnprocessedKeys["t"].Keys) < 2 || done(s) == 0 ||
			len(out.UnprocessedKeys["t"].Keys)+done(s) != len(names)+1 {
			t.Errorf("%d done, answer %+v, %v", done(s), out, err)
		}
	})
	t.Run("PutRecords", func(t *testing.T) {
		p, s := behind(t, `{"FailedRecordCount":0,"Records":[
			{"SequenceNumber":"1"},
			{"SequenceNumber":"2"},
			{"SequenceNumber":"3"},
			{"SequenceNumber":"4"},
			{"SequenceNumber":"5"}
		]}`, always(faultproxy.Partial))
		var records []kinesistypes.PutRecordsRequestEntry
		for _, name := range names {
			records = append(records, kinesistypes.PutRecordsRequestEntry{PartitionKey: aws.String(name), Data: []byte("d")})
		}
		out, err := kinesis.NewFromConfig(config(p)).PutRecords(t.Context(),
			&kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: records})
		if err != nil || len(out.Records) != len(names) || aws.ToInt32(out.FailedRecordCount) == 0 ||
			int(*out.FailedRecordCount)+done(s) != len(names) {
			t.Fatalf("%d done, answer %+v, %v", done(s), out, err)
		}
		for i, record := range out.Records {
			refused := !strings.Contains(s.got()[0], `"`+names[i]+`"`)
			if (aws.ToString(record.ErrorCode) != "") != refused {
				t.Errorf("record %s: %+v, refused %v", names[i], record, refused)
			}
		}
	})
	t.Run("no batch", func(t *testing.T) {
		p, s := behind(t, `{}`, always(faultproxy.Partial))
		if _, err := dynamodb.NewFromConfig(config(p)).GetItem(t.Context(),
			&dynamodb.GetItemInput{TableName: aws.String("t"), Key: key("a1")}); err != nil || len(s.got()) != 1 {
			t.Errorf("%v, %d requests", err, len(s.got()))
		}
	})
}

func TestRatesSeedsAndSelection(t *testing.T) {
	sequence := func(seed uint64) (out string) {
		p, _ := behind(t, `{}`, faultproxy.Config{Seed: seed, Rates: faultproxy.Rates{faultproxy.Throttle: 0.5},
			Only: func(operation string) bool { return operation == "GetItem" }})
		db := dynamodb.NewFromConfig(config(p))
		for range 24 {
			_, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("t"),
				Key: map[string]dynamodbtypes.AttributeValue{}})
			out += map[bool]string{true: "x", false: "."}[err != nil]
			if _, err := db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String("t"),
				Key: map[string]dynamodbtypes.AttributeValue{}}); err != nil {
				t.Error(err)
			}
		}
		p.SetRates(nil)
		if _, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("t"),
			Key: map[string]dynamodbtypes.AttributeValue{}}); err != nil {
			t.Error(err)
		}
		return out
	}
	one := sequence(1)
	if one != sequence(1) || one == sequence(2) || !strings.Contains(one, "x") || !strings.Contains(one, ".") {
		t.Errorf("sequences: %s", one)
	}
}

func TestObserversSeeEveryRequestFirst(t *testing.T) {
	p, s := behind(t, `{}`, always(faultproxy.Throttle))
	var seen []string
	p.Observe(func(_, operation string, body []byte) {
		if strings.Contains(string(body), `"TableName":"t"`) && len(s.got()) == 0 {
			seen = append(seen, operation)
		}
	})
	db := dynamodb.NewFromConfig(config(p))
	for range 2 {
		_, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("t"),
			Key: map[string]dynamodbtypes.AttributeValue{}})
		if err == nil {
			t.Error("a throttled request succeeded")
		}
		p.Observe(nil)
	}
	if len(seen) != 1 || seen[0] != "GetItem" {
		t.Errorf("seen: %v", seen)
	}
}
