package reversals

import (
	"context"
	"encoding/json"
	"fmt"

	"reprise/pkg/effects"
	"reprise/pkg/event"
	"reprise/pkg/gateway"
)

// Effects are what a reversal means for external systems.
type Effects struct {
	// Sent are the updates that the reversed event has caused. They stay as they are.
	Sent []Call `json:"sent"`
	// Wanted are the updates that the business logic makes because of the reversal.
	Wanted []Call `json:"wanted"`
	// Unknown is why there may be others: the reaction needs an answer from outside, which
	// a preview does not ask for.
	Unknown string `json:"unknown,omitempty"`
}

// Call is an update of an external system.
type Call struct {
	System string          `json:"system"`
	Name   string          `json:"name"`
	Part   string          `json:"part,omitempty"`
	Body   json.RawMessage `json:"body,omitempty"`
	Status effects.Status  `json:"status,omitempty"`
}

// foresee adds to a preview what has been sent for the event, and what would be.
func (a *Reversals) foresee(ctx context.Context, made *Reversing, e *event.Event) error {
	if a.Reactor == nil {
		return nil
	}
	found := &Effects{Sent: []Call{}, Wanted: []Call{}}
	at := made.Event.Position
	err := a.Reactor.Ledger.Calls(ctx, made.Lane, made.Entity, at[:len(at)-1], at, func(r *effects.Record) error {
		if r.Position == at && r.Kind == gateway.Updating && !r.Undoes {
			found.Sent = append(found.Sent, Call{r.System, r.Name, r.Part, r.Body, r.Status})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("find effects of the event: %w", err)
	}
	now, _ := e.Timestamp()
	entries, unknown, err := a.Reactor.Foresee(ctx, &gateway.Reaction{Event: e, Before: made.Before.State,
		After: made.After.State, Projection: made.projection, At: now})
	if err != nil {
		return fmt.Errorf("foresee effects of the reversal: %w", err)
	}
	for i := range entries {
		found.Wanted = append(found.Wanted, Call{System: entries[i].System, Name: entries[i].Name, Part: entries[i].Part,
			Body: entries[i].Wanted})
	}
	found.Unknown, made.Effects = unknown, found
	return nil
}
