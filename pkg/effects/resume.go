package effects

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"reprise/pkg/control"
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

// sweepPage bounds the entities that are looked at between two times that the clock is.
const sweepPage = 100

// maxSwept bounds the errors after which a sweep ends: the stores are in trouble.
const maxSwept = 8

// place is where the next sweep begins, "" at the begin of the list.
type place struct {
	After string `json:"after"`
}

func placeKey() control.Key { return control.Key{Partition: "sweep", Sort: "place"} }

// Sweep takes up entities that are due, until a time, from where the last sweep has ended:
// so none is left out, however many wait. It returns when the next entity that it saw is
// due, zero if none is. An entity that cannot be taken up now stops no other.
func (r *Reactor) Sweep(ctx context.Context, until time.Time) (due time.Time, err error) {
	began, version, err := control.Load[place](ctx, r.Ledger.Table, placeKey())
	if err != nil && !errors.Is(err, control.ErrNotFound) {
		return due, fmt.Errorf("load where to sweep: %w", err)
	}
	next, due, err := r.sweepFrom(ctx, began.After, until)
	if next == began.After {
		return due, err
	}
	_, saveErr := control.Store(ctx, r.Ledger.Table, placeKey(), place{next}, version)
	if errors.Is(saveErr, control.ErrConflict) {
		saveErr = nil // another sweep has gone on
	}
	return due, errors.Join(err, saveErr)
}

func (r *Reactor) sweepFrom(ctx context.Context, after string, until time.Time) (
	next string, due time.Time, err error,
) {
	var failed []error
	for {
		held, rest, err := r.Ledger.Waiting(ctx, after, sweepPage)
		if err != nil {
			return after, due, errors.Join(append(failed, err)...)
		}
		for i := 0; i < len(held); i += entitiesAtOnce {
			some := held[i:min(i+entitiesAtOnce, len(held))]
			soonest, errs := r.sweep(ctx, some)
			due, failed = earlier(due, soonest), append(failed, errs...)
			last := &some[len(some)-1]
			after = heldKey(last.Lane, last.Entity).Sort
			if ctx.Err() != nil || len(failed) >= maxSwept || !r.Now().Before(until) {
				return after, earlier(due, r.Now()), errors.Join(failed...)
			}
		}
		if after = rest; rest == "" {
			return "", due, errors.Join(failed...)
		}
	}
}

// sweep takes up those of some entities that are due, at the same time, since each may wait
// for a slow system. It returns when the next one is due, zero if none is.
func (r *Reactor) sweep(ctx context.Context, some []Held) (due time.Time, failed []error) {
	var group sync.WaitGroup
	errs := make([]error, len(some))
	for i := range some {
		switch h := &some[i]; {
		case h.Parked:
		case h.Due.After(r.Now()):
			due = earlier(due, h.Due)
		default:
			group.Go(func() { errs[i] = r.Again(ctx, h.Lane, h.Entity) })
			due = earlier(due, r.Now())
		}
	}
	group.Wait()
	return due, slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
