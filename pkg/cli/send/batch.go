package send

import (
	"context"
	"errors"
	"net/http"

	"reprise/pkg/api/intake"
	"reprise/pkg/api/web"
)

// batch is a request: events as they stand in the text, and their line numbers.
type batch struct {
	first int64
	lines []int64
	// text is the JSON array without its closing bracket; ends are the offsets at
	// which the events end in it.
	text []byte
	ends []int
}

func (b *batch) size() int { return len(b.text) + 1 }

func (b *batch) add(number int64, line []byte) {
	if len(b.text) == 0 {
		b.first = number
		b.text = append(b.text, '[')
	} else {
		b.text = append(b.text, ',')
	}
	b.text = append(b.text, line...)
	b.lines = append(b.lines, number)
	b.ends = append(b.ends, len(b.text))
}

func (b *batch) body() []byte { return append(b.text, ']') }

// halves splits a batch of at least two events.
func (b *batch) halves() [2]*batch {
	var out [2]*batch
	start, middle := 1, len(b.lines)/2
	for i, number := range b.lines {
		half := 0
		if i >= middle {
			half = 1
		}
		if out[half] == nil {
			out[half] = &batch{}
		}
		out[half].add(number, b.text[start:b.ends[i]])
		start = b.ends[i] + 1
	}
	return out
}

// drain sends the batches of one sender in order.
func (s *sending) drain(ctx context.Context, queue <-chan *batch) error {
	for b := range queue {
		if s.stopped.Load() {
			continue
		}
		if err := s.post(ctx, b); err != nil {
			s.stopped.Store(true)
			return s.judge(b, err)
		}
		s.mu.Lock()
		delete(s.open, b)
		s.mu.Unlock()
	}
	return nil
}

// post sends a batch, split in halves while the server finds it too large.
func (s *sending) post(ctx context.Context, b *batch) error {
	accepted, err := s.To.Send(ctx, b.body(), s.KeepTime)
	problem, refused := errors.AsType[*web.Problem](err)
	if refused && problem.Status == http.StatusRequestEntityTooLarge && len(b.lines) > 1 {
		for _, half := range b.halves() {
			if err := s.post(ctx, half); err != nil {
				return &halfFailed{half, err}
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	s.accept(accepted)
	return nil
}

// halfFailed says which part of a batch failed.
type halfFailed struct {
	part *batch
	err  error
}

func (e *halfFailed) Error() string { return e.err.Error() }
func (e *halfFailed) Unwrap() error { return e.err }

func (s *sending) accept(accepted intake.Accepted) {
	s.mu.Lock()
	s.result.Accepted += int64(accepted.Accepted)
	s.result.Moved += int64(accepted.Moved)
	s.result.Batches++
	for _, l := range accepted.Lanes {
		s.result.Reached[l.Lane] = max(s.result.Reached[l.Lane], l.Position)
	}
	s.mu.Unlock()
	s.Sent(int64(accepted.Accepted))
}

// judge turns a problem that names an event into the refusal of a line.
func (s *sending) judge(b *batch, err error) error {
	for {
		half, ok := errors.AsType[*halfFailed](err)
		if !ok {
			break
		}
		b, err = half.part, half.err
	}
	problem, refused := errors.AsType[*web.Problem](err)
	if !refused {
		return err
	}
	switch {
	case problem.Event != nil && *problem.Event >= 0 && *problem.Event < len(b.lines):
		s.refuse(refusal(b.lines[*problem.Event], problem))
	case problem.Status == http.StatusRequestEntityTooLarge:
		s.refuse(refusal(b.first, problem))
	default:
		return err
	}
	return ErrRefused
}
