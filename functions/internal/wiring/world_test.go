package wiring

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"reprise/pkg/platform/platformtest"
	"reprise/pkg/steps"
)

const functionARN = "arn:aws:lambda:eu-west-1:123456789012:function:reprise-write-state"

// newWorld returns a platform over embedded stores that logs like a function.
func newWorld(t *testing.T) *platformtest.World {
	t.Helper()
	w := platformtest.New(t)
	w.Parts.Log = NewLog(w.Logged, "test")
	return w
}

// invoked returns the context of an invocation.
func invoked(t *testing.T, arn string) context.Context {
	t.Helper()
	return lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{
		AwsRequestID:       "request-1",
		InvokedFunctionArn: arn,
	})
}

func TestWriteLearnsItsGenerationFromTheAlias(t *testing.T) {
	if got, err := alias(invoked(t, functionARN+":g0007")); got != "g0007" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	write := WriteByAlias(newWorld(t).Platform())
	for _, arn := range []string{functionARN, functionARN + ":$LATEST", ""} {
		if _, err := write(invoked(t, arn), events.KinesisEvent{}); !errors.Is(err, ErrNoAlias) {
			t.Errorf("%q: %v", arn, err)
		}
	}
	if _, err := write(t.Context(), events.KinesisEvent{}); !errors.Is(err, ErrNoAlias) {
		t.Errorf("outside of Lambda: %v", err)
	}
}

func TestStepsLogReplayAndRequest(t *testing.T) {
	w := newWorld(t)
	p := w.Platform()
	step := p.Plan()
	if _, err := step(invoked(t, functionARN), steps.PlanInput{Replay: "r1", Input: []byte(`{"no":1}`)}); err == nil {
		t.Fatal("a wrong input was planned")
	}
	var line map[string]any
	if err := json.Unmarshal(w.Logged.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, w.Logged)
	}
	if line["replay"] != "r1" || line["request"] != "request-1" || line["function"] != "test" || line["level"] != "WARN" {
		t.Errorf("logged %v", line)
	}
}
