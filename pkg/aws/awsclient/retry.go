package awsclient

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// Pace says when and how often to retry: full jitter under an exponential bound, up
// to a number of attempts. It is safe for concurrent use if its functions are.
type Pace struct {
	// Attempts bounds the attempts of one call, the first included; at least 1.
	Attempts int
	// Base bounds the first wait; each further bound is twice the one before, up
	// to Cap.
	Base, Cap time.Duration
	// Sleep waits for d or the end of the context, whose error it returns.
	Sleep func(ctx context.Context, d time.Duration) error
	// Random returns a number in [0, 1).
	Random func() float64
}

// Standard is the pace of a production client: at most 8 attempts within about
// 10 s, which a Lambda or a reader can wait before it reports a throttle.
func Standard() Pace {
	return Pace{
		Attempts: 8,
		Base:     50 * time.Millisecond,
		Cap:      3 * time.Second,
		Sleep:    Sleep,
		Random:   rand.Float64,
	}
}

// Sleep waits for d or the end of the context, whose error it returns.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Delay is the wait after attempt, which counts from 0.
func (p Pace) Delay(attempt int) time.Duration {
	bound := p.Cap
	if attempt < 30 && p.Base<<attempt < p.Cap {
		bound = p.Base << attempt
	}
	return time.Duration(p.Random() * float64(bound))
}

// Again waits for the next attempt after attempt has failed with cause. It returns
// cause if attempt was the last one, and cause with the context's error if the
// context ends.
func (p Pace) Again(ctx context.Context, attempt int, cause error) error {
	if attempt+1 >= p.Attempts {
		return cause
	}
	if err := p.Sleep(ctx, p.Delay(attempt)); err != nil {
		return errors.Join(err, cause)
	}
	return nil
}

// BackoffDelay implements the SDK's retry.BackoffDelayer.
func (p Pace) BackoffDelay(attempt int, _ error) (time.Duration, error) { return p.Delay(attempt), nil }

// Retryer returns a constructor of retryers for aws.Config: the standard mode
// with this pace. It does not use the adaptive mode, which slows down a whole client
// for one hot key; Reprise slows down replays by itself.
func (p Pace) Retryer() func() aws.Retryer {
	return func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = p.Attempts
			o.MaxBackoff = p.Cap
			o.Backoff = p
		})
	}
}

// HTTP returns the HTTP client of the adapters. It ends an attempt that hangs, after
// 2 s without a connection or 10 s without the beginning of an answer, so that
// another one fits before the caller's deadline.
func HTTP(connections int) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = connections, connections
		t.TLSHandshakeTimeout = 2 * time.Second
		t.ResponseHeaderTimeout = 10 * time.Second
	}).WithTimeout(30 * time.Second)
}

// Early returns a context that ends margin before ctx does, so that a Lambda
// can still report what is not done. Without a deadline it changes nothing.
func Early(ctx context.Context, margin time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-margin))
}
