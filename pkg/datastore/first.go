package datastore

import (
	"context"
	"fmt"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// EnsureFirst makes the generation that a new platform starts with, unless the registry
// has an active one, and returns the registry. Its marks are set before it is
// entered, so that it is never taken for a lost one. It is idempotent: a call
// that was cut short is made good by the next one.
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
		if err := BeginMark(ctx, first, lane, eventlog.Head{}); err != nil {
			return RegistryState{}, err
		}
	}
	if _, err := r.Begin(ctx, "", version); err != nil {
		return RegistryState{}, err
	}
	return r.Load(ctx)
}
