package datastore

import (
	"context"
	"fmt"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// Found makes the generation that a new platform starts with, unless the roll
// has an active one, and returns the roll. Its marks are set before it is
// entered, so that it is never taken for a lost one. Found is idempotent: a call
// that was cut short is made good by the next one.
func (r Registry) Found(ctx context.Context, all Generations, lanes int, version string) (Roll, error) {
	roll, err := r.Load(ctx)
	if err != nil || roll.Active != "" {
		return roll, err
	}
	if err := all.Create(ctx, FirstGeneration); err != nil {
		return Roll{}, fmt.Errorf("create first generation: %w", err)
	}
	first := all.Open(FirstGeneration)
	for lane := range event.Lane(lanes) {
		if err := BeginMark(ctx, first, lane, eventlog.Head{}); err != nil {
			return Roll{}, err
		}
	}
	if _, err := r.Begin(ctx, "", version); err != nil {
		return Roll{}, err
	}
	return r.Load(ctx)
}
