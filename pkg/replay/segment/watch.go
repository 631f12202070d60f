package segment

import (
	"context"
	"errors"
	"sync"
	"time"

	"reprise/pkg/replay"
	"reprise/pkg/replay/budget"
	"reprise/pkg/replay/pace"
)

var (
	errOutOfTime = errors.New("reader is out of time")
	errStopped   = errors.New("replay was stopped")
	errPaused    = errors.New("replay is paused")
)

func stopping(err error) (Outcome, bool) {
	switch {
	case errors.Is(err, errOutOfTime):
		return Continue, true
	case errors.Is(err, errStopped):
		return Stopped, true
	case errors.Is(err, errPaused):
		return Paused, true
	}
	return "", false
}

// watch tells the lanes of a reader when to stop. It loads the replay's row at most
// once per steeringInterval, whatever the number of lanes.
type watch struct {
	store    replay.Store
	id       string
	deadline time.Time
	pacer    *pace.Pacer
	keeper   *budget.Keeper

	mu      sync.Mutex
	checked time.Time
	stop    error
	// capped says that the replay has a budget.
	capped bool
}

// check returns errOutOfTime, errStopped or errPaused once the lanes have to stop.
func (w *watch) check(ctx context.Context) error {
	stop, load := w.due()
	if stop != nil || !load {
		return stop
	}
	row, err := w.store.Working(ctx, w.id)
	if err != nil {
		return err
	}
	w.pacer.Obey(row.RateOrder())
	switch stops(&row) {
	case Stopped:
		return w.end(errStopped)
	case Paused:
		return w.end(errPaused)
	}
	return w.spend(ctx, &row)
}

// spend pauses the replay if its budget is used up. Whichever reader finds that stops all
// of them, since all look at the row.
func (w *watch) spend(ctx context.Context, row *replay.Row) error {
	capped := w.keeper != nil && !row.Cap().None()
	w.mu.Lock()
	w.capped = capped
	w.mu.Unlock()
	if !capped {
		return nil
	}
	used, mine, err := w.keeper.Look(ctx)
	if err != nil || !mine || !row.OverBudget(used) {
		return err
	}
	now, err := w.store.PauseAtBudget(ctx, w.id, used)
	switch {
	case errors.Is(err, replay.ErrEnded):
		return w.end(errStopped)
	case err != nil:
		return err
	case now.Paused:
		return w.end(errPaused)
	}
	return nil
}

// interval is how often the row is loaded.
func (w *watch) interval() time.Duration {
	if w.capped {
		return min(steeringInterval, w.keeper.Every)
	}
	return steeringInterval
}

// due returns why to stop, or whether this caller has to load the row.
func (w *watch) due() (stop error, load bool) {
	now := w.store.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.stop != nil:
	case !now.Before(w.deadline):
		w.stop = errOutOfTime
	case now.Sub(w.checked) >= w.interval():
		w.checked = now
		return nil, true
	}
	return w.stop, false
}

func (w *watch) end(why error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stop == nil {
		w.stop = why
	}
	return w.stop
}
