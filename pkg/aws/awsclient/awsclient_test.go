package awsclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"reprise/pkg/aws/awsclient"
)

func api(code string) error {
	return fmt.Errorf("operation: %w", &smithy.GenericAPIError{Code: code})
}

func answered(status int) error {
	return &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      errors.New("x"),
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		err                 error
		throttle, retryable bool
	}{
		{api("ProvisionedThroughputExceededException"), true, true},
		{api("ThrottlingException"), true, true},
		{api("RequestLimitExceeded"), true, true},
		{api("LimitExceededException"), true, true},
		{api("KMSThrottlingException"), true, true},
		{api("ConditionalCheckFailedException"), false, false},
		{api("ValidationException"), false, false},
		{api("ResourceNotFoundException"), false, false},
		{answered(500), false, true},
		{answered(503), false, true},
		{answered(400), false, false},
		{errors.New("write tcp: connection reset by peer"), false, true},
		{os.ErrDeadlineExceeded, false, true},
		{context.Canceled, false, false},
		{errors.New("something else"), false, false},
		{nil, false, false},
	} {
		if throttle, retryable := awsclient.IsThrottle(c.err), awsclient.IsRetryable(c.err); throttle != c.throttle ||
			retryable != c.retryable {
			t.Errorf("%v: throttle %t, retryable %t", c.err, throttle, retryable)
		}
	}
	sentinel := errors.New("contract's own")
	if err := awsclient.Throttled(api("SlowDown"), sentinel); !errors.Is(err, sentinel) {
		t.Errorf("have %v", err)
	}
	if err := awsclient.Throttled(api("Other"), sentinel); errors.Is(err, sentinel) {
		t.Errorf("have %v", err)
	}
}

func TestDelays(t *testing.T) {
	random := 0.0
	p := awsclient.Pace{
		Attempts: 5,
		Base:     50 * time.Millisecond,
		Cap:      3 * time.Second,
		Random:   func() float64 { return random },
	}
	for attempt, bound := range []time.Duration{50, 100, 200, 400, 800, 1600, 3000, 3000} {
		bound *= time.Millisecond
		for _, random = range []float64{0, 0.5, 0.999} {
			if have := p.Delay(attempt); have != time.Duration(random*float64(bound)) {
				t.Errorf("attempt %d at %v: %v", attempt, random, have)
			}
		}
	}
	if have := p.Delay(10_000); have > p.Cap {
		t.Errorf("delay %v", have)
	}
	retryer := p.Retryer()()
	if n := retryer.MaxAttempts(); n != 5 {
		t.Errorf("%d attempts", n)
	}
	random = 0.5
	if have, err := retryer.RetryDelay(1, nil); err != nil || have > 100*time.Millisecond {
		t.Errorf("delay %v, %v", have, err)
	}
}

// TestAgain ends with the last attempt, or with the context.
func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := awsclient.Standard()
		cause := errors.New("cause")
		begun := time.Now()
		attempt := 0
		for p.Again(t.Context(), attempt, cause) == nil {
			attempt++
		}
		if attempt != p.Attempts-1 || time.Since(begun) > 10*time.Second {
			t.Errorf("%d attempts in %v", attempt+1, time.Since(begun))
		}
		if err := p.Again(t.Context(), attempt, cause); !errors.Is(err, cause) {
			t.Errorf("have %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		p.Random = func() float64 { return 0.9 }
		if err := p.Again(ctx, 6, cause); !errors.Is(err, cause) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("have %v", err)
		}
	})
}

func TestEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		early, stop := awsclient.Early(ctx, 10*time.Second)
		defer stop()
		begun := time.Now()
		<-early.Done()
		if have := time.Since(begun); have != 50*time.Second || ctx.Err() != nil {
			t.Errorf("ended after %v, %v", have, ctx.Err())
		}
		endless, stop := awsclient.Early(t.Context(), time.Second)
		defer stop()
		if _, ends := endless.Deadline(); ends {
			t.Error("a context without a deadline got one")
		}
	})
}
