package wiring

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"reprise/pkg/api"
	"reprise/pkg/aws/lambdahttp"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/gateway"
	"reprise/pkg/replay"
	"reprise/pkg/steps"
)

func TestLanesAndBucketWidthAreFixed(t *testing.T) {
	w := newWorld(t)
	w.platform(t)
	w.platform(t) // again, with the same
	w.parts.Settings.Lanes = 4
	if _, err := New(t.Context(), w.parts); !errors.Is(err, ErrFixed) {
		t.Errorf("other lanes: %v", err)
	}
	w.parts.Settings.Lanes, w.parts.Settings.Bucket = 2, eventlog.Hour
	if _, err := New(t.Context(), w.parts); !errors.Is(err, ErrFixed) {
		t.Errorf("other buckets: %v", err)
	}
}

// invoked is the context of an invocation.
func invoked(t *testing.T, arn string) context.Context {
	t.Helper()
	return lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1", InvokedFunctionArn: arn})
}

const functionARN = "arn:aws:lambda:eu-west-1:123456789012:function:reprise-write-state"

func TestWriteLearnsItsGenerationFromTheAlias(t *testing.T) {
	if got, err := alias(invoked(t, functionARN+":g0007")); got != "g0007" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	write := newWorld(t).platform(t).Write()
	for _, arn := range []string{functionARN, functionARN + ":$LATEST", ""} {
		if _, err := write(invoked(t, arn), events.KinesisEvent{}); !errors.Is(err, ErrNoAlias) {
			t.Errorf("%q: %v", arn, err)
		}
	}
	if _, err := write(t.Context(), events.KinesisEvent{}); !errors.Is(err, ErrNoAlias) {
		t.Errorf("outside of Lambda: %v", err)
	}
}

func TestLoadRefusesFarBehind(t *testing.T) {
	w := newWorld(t)
	p := w.platform(t)
	for _, c := range []struct {
		lag  time.Duration
		err  error
		over bool
	}{{time.Hour, nil, false}, {13 * time.Hour, nil, true}, {13 * time.Hour, errors.New("no metric"), false}} {
		w.lag, w.lagErr = c.lag, c.err
		if got := p.overloaded()(t.Context()); got != c.over {
			t.Errorf("%s, %v: %t", c.lag, c.err, got)
		}
	}
	// It asks once a minute.
	overloaded := p.overloaded()
	w.lag, w.lagErr = 0, nil
	_ = overloaded(t.Context())
	w.lag = 20 * time.Hour
	if overloaded(t.Context()) {
		t.Error("the lag is asked for at every request")
	}
}

func TestEndedExecutionsCloseTheirReplay(t *testing.T) {
	w := newWorld(t)
	p := w.platform(t)
	if _, _, err := p.store.Create(t.Context(), "r1", replay.Request{}); err != nil {
		t.Fatal(err)
	}
	end := func(machine, name, status string) {
		t.Helper()
		detail, err := json.Marshal(endedExecution{Machine: machine, Name: name, Status: status, Error: "States.Timeout"})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Ended(t.Context(), events.CloudWatchEvent{Detail: detail}); err != nil {
			t.Fatal(err)
		}
	}
	end(machineARN+"/ReadSegments", "r1", "FAILED") // a child
	if row, err := p.store.Load(t.Context(), "r1"); err != nil || row.Status.Ended() {
		t.Fatalf("a child's end closed the replay: %+v, %v", row, err)
	}
	end(machineARN, "of nobody", "FAILED")
	end(machineARN, "r1", "ABORTED")
	end(machineARN, "r1", "ABORTED")
	row, err := p.store.Load(t.Context(), "r1")
	if err != nil || row.Status != replay.Cancelled || w.nudges != 3 {
		t.Errorf("%+v, %v; %d nudges", row, err, w.nudges)
	}
}

func TestStepsLogReplayAndRequest(t *testing.T) {
	w := newWorld(t)
	p := w.platform(t)
	step := Step(p, p.Plan().Handle)
	if _, err := step(invoked(t, functionARN), steps.PlanInput{Replay: "r1", Input: []byte(`{"no":1}`)}); err == nil {
		t.Fatal("a wrong input was planned")
	}
	var line map[string]any
	if err := json.Unmarshal(w.logged.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, w.logged)
	}
	if line["replay"] != "r1" || line["request"] != "request-1" || line["function"] != "test" || line["level"] != "WARN" {
		t.Errorf("logged %v", line)
	}
}

// reactions counts events and may fail.
type reactions struct {
	seen []string
	err  error
}

func (r *reactions) React(_ context.Context, e *event.Event, outside gateway.Gateway) error {
	r.seen = append(r.seen, e.ID)
	if e.Type == "effect.wanted" {
		return outside.Update(context.Background(), gateway.Effect{System: "mail", Name: "welcome"})
	}
	return r.err
}

// sent puts events of one entity and returns the stream's batch.
func sent(t *testing.T, p *Platform, types ...string) events.KinesisEvent {
	t.Helper()
	for i, kind := range types {
		body := `{"specversion":"1.0","id":"` + string(rune('a'+i)) + `","source":"s","type":"` + kind + `","subject":"x"}`
		response, err := lambdahttp.Serve(p.Load(false).Handler())(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: api.RouteEvents, Body: body,
			Headers: map[string]string{"content-type": "application/cloudevents+json"}})
		if err != nil || response.StatusCode != 202 {
			t.Fatalf("%v: %s", err, response.Body)
		}
	}
	return recordsOf(t, p, p.events.Name)
}

