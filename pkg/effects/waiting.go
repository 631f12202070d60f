package effects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/gateway"
)

// Held is an entity whose effects wait, as it is listed.
type Held struct {
	Lane   event.Lane `json:"lane"`
	Entity string     `json:"entity"`
	Waiting
}

const heldPartition = "waiting"

func heldKey(lane event.Lane, entity string) control.Key {
	return control.Key{Partition: heldPartition, Sort: lane.String() + "#" + event.EscapeEntity(entity)}
}

// Waiting returns a page of the entities whose effects wait, and where the next one begins,
// "" if there is none. Its cost does not grow with the number of other entities.
func (l Ledger) Waiting(ctx context.Context, after string, limit int) (held []Held, next string, err error) {
	docs, err := l.Table.List(ctx, heldPartition, after, limit)
	if err != nil {
		return nil, "", fmt.Errorf("list entities whose effects wait: %w", err)
	}
	held = []Held{}
	for i := range docs {
		var one Held
		if err := json.Unmarshal(docs[i].Body, &one); err != nil {
			return nil, "", fmt.Errorf("decode entity whose effects wait: %w", err)
		}
		held = append(held, one)
	}
	if len(docs) == limit && limit > 0 {
		next = docs[len(docs)-1].Sort
	}
	return held, next, nil
}

// list lists an entity as waiting. It does so before its memory says so: whoever finds it
// listed and not waiting takes it off the list.
func (r *run) list(ctx context.Context) error {
	_, err := control.Update(ctx, r.Ledger.Table, heldKey(r.lane, r.entity), func(h *Held, _ bool) error {
		*h = Held{r.lane, r.entity, *r.memory.Waiting}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list entity whose effects wait: %w", err)
	}
	return nil
}

// unlist takes an entity off the list whose memory does not say that it waits.
func (r *run) unlist(ctx context.Context) error {
	for {
		_, version, err := control.Load[Held](ctx, r.Ledger.Table, heldKey(r.lane, r.entity))
		if errors.Is(err, control.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take entity off the list of those that wait: %w", err)
		}
		// It may have begun to wait again, after the list was read.
		now, _, err := r.Ledger.remembered(ctx, r.lane, r.entity)
		if err != nil || now.Waiting != nil {
			return err
		}
		err = r.Ledger.Table.Delete(ctx, heldKey(r.lane, r.entity), version)
		if !errors.Is(err, control.ErrConflict) && !errors.Is(err, control.ErrNotFound) {
			return err
		}
	}
}

// The intervals between attempts.
const (
	firstInterval   = time.Second
	longestInterval = 10 * time.Minute
)

// fail makes the entity wait at an event whose reaction failed, with the row before it.
func (r *run) fail(ctx context.Context, upto event.Position, failed *failure) error {
	now := r.Now().UTC()
	w := r.memory.Waiting
	if w == nil {
		w = &Waiting{Since: now}
		r.memory.Waiting = w
	}
	if at := failed.at; w.Position != at.Position {
		w.Position, w.Type, w.Attempts = at.Position, at.Event.Type, 0
	}
	w.Upto = max(w.Upto, upto)
	w.Reason, w.Call = Brief(failed.err), failed.call
	if !errors.Is(failed.err, errBusy) && !errors.Is(failed.err, errSilent) {
		w.Attempts++
	}
	_, declined := errors.AsType[*gateway.Declined](failed.err)
	w.Doubt = errors.Is(failed.err, ErrDoubt)
	w.Parked = w.Doubt || declined || errors.Is(failed.err, gateway.ErrTooLarge) || w.Attempts >= r.Attempts
	w.Due = now.Add(interval(w.Attempts))
	r.say(ctx, w)
	return r.hold(ctx)
}

func (r *run) say(ctx context.Context, w *Waiting) {
	message, level := "effects of an entity wait", slog.LevelInfo
	if w.Parked {
		message, level = "effects of an entity are parked", slog.LevelWarn
	}
	r.Log.LogAttrs(ctx, level, message, slog.String("lane", r.lane.String()), slog.String("call", w.Call),
		slog.Int("attempts", w.Attempts), slog.String("list", "reprise effects waiting"))
}

func interval(attempts int) time.Duration {
	wait := firstInterval
	for range attempts - 1 {
		if wait *= 2; wait >= longestInterval {
			return longestInterval
		}
	}
	return wait
}

// hold stores that the entity waits.
func (r *run) hold(ctx context.Context) error {
	if err := r.list(ctx); err != nil {
		return err
	}
	return r.keep(ctx)
}

// wait notes that more events of an entity wait, before the lane goes on without it.
func (r *run) wait(ctx context.Context, upto event.Position) error {
	if r.memory.Waiting.Upto >= upto {
		return nil
	}
	r.memory.Waiting.Upto = upto
	return r.hold(ctx)
}

// againPage bounds the events of an entity that are taken up at a time.
const againPage = 200

// Again lets the service react to the events of an entity that wait, from the one that
// failed on, as far as the log reaches. It does nothing to one that does not wait, is
// parked, or is not due.
func (r *Reactor) Again(ctx context.Context, lane event.Lane, entity string) error {
	for range maxMoves {
		err := r.again(ctx, lane, entity)
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return fmt.Errorf("take up effects of an entity: %w", errMoved)
}

func (r *Reactor) again(ctx context.Context, lane event.Lane, entity string) error {
	run, err := r.begin(ctx, lane, entity, "")
	if err != nil {
		return err
	}
	w := run.memory.Waiting
	if w == nil {
		return run.unlist(ctx)
	}
	if w.Parked || w.Due.After(r.Now()) {
		return nil
	}
	if err := run.found(ctx); err != nil {
		return err
	}
	page, more, err := run.history(ctx, lane, entity, run.fold.row.Position, w.Upto, againPage)
	if err != nil {
		return err
	}
	for i := range page {
		row := run.fold.row
		failed, err := run.take(ctx, &page[i])
		if err != nil {
			return err
		}
		if failed != nil {
			run.fold.row = row
			return run.fail(ctx, w.Upto, failed)
		}
	}
	if more {
		w.Attempts, w.Due = 0, r.Now().UTC()
		return run.hold(ctx)
	}
	// Whoever has noted another event since has changed the memory's version.
	run.memory.Waiting = nil
	if err := run.keep(ctx); err != nil {
		return err
	}
	return run.unlist(ctx)
}
