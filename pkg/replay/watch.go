package replay

import (
	"context"
	"sync"
	"time"
)

// watch tells the lanes of a reader when to stop. It reads the control row at
// most once per steering interval, whatever the number of lanes.
type watch struct {
	store    Store
	id       string
	deadline time.Time

	mu     sync.Mutex
	looked time.Time
	stop   error
}

// check returns errOutOfTime or errStopped once it is time.
func (w *watch) check(ctx context.Context) error {
	stop, look := w.due()
	if stop != nil || !look {
		return stop
	}
	row, err := w.store.working(ctx, w.id)
	if err != nil {
		return err
	}
	if row.Cancel || row.Status.Ended() {
		return w.end(errStopped)
	}
	return nil
}

// due reports why to stop, or whether this caller is to look at the row.
func (w *watch) due() (stop error, look bool) {
	now := w.store.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.stop != nil:
	case !now.Before(w.deadline):
		w.stop = errOutOfTime
	case now.Sub(w.looked) >= steering:
		w.looked = now
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
