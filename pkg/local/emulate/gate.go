package emulate

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"reprise/pkg/api/web"
)

// The bounds of what all requests hold together.
const (
	// uncounted is the part of each body and answer that does not count: the
	// number of connections bounds it. So small requests never wait for large ones.
	uncounted = 32 << 10
	// bodiesBytes bounds what is read of bodies, answersBytes what clients have not
	// taken of answers.
	bodiesBytes  = 32 << 20
	answersBytes = 32 << 20
	// workBytes bounds the bodies that are worked on at the same time, since a body
	// takes several times its size in memory until its events are put. leastWork
	// bounds the number of small ones.
	workBytes = 6 * web.MaxBodyBytes
	leastWork = 1 << 20
	// readsAtOnce bounds the requests without a body, whose answers may be large.
	readsAtOnce = 6
	// roomPatience is how long a request waits for room.
	roomPatience = 10 * time.Second
)

// gate hands requests on to a handler. Nothing that bounds the work on requests is
// held while a client sends or takes bytes, so slow clients hold up nobody.
type gate struct {
	handler http.Handler
	hold    Hold
	bodies  *semaphore.Weighted
	answers *semaphore.Weighted
	writes  *semaphore.Weighted
	reads   *semaphore.Weighted
}

func newGate(h http.Handler, hold Hold) *gate {
	if hold == nil {
		hold = func(*http.Request) *web.Problem { return nil }
	}
	return &gate{
		handler: h,
		hold:    hold,
		bodies:  semaphore.NewWeighted(bodiesBytes),
		answers: semaphore.NewWeighted(answersBytes),
		writes:  semaphore.NewWeighted(workBytes),
		reads:   semaphore.NewWeighted(readsAtOnce),
	}
}

// ServeHTTP implements http.Handler.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text := body{budget: g.bodies}
	defer text.release()
	if refused := text.read(r); refused != nil {
		refused.Write(w)
		return
	}
	r.Body = &text
	if refused := g.hold(r); refused != nil {
		refused.Write(w)
		return
	}
	end, refused := g.begin(r, text.size())
	if refused != nil {
		refused.Write(w)
		return
	}
	out := &answer{w: w, gate: g, end: end}
	defer end()
	g.handler.ServeHTTP(out, r)
	end()
	text.release()
	out.send()
}

// begin waits until the request may be worked on. The returned function ends that;
// it may be called again.
func (g *gate) begin(r *http.Request, size int) (end func(), refused *web.Problem) {
	of, weight := g.reads, int64(1)
	if size > 0 {
		of, weight = g.writes, int64(min(max(size, leastWork), workBytes))
	}
	if refused := acquire(r.Context(), of, weight); refused != nil {
		return nil, refused
	}
	ended := false
	return func() {
		if !ended {
			ended = true
			of.Release(weight)
		}
	}, nil
}

// acquire waits for room, but not for ever.
func acquire(ctx context.Context, budget *semaphore.Weighted, n int64) *web.Problem {
	ctx, cancel := context.WithTimeout(ctx, roomPatience)
	defer cancel()
	if budget.Acquire(ctx, n) != nil {
		return web.Busy("the platform is busy with other requests; nothing of this request was accepted: " +
			"send it again later")
	}
	return nil
}

// body is a request's body, read before anything is done with it.
type body struct {
	budget *semaphore.Weighted
	held   int64
	text   []byte
	at     int
	// broken is the error that ended the body before its end.
	broken error
}

// read reads up to one byte more than a body may have. A problem means that there
// is no room; an error of the connection is kept for the handler.
func (b *body) read(r *http.Request) *web.Problem {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	for len(b.text) <= web.MaxBodyBytes {
		if refused := b.grow(r.Context()); refused != nil {
			return refused
		}
		n, err := r.Body.Read(b.text[len(b.text):cap(b.text)])
		b.text = b.text[:len(b.text)+n]
		if err != nil {
			if !errors.Is(err, io.EOF) {
				b.broken = err
			}
			return nil
		}
	}
	return nil
}

// grow makes room for at least one byte more.
func (b *body) grow(ctx context.Context) *web.Problem {
	const first = 8 << 10
	if len(b.text) < cap(b.text) {
		return nil
	}
	size := min(max(2*cap(b.text), first), web.MaxBodyBytes+1)
	if more := int64(size) - uncounted - b.held; more > 0 {
		if refused := acquire(ctx, b.budget, more); refused != nil {
			return refused
		}
		b.held += more
	}
	b.text = append(make([]byte, 0, size), b.text...)
	return nil
}

func (b *body) size() int { return len(b.text) }

// release gives the room back. The body is empty then.
func (b *body) release() {
	b.budget.Release(b.held)
	b.held, b.text, b.at = 0, nil, 0
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n := copy(p, b.text[b.at:])
	b.at += n
	switch {
	case n > 0 || len(p) == 0:
		return n, nil
	case b.broken != nil:
		return 0, b.broken
	default:
		return 0, io.EOF
	}
}

// Close implements io.Closer.
func (*body) Close() error { return nil }

// answer keeps what the handler writes until the handler has ended. A handler that
// flushes writes to the client from then on, and its work is over for the gate: a
// stream of answers must bound what it holds itself.
type answer struct {
	w      http.ResponseWriter
	gate   *gate
	end    func()
	status int
	text   bytes.Buffer
	direct bool
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.w.Header() }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.direct {
		return a.w.Write(p)
	}
	return a.text.Write(p)
}

// Unwrap lets http.ResponseController set deadlines.
func (a *answer) Unwrap() http.ResponseWriter { return a.w }

// FlushError implements the interface that http.ResponseController looks for.
func (a *answer) FlushError() error {
	if !a.direct {
		a.end()
		a.direct = true
		a.WriteHeader(http.StatusOK)
		a.w.WriteHeader(a.status)
		if _, err := a.w.Write(a.text.Bytes()); err != nil {
			return err
		}
		a.text = bytes.Buffer{}
	}
	return http.NewResponseController(a.w).Flush()
}

// send sends what was kept. If too many clients do not take their answers, this one
// gets a short answer.
func (a *answer) send() {
	if a.direct || a.status == 0 {
		return
	}
	weight := max(0, int64(a.text.Len())-uncounted)
	if !a.gate.answers.TryAcquire(weight) {
		web.Busy("too many clients have not taken their answers yet: ask again later").Write(a.w)
		return
	}
	defer a.gate.answers.Release(weight)
	a.w.WriteHeader(a.status)
	_, _ = a.w.Write(a.text.Bytes()) // it fails only if the client is gone
}
