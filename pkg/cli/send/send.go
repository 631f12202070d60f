package send

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/api/intake"
	"reprise/pkg/api/web"
	"reprise/pkg/event"
)

// The defaults of Options.
const (
	DefaultSenders     = 8
	DefaultBatchEvents = 10_000
	DefaultBatchBytes  = 3 << 20
	MaxSenders         = 64
	DefaultRest        = 200 * time.Millisecond
	DefaultGrace       = 2 * time.Second
)

// Poster posts a batch and retries until the server accepts or finally refuses
// it. *client.Client is one.
type Poster interface {
	Send(ctx context.Context, batch []byte, keepTime bool) (intake.Accepted, error)
}

// Options say how to send. The zero value of a number means its default.
type Options struct {
	To       Poster
	KeepTime bool
	// Senders is the number of concurrent requests, a power of two. Each entity
	// belongs to one sender, so that its events stay in order.
	Senders int
	// BatchEvents and BatchBytes bound a request. Memory holds three requests
	// per sender.
	BatchEvents, BatchBytes int
	// Live says that the input is being written while it is read, as through a
	// pipe: no line then waits longer than Rest for others to fill its request.
	Live bool
	// Rest is 200 ms by default.
	Rest time.Duration
	// Grace is how long lines that were read are still sent once the context has
	// ended; 2 s by default.
	Grace time.Duration
	Now   func() time.Time
	// Sent is called after every answer, from several goroutines.
	Sent func(accepted int64)
}

// Result says what became of the lines.
type Result struct {
	Accepted int64 `json:"accepted"`
	// Moved counts imported events that lie in a later bucket than that of their
	// own time.
	Moved int64 `json:"moved,omitempty"`
	// Lines counts the lines read that are not blank.
	Lines   int64     `json:"lines"`
	Batches int64     `json:"batches"`
	Seconds float64   `json:"seconds"`
	Refused []Refusal `json:"refused,omitempty"`
	// Unsent is the first line that may not have been accepted, 0 if there is
	// none.
	Unsent int64 `json:"firstUnsent,omitempty"`
	// Through is the line up to which every event was accepted, 0 if there is none.
	Through int64 `json:"acceptedThrough,omitempty"`
	// Reached holds the last accepted position of each lane.
	Reached map[event.Lane]event.Position `json:"-"`
}

// ErrRefused says that lines were refused; Result names them.
var ErrRefused = errors.New("the input contains lines that are not acceptable events")

// Send reads and sends lines until the end or the first refused line. It returns
// when every request has its answer; the Result is valid with an error too. An
// entity's lines arrive in the order of the text, none after one that failed.
//
// At the end of ctx reading stops at once, even while it waits for input, and what
// was read is sent within Grace. A read that is under way is abandoned, not waited
// for: nothing else may use r afterwards.
func Send(ctx context.Context, r io.Reader, o Options) (Result, error) {
	s, err := newSending(o)
	if err != nil {
		return Result{}, err
	}
	start := s.Now()
	requests, end := outlive(ctx, s.Grace)
	defer end()
	group, failed := errgroup.WithContext(requests)
	reading, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(failed, stop)()
	for i := range s.queues {
		group.Go(func() error { return s.drain(requests, s.queues[i]) })
	}
	group.Go(func() error { return s.read(reading, failed, r) })
	err = group.Wait()
	if err == nil && len(s.result.Refused) > 0 {
		err = ErrRefused
	}
	s.result.Seconds = s.Now().Sub(start).Seconds()
	slices.SortFunc(s.result.Refused, func(a, b Refusal) int { return cmp.Compare(a.Line, b.Line) })
	s.result.Unsent = s.firstUnsent()
	s.result.Through = s.lastRead
	if s.result.Unsent > 0 {
		s.result.Through = s.result.Unsent - 1
	}
	return s.result, err
}

// sending is one Send under way.
type sending struct {
	Options
	division *event.Lanes
	queues   []chan *batch
	filling  []*batch
	// waiting is when the first line of filling was read, zero if there is none.
	waiting  time.Time
	lastRead int64
	// stopped is set once a request has failed: nothing more is sent, so that no
	// later event of an entity overtakes an earlier one.
	stopped atomic.Bool

	mu     sync.Mutex
	result Result
	// open are the batches that are not accepted yet.
	open map[*batch]bool
}

