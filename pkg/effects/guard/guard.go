package guard

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/gateway"
)

var (
	// ErrManyRunaways says that so many reactions never returned that this process starts
	// no more of them. A new process does.
	ErrManyRunaways = errors.New("too many reactions of the service never returned: correct it, and restart the process")
	// ErrRunaway says that a reaction did not return in time.
	ErrRunaway = errors.New("the service did not return in time")
	// ErrPanic says that a reaction panicked.
	ErrPanic = errors.New("the service panicked")
)

const (
	// maxRunaways bounds the reactions that never returned.
	maxRunaways = 8
	// grace is how long a reaction may take to return once its context has ended.
	grace = 5 * time.Second
)

// Guard calls a service, which may panic or never return, so that it harms one entity
// only. It is safe for concurrent use.
type Guard struct {
	// Limit bounds the time of a reaction.
	Limit    time.Duration
	runaways atomic.Int64
}

// React calls the service. After ErrRunaway the reaction goes on, but its gateway refuses
// what it still calls.
func (g *Guard) React(ctx context.Context, s gateway.Service, r *gateway.Reaction, outside gateway.Gateway) error {
	if g.runaways.Load() >= maxRunaways {
		return ErrManyRunaways
	}
	ctx, cancel := context.WithTimeout(ctx, g.Limit)
	defer cancel()
	gate := &gate{outside: outside}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if cause := recover(); cause != nil {
				done <- fmt.Errorf("%w: %s", ErrPanic, event.Excerpt(fmt.Sprint(cause), maxPanic))
			}
		}()
		done <- s.React(ctx, r, gate)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		gate.shut.Store(true)
		g.runaways.Add(1)
		return ErrRunaway
	}
}

// gate is a gateway that can be shut.
type gate struct {
	outside gateway.Gateway
	shut    atomic.Bool
}

// Update implements gateway.Gateway.
func (g *gate) Update(ctx context.Context, e gateway.Effect) ([]byte, error) {
	if g.shut.Load() {
		return nil, ErrRunaway
	}
	return g.outside.Update(ctx, e)
}

// Query implements gateway.Gateway.
func (g *gate) Query(ctx context.Context, q gateway.Query) ([]byte, error) {
	if g.shut.Load() {
		return nil, ErrRunaway
	}
	return g.outside.Query(ctx, q)
}

// maxPanic bounds what is kept of a panic.
const maxPanic = 200
