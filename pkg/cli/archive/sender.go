package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/api/intake"
	"reprise/pkg/archive"
	"reprise/pkg/event"
)

const (
	// batchBytes and batchEvents bound a request.
	batchBytes  = 2 << 20
	batchEvents = 5_000
	// maxSenders bounds the requests at a time.
	maxSenders = 8
)

// target is a platform that takes in a copy; *client.Client is one.
type target interface {
	SendCopy(ctx context.Context, lines []byte) (intake.Accepted, error)
}

// batch is a request of one sender.
type batch struct {
	lines  []byte
	events int64
	lanes  map[event.Lane]int64
}

// sending sends the events of an export. The events of a lane of the target go through
// one sender, one request after the other, in the order of their logged times.
type sending struct {
	to    target
	lanes *event.Lanes
	// skip is how many events of each lane were accepted before.
	skip []int64
	// accepted is called after each answer, from several goroutines.
	accepted func(events map[event.Lane]int64) error

	queues  []chan batch
	filling []batch

	mu      sync.Mutex
	reached map[event.Lane]event.Position
	moved   int64
}

// newSending sends to a platform with as many lanes as skip has numbers.
func newSending(to target, skip []int64, accepted func(events map[event.Lane]int64) error) (*sending, error) {
	lanes, err := event.NewLanes(len(skip))
	if err != nil {
		return nil, err
	}
	senders := min(maxSenders, len(skip))
	s := &sending{
		to:       to,
		lanes:    lanes,
		skip:     append([]int64(nil), skip...),
		accepted: accepted,
		queues:   make([]chan batch, senders),
		filling:  make([]batch, senders),
		reached:  make(map[event.Lane]event.Position),
	}
	for i := range s.queues {
		s.queues[i] = make(chan batch, 1)
	}
	return s, nil
}

// run sends everything, or up to the first failure. After that no later event of an
// entity is sent.
func (s *sending) run(ctx context.Context, from *archive.Events) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range s.queues {
		group.Go(func() error { return s.drain(ctx, s.queues[i]) })
	}
	group.Go(func() error { return s.read(ctx, from) })
	return group.Wait()
}

func (s *sending) read(ctx context.Context, from *archive.Events) error {
	defer func() {
		for _, q := range s.queues {
			close(q)
		}
	}()
	for {
		e, err := from.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = s.take(ctx, e)
		}
		if err != nil {
			return err
		}
	}
	for to := range s.filling {
		if err := s.queue(ctx, to); err != nil {
			return err
		}
	}
	return nil
}

func (s *sending) take(ctx context.Context, e *archive.Event) error {
	parsed, err := event.Parse(string(e.Line))
	if err != nil {
		return fmt.Errorf("read event at %s: %w", e.Position, err)
	}
	lane := s.lanes.Of(parsed.Subject)
	if s.skip[lane] > 0 {
		s.skip[lane]--
		return nil
	}
	to := int(lane) % len(s.queues)
	b := &s.filling[to]
	if b.events == batchEvents || (b.events > 0 && len(b.lines)+len(e.Line) > batchBytes) {
		if err := s.queue(ctx, to); err != nil {
			return err
		}
	}
	if b.events > 0 {
		b.lines = append(b.lines, '\n')
	}
	b.lines = event.AppendPlaced(b.lines, e.Line, e.Position, e.Logged)
	b.events++
	if b.lanes == nil {
		b.lanes = make(map[event.Lane]int64)
	}
	b.lanes[lane]++
	return nil
}

func (s *sending) queue(ctx context.Context, to int) error {
	if s.filling[to].events == 0 {
		return nil
	}
	select {
	case s.queues[to] <- s.filling[to]:
		s.filling[to] = batch{}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *sending) drain(ctx context.Context, queue <-chan batch) error {
	for b := range queue {
		answer, err := s.to.SendCopy(ctx, b.lines)
		if err != nil {
			return err
		}
		s.mu.Lock()
		for _, l := range answer.Lanes {
			s.reached[l.Lane] = max(s.reached[l.Lane], l.Position)
		}
		s.moved += int64(answer.Moved)
		s.mu.Unlock()
		if err := s.accepted(b.lanes); err != nil {
			return err
		}
	}
	return nil
}
