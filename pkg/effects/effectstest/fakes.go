package effectstest

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"reprise/pkg/gateway"
)

// Service is a service that is told what to do. Its fields are not changed while it is in
// use, but for what Do changes itself.
type Service struct {
	// Code is its version; On are the types that it reacts to, May the calls it declares.
	Code int
	On   []string
	May  []gateway.Call
	// Do reacts; nil does nothing.
	Do func(ctx context.Context, r *gateway.Reaction, outside gateway.Gateway) error
}

// Name implements gateway.Service.
func (s *Service) Name() string { return "tested" }

// Version implements gateway.Service.
func (s *Service) Version() int { return s.Code }

// Types implements gateway.Service.
func (s *Service) Types() []string { return s.On }

// Calls implements gateway.Service.
func (s *Service) Calls() []gateway.Call { return s.May }

// React implements gateway.Service.
func (s *Service) React(ctx context.Context, r *gateway.Reaction, outside gateway.Gateway) error {
	if s.Do == nil {
		return nil
	}
	return s.Do(ctx, r, outside)
}

// System is a system that keeps books. It is safe for concurrent use.
type System struct {
	// Answer decides on an attempt before it is entered; nil answers "ok" to all.
	Answer func(r *gateway.Request) (answer []byte, err error)

	mu       sync.Mutex
	received []gateway.Request
	done     map[string]json.RawMessage
}

// Do implements gateway.System. A key that was done before is not done again.
func (s *System) Do(_ context.Context, r *gateway.Request) ([]byte, error) {
	s.mu.Lock()
	copied := *r
	copied.Body = slices.Clone(r.Body)
	s.received = append(s.received, copied)
	s.mu.Unlock()
	answer, err := []byte(`"ok"`), error(nil)
	if s.Answer != nil {
		answer, err = s.Answer(r)
	}
	if err == nil && r.Key != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.done == nil {
			s.done = make(map[string]json.RawMessage)
		}
		s.done[r.Key] = copied.Body
	}
	return answer, err
}

// Received returns the requests so far, those that failed included.
func (s *System) Received() []gateway.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

// Done returns the bodies of the updates that were done, by key.
func (s *System) Done() map[string]json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := make(map[string]json.RawMessage, len(s.done))
	for key, body := range s.done {
		done[key] = body
	}
	return done
}
