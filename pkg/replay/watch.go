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
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.store.Now()
	if w.stop != nil {
		return w.stop
	}
	if !now.Before(w.deadline) {
		w.stop = errOutOfTime
		return w.stop
	}
	if now.Sub(w.looked) < steering {
		return nil
	}
	row, err := w.store.Load(ctx, w.id)
	if err != nil {
		return err
	}
	w.looked = now
	if row.Cancel || row.Status.Ended() {
		w.stop = errStopped
	}
	return w.stop
}