// recordsOf returns all records of a stream as a batch.
func recordsOf(t *testing.T, p *Platform, name string) events.KinesisEvent {
	t.Helper()
	var batch events.KinesisEvent
	stream := p.Streams.Open(name)
	shards, err := stream.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, shard := range shards {
		for at, err := stream.Iterator(t.Context(), shard.ID, feedStart); ; {
			if err != nil {
				t.Fatal(err)
			}
			read, err := stream.Read(t.Context(), at, 100)
			if err != nil {
				t.Fatal(err)
			}
			if len(read.Records) == 0 {
				break
			}
			for _, r := range read.Records {
				batch.Records = append(batch.Records, events.KinesisEventRecord{Kinesis: events.KinesisRecord{PartitionKey: r.Key,
					SequenceNumber: r.Sequence, Data: r.Data, ApproximateArrivalTimestamp: events.SecondsEpochTime{Time: r.Arrival}}})
			}
			at = read.Next
		}
	}
	return batch
}

func TestTheMicroserviceReactsBehindTheLog(t *testing.T) {
	p := newWorld(t).platform(t)
	batch := sent(t, p, "one.happened", "effect.wanted", "two.happened")
	service := &reactions{}
	micro := p.Microservice(service, gateway.Refusing{})
	answer, err := micro.Handle(t.Context(), batch)
	if err != nil || len(service.seen) > 0 || len(answer.BatchItemFailures) != 1 || answer.BatchItemFailures[0].ItemIdentifier != batch.Records[0].Kinesis.SequenceNumber {
		t.Fatalf("before the log: %v, %+v, %v", service.seen, answer, err)
	}
	if pumped, err := p.Pump().Handle(t.Context(), batch); err != nil || len(pumped.BatchItemFailures) > 0 {
		t.Fatalf("%+v, %v", pumped, err)
	}
	answer, err = micro.Handle(t.Context(), batch)
	if err != nil || len(answer.BatchItemFailures) > 0 || strings.Join(service.seen, "") != "abc" {
		t.Errorf("%v, %+v, %v", service.seen, answer, err)
	}
	service.seen, service.err = nil, errors.New("down")
	answer, err = micro.Handle(t.Context(), batch)
	if err != nil || len(answer.BatchItemFailures) != 1 || strings.Join(service.seen, "") != "a" {
		t.Errorf("a failure: %v, %+v, %v", service.seen, answer, err)
	}
}

// TestTheMicroserviceIgnoresWhatTheLogDoesNotHave has the second of three records
// reach the pump last, as a reshard can: it is late there, though the service
// gets it in its place.
func TestTheMicroserviceIgnoresWhatTheLogDoesNotHave(t *testing.T) {
	p := newWorld(t).platform(t)
	batch := sent(t, p, "one.happened", "two.happened", "three.happened")
	for _, i := range []int{0, 2, 1} {
		one := events.KinesisEvent{Records: batch.Records[i : i+1]}
		if pumped, err := p.Pump().Handle(t.Context(), one); err != nil || len(pumped.BatchItemFailures) > 0 {
			t.Fatalf("%+v, %v", pumped, err)
		}
	}
	service := &reactions{}
	answer, err := p.Microservice(service, gateway.Refusing{}).Handle(t.Context(), batch)
	if err != nil || len(answer.BatchItemFailures) > 0 || strings.Join(service.seen, "") != "ac" {
		t.Errorf("%v, %+v, %v", service.seen, answer, err)
	}
}

// TestTheMicroserviceWaitsForThePump has the pump commit while it waits: the
// batch need not come again.
func TestTheMicroserviceWaitsForThePump(t *testing.T) {
	w := newWorld(t)
	var batch events.KinesisEvent
	var p *Platform
	waits := 0
	w.parts.Pause = func(ctx context.Context, _ time.Duration) error {
		waits++
		_, err := p.Pump().Handle(ctx, batch)
		return err
	}
	p = w.platform(t)
	batch = sent(t, p, "one.happened", "two.happened")
	service := &reactions{}
	answer, err := p.Microservice(service, gateway.Refusing{}).Handle(t.Context(), batch)
	if err != nil || len(answer.BatchItemFailures) > 0 || len(service.seen) != 2 || waits != 1 {
		t.Errorf("%v, %+v, %v, %d waits", service.seen, answer, err, waits)
	}
}

func TestChangesOfTheLogAreLoggedWithoutIDs(t *testing.T) {
	w := newWorld(t)
	var change events.DynamoDBEvent
	if err := json.Unmarshal([]byte(`{"Records":[{"eventID":"e1","eventName":"MODIFY",
		"dynamodb":{"Keys":{"pk":{"S":"0003#2026-01-01T00"},"sk":{"S":"secret-entity#1"}}}}]}`), &change); err != nil {
		t.Fatal(err)
	}
	if err := Watch(w.parts.Log)(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	line := w.logged.String()
	if !strings.Contains(line, "0003#2026-01-01T00") || !strings.Contains(line, "MODIFY") || strings.Contains(line, "secret") {
		t.Errorf("logged %s", line)
	}
}

func TestANewPlatformIsServedOnceItIsKept(t *testing.T) {
	p := newWorld(t).platform(t)
	if err := p.KeepConsumers(t.Context()); err != nil {
		t.Fatal(err)
	}
	response, err := lambdahttp.Serve(p.API().Handler())(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: "GET /generations"})
	if err != nil || response.StatusCode != 200 || !strings.Contains(response.Body, `"active":"g0001"`) {
		t.Errorf("%v: %s", err, response.Body)
	}
}
