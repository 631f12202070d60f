package past

import (
	"context"
	"fmt"

	"reprise/pkg/effects"
	"reprise/pkg/event"
	"reprise/pkg/gateway"
)

// maxEffects bounds the calls that an event shows.
const maxEffects = 20

// Effect is a call of an external system that an event has caused. What was sent is in the
// effects log: GET /effects/{id}/calls.
type Effect struct {
	System string         `json:"system"`
	Name   string         `json:"name"`
	Part   string         `json:"part,omitempty"`
	Kind   gateway.Kind   `json:"kind"`
	Status effects.Status `json:"status"`
	// Version is that of the business logic, Replay the replay on whose behalf the call
	// corrects another.
	Version string `json:"version"`
	Replay  string `json:"replay,omitempty"`
}

// show adds a call to those of an event.
func (e *Explained) show(r *effects.Record) {
	if len(e.Effects) < maxEffects {
		e.Effects = append(e.Effects, Effect{System: r.System, Name: r.Name, Part: r.Part, Kind: r.Kind,
			Status: r.Status, Version: r.Version, Replay: r.Replay})
	}
	e.Calls++
}

// addEffects adds the calls that the events of a page have caused.
func (w *walk) addEffects(ctx context.Context, page *Explanation) error {
	ledger, n := w.past.Effects, len(page.Events)
	if ledger == nil || n == 0 {
		return nil
	}
	at := make(map[event.Position]*Explained, n)
	for i := range page.Events {
		at[page.Events[i].Position] = &page.Events[i]
	}
	first := page.Events[0].Position
	err := ledger.Calls(ctx, w.lane, w.entity, first[:len(first)-1], page.Events[n-1].Position,
		func(r *effects.Record) error {
			if e := at[r.Position]; e != nil {
				e.show(r)
			}
			return nil
		})
	if err != nil {
		return fmt.Errorf("explain effects: %w", err)
	}
	return nil
}
