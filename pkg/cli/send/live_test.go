package send_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/api/intake"
	"reprise/pkg/cli/send"
)

// sent is how a Send ended.
type sent struct {
	result send.Result
	err    error
}

// pipe sends what the test writes, until the end of the writer or ctx. accepted gets
// the number of events of each request.
func pipe(ctx context.Context, to send.Poster, accepted chan int64) (in *io.PipeWriter, ended <-chan sent) {
	r, w := io.Pipe()
	o := options(to)
	o.Live = true
	o.Sent = func(n int64) { accepted <- n }
	done := make(chan sent, 1)
	go func() {
		result, err := send.Send(ctx, r, o)
		done <- sent{result, err}
	}()
	return w, done
}

func TestNoLineOfALivePipeWaitsLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accepted := make(chan int64, 100)
		in, ended := pipe(t.Context(), &server{}, accepted)
		for range 3 {
			start := time.Now()
			must(t, in, text(50, 1))
			if n := <-accepted; n != 50 || time.Since(start) != send.DefaultRest {
				t.Errorf("%d of 50 events were sent %s after they were written", n, time.Since(start))
			}
		}
		// Lines that keep coming do not keep the first of them waiting.
		start := time.Now()
		for range 6 {
			must(t, in, text(1, 1))
			<-time.After(50 * time.Millisecond)
		}
		if n := <-accepted; n < 4 || time.Since(start) > 300*time.Millisecond {
			t.Errorf("%d events were sent after %s", n, time.Since(start))
		}
		_ = in.Close()
		if end := <-ended; end.err != nil || end.result.Accepted != 156 || end.result.Through != 156 {
			t.Errorf("%+v", end)
		}
	})
}

// A sender that is busy goes on filling its request meanwhile.
func TestBusySendersFillTheirRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accepted := make(chan int64, 100)
		slow := &server{fail: func(int, []taken) error {
			<-time.After(10 * time.Second)
			return nil
		}}
		in, ended := pipe(t.Context(), slow, accepted)
		for range 100 {
			must(t, in, text(10, 1))
			<-time.After(200 * time.Millisecond)
		}
		_ = in.Close()
		if end := <-ended; end.err != nil || end.result.Accepted != 1000 || slow.calls > 6 {
			t.Errorf("%d requests, %+v", slow.calls, end)
		}
	})
}

func TestEndOfContextEndsTheWaitForInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		accepted := make(chan int64, 100)
		in, ended := pipe(ctx, &server{}, accepted)
		start := time.Now()
		must(t, in, text(5, 2)+`{"half":`)
		synctest.Wait()
		cancel()
		end := <-ended
		if !errors.Is(end.err, context.Canceled) || end.result.Accepted != 5 ||
			end.result.Through != 5 || end.result.Unsent != 0 {
			t.Errorf("%+v", end)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %s", took)
		}
		_ = in.Close()
	})
}

func TestServerThatDoesNotAnswerHoldsTheEndForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		accepted := make(chan int64, 100)
		in, ended := pipe(ctx, silent{}, accepted)
		must(t, in, text(5, 2))
		start := time.Now()
		synctest.Wait()
		cancel()
		end := <-ended
		if !errors.Is(end.err, context.Canceled) || end.result.Accepted != 0 ||
			end.result.Through != 0 || end.result.Unsent != 1 {
			t.Errorf("%+v", end)
		}
		if took := time.Since(start); took != send.DefaultGrace {
			t.Errorf("it took %s", took)
		}
		_ = in.Close()
	})
}

// A failure ends the wait for input too: nothing more would be sent.
func TestFailureEndsTheWaitForInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		in, ended := pipe(t.Context(), &server{fail: func(int, []taken) error { return broken }}, nil)
		must(t, in, text(5, 2))
		if end := <-ended; !errors.Is(end.err, broken) || end.result.Unsent != 1 {
			t.Errorf("%+v", end)
		}
		_ = in.Close()
	})
}

// silent never answers.
type silent struct{}

func (silent) Send(ctx context.Context, _ []byte, _ bool) (intake.Accepted, error) {
	<-ctx.Done()
	return intake.Accepted{}, fmt.Errorf("send: %w", ctx.Err())
}

func must(t *testing.T, to io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(to, text); err != nil {
		t.Fatal(err)
	}
}
