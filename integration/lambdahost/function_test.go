package lambdahost_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"reprise/integration/lambdahost"
)

// roleVariable makes this test's binary a function of that role.
const roleVariable = "LAMBDAHOST_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Exit(m.Run())
	case "broken":
		fmt.Println("cannot begin")
		os.Exit(7)
	case "lazy":
		<-time.After(time.Hour) // never asks for an invocation; an empty select would end as a deadlock
	default:
		var calls atomic.Int64
		lambda.Start(func(ctx context.Context, in order) (report, error) { return obey(ctx, in, calls.Add(1)) })
	}
}

// order tells the function what to do.
type order struct{ Do, File string }

// report is what the function saw.
type report struct {
	Process, Call    int
	ARN, Request     string
	Version, Setting string
	Trace            string
	Left             time.Duration
	Padding          string
}

func obey(ctx context.Context, in order, call int64) (report, error) {
	invocation, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	trace, _ := ctx.Value("x-amzn-trace-id").(string) //nolint:staticcheck // the runtime's own key
	out := report{Process: os.Getpid(), Call: int(call), ARN: invocation.InvokedFunctionArn,
		Request: invocation.AwsRequestID,
		Version: lambdacontext.FunctionVersion, Setting: os.Getenv("SETTING"), Trace: trace, Left: time.Until(deadline)}
	switch in.Do {
	case "name":
		return out, messages.InvokeResponse_Error{Type: "Reprise.Throttled", Message: "too much"}
	case "fail":
		return out, errors.New("plain")
	case "exit":
		fmt.Println("leaving with 3")
		os.Exit(3)
	case "panic":
		panic("lost")
	case "hang":
		if err := os.WriteFile(in.File, nil, 0o600); err != nil {
			return out, err
		}
		<-make(chan struct{})
	case "much":
		out.Padding = strings.Repeat("x", lambdahost.MaxPayloadBytes)
	}
	return out, nil
}

// functionOf is this binary in a role.
func functionOf(t *testing.T, name, role string) lambdahost.Function {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return lambdahost.Function{Name: name, Binary: binary, Timeout: time.Minute,
		Env: map[string]string{roleVariable: role}}
}

func start(t *testing.T, config lambdahost.Config) *lambdahost.Host {
	t.Helper()
	host, err := lambdahost.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.Close(); err != nil {
			t.Error(err)
		}
	})
	return host
}

func invoke(t *testing.T, host *lambdahost.Host, function string, in order) (report, error) {
	t.Helper()
	payload, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	result, err := host.Invoke(t.Context(), function, payload)
	var out report
	if err == nil {
		if err := json.Unmarshal(result, &out); err != nil {
			t.Fatal(err)
		}
	}
	return out, err
}

// until polls with a deadline.
func until(t *testing.T, what string, check func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(time.Minute)
	for !check() {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long until %s", what)
		}
		<-tick.C
	}
}
