package effects

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"reprise/pkg/event"
	"reprise/pkg/gateway"
)

var (
	// ErrNotWaiting says that an entity's effects do not wait. A retry cannot help.
	ErrNotWaiting = errors.New("the effects of the entity do not wait")
	// ErrUndecided says that a person has to say whether a call happened.
	ErrUndecided = errors.New("it has to be said whether the call happened")
)

// Resolution is a person's decision on an entity whose effects wait.
type Resolution struct {
	// Happened says whether the call in doubt happened, nil if none is in doubt.
	Happened *bool
	// GiveUp passes over the event's effects: what was not called yet is not called.
	GiveUp bool
	// By is who decided, Reason why.
	By, Reason string
}

// Resume lets an entity whose effects wait, or are parked, go on at once as a person has
// decided, and returns what it waited for.
func (r *Reactor) Resume(ctx context.Context, lane event.Lane, entity string, how Resolution) (Waiting, error) {
	for range maxMoves {
		run, err := r.begin(ctx, lane, entity, "")
		if err != nil {
			return Waiting{}, err
		}
		w := run.memory.Waiting
		if w == nil {
			return Waiting{}, ErrNotWaiting
		}
		before := *w
		if w.Doubt && how.Happened == nil && !how.GiveUp {
			return before, ErrUndecided
		}
		if how.Happened != nil {
			if err := run.settle(ctx, w, *how.Happened, how.By); err != nil {
				return before, err
			}
		}
		if how.GiveUp {
			w.Skip = w.Position
		}
		w.Parked, w.Doubt, w.Attempts, w.Due = false, false, 0, r.Now().UTC()
		if err = run.hold(ctx); err == nil {
			r.Log.LogAttrs(ctx, slog.LevelInfo, "effects of an entity go on as a person decided",
				slog.String("lane", lane.String()), slog.String("by", how.By), slog.String("reason", how.Reason),
				slog.Bool("givenUp", how.GiveUp))
			return before, nil
		}
		if !errors.Is(err, errMoved) {
			return before, err
		}
	}
	return Waiting{}, fmt.Errorf("resume effects of an entity: %w", errMoved)
}

// settle records whether the calls in doubt of the event that waits happened.
func (r *run) settle(ctx context.Context, w *Waiting, happened bool, by string) error {
	return r.Ledger.Calls(ctx, r.lane, r.entity, w.Position[:len(w.Position)-1], w.Position, func(found *Record) error {
		if found.Position != w.Position || found.ID() != w.Call || found.Final() || found.Kind != gateway.Updating {
			return nil
		}
		at := Place{found.Lane, found.Entity, found.Position}
		record, version, err := r.Ledger.load(ctx, at, found.System, found.Name, found.Part, found.Turn)
		if err != nil || record.Final() {
			return err
		}
		now := r.Now().UTC()
		record.Attempts, record.Claimed, record.By = 0, nil, by
		if happened {
			record.Status, record.Ended, record.Attempts = Done, &now, found.Attempts
		}
		_, err = r.Ledger.save(ctx, &record, version)
		return err
	})
}