func newSending(o Options) (*sending, error) {
	o.Senders = cmp.Or(o.Senders, DefaultSenders)
	o.BatchEvents = min(cmp.Or(o.BatchEvents, DefaultBatchEvents), intake.MaxBatchEvents)
	o.BatchBytes = min(cmp.Or(o.BatchBytes, DefaultBatchBytes), web.MaxBodyBytes)
	o.Rest, o.Grace = cmp.Or(o.Rest, DefaultRest), cmp.Or(o.Grace, DefaultGrace)
	if o.Sent == nil {
		o.Sent = func(int64) {}
	}
	// The server's lanes use the same hash, so a sender's requests touch few of
	// them and fill their records well.
	division, err := event.NewLanes(o.Senders)
	if err != nil || o.Senders > MaxSenders {
		return nil, fmt.Errorf("the number of senders must be a power of two up to %d", MaxSenders)
	}
	s := &sending{
		Options:  o,
		division: division,
		open:     make(map[*batch]bool),
		queues:   make([]chan *batch, o.Senders),
		filling:  make([]*batch, o.Senders),
	}
	s.result.Reached = make(map[event.Lane]event.Position)
	for i := range s.queues {
		s.queues[i] = make(chan *batch, 1)
	}
	return s, nil
}

// read divides the text into batches, up to its end or the first refused line, and
// queues all of them. It reads until ctx ends, and queues until queueing ends.
func (s *sending) read(ctx, queueing context.Context, r io.Reader) error {
	defer func() {
		for _, q := range s.queues {
			close(q)
		}
	}()
	if s.Live {
		r = newLive(ctx, r, s.due, s.offer)
	}
	l, err := openLines(r)
	if err != nil {
		return err
	}
	defer l.close()
	for {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			return s.flush(queueing)
		}
		if err != nil && !errors.Is(err, errLineTooLong) {
			return errors.Join(err, s.flush(queueing))
		}
		s.result.Lines++ // no other goroutine uses Lines before the group ends
		entity := ""
		if err == nil {
			entity, err = check(line, s.KeepTime, s.Now())
		}
		if err != nil {
			s.refuse(refusal(l.number, err))
			return s.flush(queueing)
		}
		if err := s.add(queueing, int(s.division.Of(entity)), l.number, line); err != nil {
			return err
		}
		if s.stopped.Load() {
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), s.flush(queueing))
		}
	}
}

// due is how long the lines that are read may still wait for others.
func (s *sending) due() (rest time.Duration, lines bool) {
	return s.Rest - s.Now().Sub(s.waiting), !s.waiting.IsZero()
}

// offer queues the batches of senders that are not busy. Those of the others go on
// filling and are offered again after Rest.
func (s *sending) offer() {
	s.waiting = time.Time{}
	for to, b := range s.filling {
		if b == nil {
			continue
		}
		select {
		case s.queues[to] <- b:
			s.filling[to] = nil
		default:
			s.waiting = s.Now()
		}
	}
}

func (s *sending) add(ctx context.Context, to int, number int64, line []byte) error {
	if b := s.filling[to]; b != nil && (len(b.lines) >= s.BatchEvents || b.size()+len(line)+1 > s.BatchBytes) {
		if err := s.enqueue(ctx, to); err != nil {
			return err
		}
	}
	if s.filling[to] == nil {
		b := &batch{}
		s.filling[to] = b
		s.mu.Lock()
		s.open[b] = true
		s.mu.Unlock()
		b.first = number
	}
	s.filling[to].add(number, line)
	s.lastRead = number
	if s.Live && s.waiting.IsZero() {
		s.waiting = s.Now()
	}
	return nil
}

func (s *sending) flush(ctx context.Context) error {
	for to := range s.filling {
		if err := s.enqueue(ctx, to); err != nil {
			return err
		}
	}
	s.waiting = time.Time{}
	return nil
}

func (s *sending) enqueue(ctx context.Context, to int) error {
	b := s.filling[to]
	if b == nil {
		return nil
	}
	s.filling[to] = nil
	select {
	case s.queues[to] <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *sending) refuse(r Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.Refused = append(s.result.Refused, r)
}

func (s *sending) firstUnsent() int64 {
	first := int64(0)
	for b := range s.open {
		if first == 0 || b.first < first {
			first = b.first
		}
	}
	if n := len(s.result.Refused); n > 0 && (first == 0 || s.result.Refused[0].Line < first) {
		first = s.result.Refused[0].Line
	}
	return first
}
