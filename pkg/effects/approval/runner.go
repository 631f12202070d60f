package approval

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/effects"
	"reprise/pkg/event"
	"reprise/pkg/gateway"
)

// Runner carries out approvals. Several may run at a time: a correction that one has begun
// the other leaves alone.
type Runner struct {
	Store   Store
	Reactor *effects.Reactor
	Lanes   int
	Sleep   func(ctx context.Context, d time.Duration) error
	Log     *slog.Logger
}

const (
	// page bounds the differences between two times that the progress is stored.
	page = 50
	// maxAttempts bounds the attempts of a correction.
	maxAttempts = 10
	// firstPause and longestPause are the intervals between passes.
	firstPause   = 2 * time.Second
	longestPause = 10 * time.Minute
)

// Run carries out what is approved, until a time. It returns when something is due next,
// zero if nothing is left.
func (r *Runner) Run(ctx context.Context, until time.Time) (due time.Time, err error) {
	docs, err := r.Store.Table.List(ctx, running, "", maxApprovals)
	if err != nil {
		return due, fmt.Errorf("list approvals that are carried out: %w", err)
	}
	for i := range docs {
		number, err := strconv.Atoi(string(docs[i].Body))
		if err != nil {
			return due, fmt.Errorf("decode number of an approval: %w", err)
		}
		next, err := r.one(ctx, docs[i].Sort, number, until)
		if err != nil {
			return due, fmt.Errorf("carry out approval %d of replay %s: %w", number, docs[i].Sort, err)
		}
		if due.IsZero() || (!next.IsZero() && next.Before(due)) {
			due = next
		}
	}
	return due, nil
}

// one carries out one approval as far as time allows, and returns when it goes on.
func (r *Runner) one(ctx context.Context, replay string, number int, until time.Time) (time.Time, error) {
	a, version, err := control.Load[Approval](ctx, r.Store.Table, keyOf(replay, number))
	if errors.Is(err, control.ErrNotFound) {
		return time.Time{}, nil // whoever approves has not stored it yet
	}
	if err != nil {
		return time.Time{}, err
	}
	for a.Ended == nil {
		now := r.Store.Now()
		if a.Due.After(now) {
			return a.Due, nil
		}
		if !now.Before(until) {
			return now, nil
		}
		if err := r.page(ctx, &a); err != nil {
			return time.Time{}, err
		}
		version, err = control.Store(ctx, r.Store.Table, keyOf(replay, number), a, version)
		if errors.Is(err, control.ErrConflict) {
			return now, nil // another runner is at it
		}
		if err != nil {
			return time.Time{}, err
		}
	}
	r.Log.LogAttrs(ctx, slog.LevelInfo, "approved effects carried out", slog.String("replay", replay),
		slog.Int("approval", number), slog.Int64("sent", a.Sent), slog.Int64("undone", a.Undone),
		slog.Int64("failed", a.Failed))
	return time.Time{}, r.finish(ctx, replay, number)
}

// finish takes an approval off the list of those that are carried out.
func (r *Runner) finish(ctx context.Context, replay string, number int) error {
	doc, err := r.Store.Table.Get(ctx, runningKey(replay))
	if err == nil && string(doc.Body) == strconv.Itoa(number) {
		err = r.Store.Table.Delete(ctx, runningKey(replay), doc.Version)
	}
	if errors.Is(err, control.ErrNotFound) || errors.Is(err, control.ErrConflict) {
		return nil
	}
	return err
}

// page carries out the next differences, and ends the pass behind the last.
func (r *Runner) page(ctx context.Context, a *Approval) error {
	entries, next, err := r.Reactor.Ledger.Entries(ctx, a.Replay, event.Lane(a.Lane), a.After, page)
	if err != nil {
		return err
	}
	for i := range entries {
		if !a.Only.Has(&entries[i]) {
			continue
		}
		if err := r.correct(ctx, a, &entries[i]); err != nil {
			return err
		}
		a.count(&entries[i])
	}
	if a.After = next; next != "" {
		return nil
	}
	if a.Lane++; a.Lane < r.Lanes {
		return nil
	}
	now := r.Store.Now().UTC()
	if a.Left == 0 {
		a.Ended = &now
		return nil
	}
	a.Lane, a.Due = 0, now.Add(pause(a.Pass))
	a.Pass++
	a.Sent, a.Undone, a.Failed, a.Left = 0, 0, 0, 0
	return nil
}

func pause(pass int) time.Duration {
	wait := firstPause
	for range pass {
		if wait *= 2; wait >= longestPause {
			return longestPause
		}
	}
	return wait
}

// count counts what became of a difference. Every pass counts anew.
func (a *Approval) count(e *effects.Entry) {
	s := e.Approved
	if s.Sent {
		a.Sent++
	}
	if s.Undone {
		a.Undone++
	}
	switch {
	case s.Failed:
		a.Failed++
	case !s.Done:
		a.Left++
	}
}

// correct carries out one difference, unless that was done before, and stores what became
// of it. An error is one of the stores.
func (r *Runner) correct(ctx context.Context, a *Approval, e *effects.Entry) error {
	if s := e.Approved; s != nil && (s.Done || s.Failed && s.Approval == a.Number) {
		return nil
	}
	if err := r.Sleep(ctx, time.Second/time.Duration(a.Rate)); err != nil {
		return err
	}
	sent, undone, failure := r.Reactor.Correct(ctx, a.Replay, a.By, e)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	now := r.Store.Now().UTC()
	return r.Reactor.Ledger.Settle(ctx, a.Replay, e, func(s *effects.Settled) {
		if s.Done {
			return // another runner was faster
		}
		if s.Approval != a.Number {
			*s = effects.Settled{Approval: a.Number}
		}
		s.Sent, s.Undone, s.At, s.Error = s.Sent || sent, s.Undone || undone, &now, ""
		if failure == nil {
			s.Done = true
			return
		}
		s.Attempts++
		s.Error = effects.Brief(failure)
		s.Failed = final(failure) || s.Attempts >= maxAttempts
	})
}

// final reports whether repeating a correction cannot help.
func final(err error) bool {
	_, declined := errors.AsType[*gateway.Declined](err)
	return declined || errors.Is(err, effects.ErrOvertaken) || errors.Is(err, effects.ErrNoCompensation) ||
		errors.Is(err, effects.ErrUndeclared) || errors.Is(err, effects.ErrDoubt) || errors.Is(err, gateway.ErrTooLarge)
}
