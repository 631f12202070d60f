package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/pkg/cli/command"
)

// interruptedSend runs reprise send on a pipe that stays open, and interrupts
// it once the server has answered the events of text.
func interruptedSend(t *testing.T, serve http.HandlerFunc, text string) result {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet { // --wait looks at the lanes before
			_, _ = io.WriteString(w, "{}")
			return
		}
		serve(w, r)
		interrupt()
	}))
	defer server.Close()
	var out, errs bytes.Buffer
	in, writer := io.Pipe()
	defer func() { _ = writer.Close() }()
	a := command.NewApp(func(string) string { return server.URL }, in, &out, &errs, commands())
	go func() { _, _ = io.WriteString(writer, text) }()
	code := a.Main(ctx, []string{"send", "-", "--senders", "1", "--wait"})
	return result{code, out.String(), errs.String()}
}

func TestFirstSignalEndsASendThatWaitsForInput(t *testing.T) {
	t.Parallel()
	got := interruptedSend(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"accepted":4,"lanes":[]}`)
	}, account("a", 3))
	if got.code != command.ExitFailed || !strings.Contains(got.stdout, `"accepted":4,"lines":4,`) ||
		!strings.Contains(got.stdout, `"acceptedThrough":4`) || strings.Contains(got.stdout, "firstUnsent") {
		t.Errorf("%+v", got)
	}
	want := "reprise send: interrupted: 4 events were accepted, every line up to line 4 among them; " +
		"nothing that was read is unsent\n" +
		"hint: send the same input again to send the rest: accepted events are never applied twice\n"
	if !strings.HasSuffix(got.stderr, want) {
		t.Errorf("got %s", got.stderr)
	}
}

func TestInterruptedSendSaysWhatIsUnsent(t *testing.T) {
	t.Parallel()
	got := interruptedSend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
	}, account("a", 3))
	want := "interrupted: 0 events were accepted; line 1 is the first that may not have been\n"
	if got.code != command.ExitFailed || !strings.Contains(got.stdout, `"firstUnsent":1`) ||
		!strings.Contains(got.stderr, want) {
		t.Errorf("%+v", got)
	}
}

// A named pipe without a writer blocks the program where it opens the pipe.
func TestSignalEndsTheWaitForANamedPipe(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	s := &shell{t: t, endpoint: "http://127.0.0.1:1", change: func(a *command.App) {
		a.Open = func(string) (*os.File, error) {
			interrupt()
			<-t.Context().Done()
			return nil, os.ErrClosed
		}
	}}
	got := s.runUntil(ctx, "", "send", "pipe")
	if got.code != command.ExitFailed || !strings.Contains(got.stderr, "interrupted") {
		t.Errorf("%+v", got)
	}
}

// A port on which nobody listens is given up soon, and reported once for all
// senders.
func TestSendToNobodyGivesUpSoon(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	start := time.Unix(0, 0)
	clock := &sleeper{at: start}
	s := &shell{t: t, endpoint: server.URL, change: func(a *command.App) { a.Now, a.Sleep = clock.now, clock.sleep }}
	var text strings.Builder
	for i := range 30 {
		text.WriteString(account(fmt.Sprint("e", i), 0))
	}
	got := s.run(text.String(), "send", "-")
	if took := clock.now().Sub(start); took > 20*time.Second || got.code != command.ExitFailed {
		t.Errorf("gave up after %s: %+v", took, got)
	}
	n := strings.Count(got.stderr, "trying again")
	if n != 1 || !strings.Contains(got.stderr, "no answer from "+server.URL+
		": connect: connection refused; trying again\n") {
		t.Errorf("said so %d times:\n%s", n, got.stderr)
	}
}

// sleeper is a clock that advances only in sleeps, by the sum of those of all
// goroutines.
type sleeper struct {
	mu sync.Mutex
	at time.Time
}

func (s *sleeper) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

func (s *sleeper) sleep(ctx context.Context, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = s.at.Add(d)
	return ctx.Err()
}
