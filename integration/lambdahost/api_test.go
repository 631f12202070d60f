package lambdahost_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"reprise/integration/lambdahost"
)

// serving records which mappings are served.
type serving struct {
	mu  sync.Mutex
	now map[string]lambdahost.Mapping
}

func (s *serving) consume(ctx context.Context, m lambdahost.Mapping) error {
	s.mu.Lock()
	s.now[m.ID] = m
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	delete(s.now, m.ID)
	s.mu.Unlock()
	return nil
}

func (s *serving) of(id string) (lambdahost.Mapping, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, found := s.now[id]
	return m, found
}

func client(t *testing.T) (*lambda.Client, *serving) {
	t.Helper()
	host := start(t, lambdahost.Config{Functions: []lambdahost.Function{functionOf(t, "worker", "worker")}})
	served := &serving{now: make(map[string]lambdahost.Mapping)}
	api := lambdahost.NewAPI(host, served.consume)
	server := httptest.NewServer(api)
	t.Cleanup(func() {
		server.Close()
		api.Close()
		if len(served.now) != 0 {
			t.Errorf("mappings outlived the API: %v", served.now)
		}
	})
	return lambda.New(lambda.Options{Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}), served
}

func TestSDKInvokes(t *testing.T) {
	api, _ := client(t)
	out, err := api.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("worker"), Payload: []byte(`{}`)})
	var seen report
	if err != nil || out.FunctionError != nil || json.Unmarshal(out.Payload, &seen) != nil ||
		!strings.HasSuffix(seen.ARN, ":function:worker") {
		t.Errorf("invoke: %+v, %v", out, err)
	}
	out, err = api.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("worker"),
		Payload: []byte(`{"Do":"name"}`)})
	if err != nil || aws.ToString(out.FunctionError) != "Unhandled" ||
		!strings.Contains(string(out.Payload), `"errorType":"Reprise.Throttled"`) {
		t.Errorf("invoke what fails: %+v, %v", out, err)
	}
	out, err = api.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("worker"),
		InvocationType: types.InvocationTypeEvent})
	if err != nil || out.StatusCode != 202 {
		t.Errorf("invoke without waiting: %+v, %v", out, err)
	}
	_, err = api.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("nobody")})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		t.Errorf("invoke nobody: %v", err)
	}
}

func TestSDKPublishesAndNamesVersions(t *testing.T) {
	api, _ := client(t)
	name := aws.String("worker")
	published, err := api.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: name})
	if err != nil || aws.ToString(published.Version) != "1" {
		t.Fatalf("publish: %+v, %v", published, err)
	}
	create := &lambda.CreateAliasInput{FunctionName: name, Name: aws.String("g0001"), FunctionVersion: published.Version}
	if _, err := api.CreateAlias(t.Context(), create); err != nil {
		t.Fatal(err)
	}
	_, err = api.CreateAlias(t.Context(), create)
	var conflict *types.ResourceConflictException
	if !errors.As(err, &conflict) {
		t.Errorf("create an alias twice: %v", err)
	}
	_, err = api.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: name, Name: aws.String("g0001"),
		FunctionVersion: aws.String("9")})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		t.Errorf("point an alias to a version that does not exist: %v", err)
	}
	got, err := api.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: name, Name: aws.String("g0001")})
	if err != nil || aws.ToString(got.FunctionVersion) != "1" ||
		!strings.HasSuffix(aws.ToString(got.AliasArn), "worker:g0001") {
		t.Errorf("alias: %+v, %v", got, err)
	}
	out, err := api.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("worker:g0001")})
	var seen report
	if err != nil || json.Unmarshal(out.Payload, &seen) != nil || seen.Version != "1" ||
		!strings.HasSuffix(seen.ARN, "worker:g0001") {
		t.Errorf("invoked by its alias the function saw %+v, %v", seen, err)
	}
	for range 2 { // deleting is idempotent
		if _, err := api.DeleteAlias(t.Context(), &lambda.DeleteAliasInput{FunctionName: name,
			Name: aws.String("g0001")}); err != nil {
			t.Error(err)
		}
	}
	all, err := api.ListAliases(t.Context(), &lambda.ListAliasesInput{FunctionName: name})
	if err != nil || len(all.Aliases) != 0 {
		t.Errorf("aliases: %+v, %v", all, err)
	}
}

func TestSDKMapsStreams(t *testing.T) {
	api, served := client(t)
	stream := aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/events")
	create := &lambda.CreateEventSourceMappingInput{FunctionName: aws.String("worker"), EventSourceArn: stream,
		StartingPosition: types.EventSourcePositionTrimHorizon, BatchSize: aws.Int32(7), ParallelizationFactor: aws.Int32(3),
		FunctionResponseTypes: []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}}
	made, err := api.CreateEventSourceMapping(t.Context(), create)
	if err != nil {
		t.Fatal(err)
	}
	id := aws.ToString(made.UUID)
	until(t, "the mapping is served", func() bool { m, found := served.of(id); return found && m.BatchSize == 7 })
	_, err = api.CreateEventSourceMapping(t.Context(), create)
	var conflict *types.ResourceConflictException
	if !errors.As(err, &conflict) {
		t.Errorf("map twice: %v", err)
	}
	changed, err := api.UpdateEventSourceMapping(t.Context(),
		&lambda.UpdateEventSourceMappingInput{UUID: made.UUID, ParallelizationFactor: aws.Int32(4)})
	if err != nil || aws.ToInt32(changed.ParallelizationFactor) != 4 || aws.ToInt32(changed.MaximumRetryAttempts) != -1 {
		t.Errorf("update: %+v, %v", changed, err)
	}
	until(t, "it is served anew", func() bool { m, found := served.of(id); return found && m.Parallelization == 4 })
	list, err := api.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{EventSourceArn: stream})
	if err != nil || len(list.EventSourceMappings) != 1 || aws.ToString(list.EventSourceMappings[0].State) != "Enabled" ||
		list.EventSourceMappings[0].FunctionResponseTypes[0] != types.FunctionResponseTypeReportBatchItemFailures {
		t.Errorf("list: %+v, %v", list, err)
	}
	if _, err := api.UpdateEventSourceMapping(t.Context(),
		&lambda.UpdateEventSourceMappingInput{UUID: made.UUID, Enabled: aws.Bool(false)}); err != nil {
		t.Error(err)
	}
	if _, found := served.of(id); found {
		t.Error("a disabled mapping is served")
	}
	if _, err := api.DeleteEventSourceMapping(t.Context(),
		&lambda.DeleteEventSourceMappingInput{UUID: made.UUID}); err != nil {
		t.Error(err)
	}
	_, err = api.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: made.UUID})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		t.Errorf("get what was deleted: %v", err)
	}
}
