package datastore

import (
	"context"
	"fmt"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// EnsureFirst creates the generation that a new platform starts with, unless one
// is active already, and returns the registry's state. The marks are set before
// the generation is entered, so that it is never taken for a lost one.
// EnsureFirst is idempotent: the next call completes one that was interrupted.
func (r Registry) EnsureFirst(ctx context.Context, all Generations, lanes int, version string) (RegistryState, error) {
	registered, err := r.Load(ctx)
	if err != nil || registered.Active != "" {
		return registered, err
	}
	if err := all.Create(ctx, FirstGeneration); err != nil {
		return RegistryState{}, fmt.Errorf("create first generation: %w", err)
	}
	first := all.Open(FirstGeneration)
	for lane := range event.Lane(lanes) {
		if err := BeginMark(ctx, first, lane, eventlog.Head{}, nil); err != nil {
			return RegistryState{}, err
		}
	}
	if _, err := r.Begin(ctx, "", version); err != nil {
		return RegistryState{}, err
	}
	return r.Load(ctx)
}
