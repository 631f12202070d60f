package send

import (
	"context"
	"errors"
	"net/http"

	"reprise/pkg/api"
)

// batch is a request: events as they stood in the text, and the numbers of
// their lines.
type batch struct {
	first int64
	lines []int64
	// text is the JSON array, still without its end; ends has where each event
	// ends in it.
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

// halves divides a batch of two events or more.
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

// drain sends the batches of one sender, one after the other.
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

// post sends a batch, in halves where the server finds it too large.
func (s *sending) post(ctx context.Context, b *batch) error {
	accepted, err := s.To.Send(ctx, b.body(), s.KeepTime)
	var told *api.Problem
	if errors.As(err, &told) && told.Status == http.StatusRequestEntityTooLarge && len(b.lines) > 1 {
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

func (s *sending) accept(accepted api.Accepted) {
	s.mu.Lock()
	s.result.Accepted += int64(accepted.Accepted)
	s.result.Batches++
	for _, l := range accepted.Lanes {
		s.result.Reached[l.Lane] = max(s.result.Reached[l.Lane], l.Position)
	}
	s.mu.Unlock()
	s.Sent(int64(accepted.Accepted))
}

// judge makes a refusal of a line out of a problem that names an event.
func (s *sending) judge(b *batch, err error) error {
	for {
		var half *halfFailed
		if !errors.As(err, &half) {
			break
		}
		b, err = half.part, half.err
	}
	var told *api.Problem
	if !errors.As(err, &told) {
		return err
	}
	switch {
	case told.Event != nil && *told.Event >= 0 && *told.Event < len(b.lines):
		s.refuse(refusal(b.lines[*told.Event], told))
	case told.Status == http.StatusRequestEntityTooLarge:
		s.refuse(refusal(b.first, told))
	default:
		return err
	}
	return ErrRefused
}
