package budget

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/meter"
)

// Work is what readers have done: events that they read of the log, and events that they
// delivered, with the bytes of their lines. Work that is repeated counts again.
type Work struct {
	Read           int64 `json:"read,omitempty"`
	ReadBytes      int64 `json:"readBytes,omitempty"`
	Delivered      int64 `json:"delivered,omitempty"`
	DeliveredBytes int64 `json:"deliveredBytes,omitempty"`
}

// Add returns w + other.
func (w Work) Add(other Work) Work {
	w.Read += other.Read
	w.ReadBytes += other.ReadBytes
	w.Delivered += other.Delivered
	w.DeliveredBytes += other.DeliveredBytes
	return w
}

// Ledger knows what replays have used. It is safe for concurrent use.
type Ledger interface {
	// Enter stores what a worker has used since it last entered something; done is
	// what it has done since then. After an error nothing may have been stored.
	Enter(ctx context.Context, id, worker string, done Work) error
	// Used is what a replay has used so far, as far as that was entered.
	Used(ctx context.Context, id string) (meter.Usage, error)
}

// Keeper enters the work of one reader of a replay with a budget. Of all its readers,
// only one looks at the sum in each interval. A nil Keeper does nothing. It is safe for
// concurrent use.
type Keeper struct {
	Ledger Ledger
	Table  control.Table
	// Key is that of the document by which readers take turns.
	Key control.Key
	// ID is the replay, and Worker the reader.
	ID, Worker string
	// Every is the interval; 0 lets every call look.
	Every time.Duration
	Now   func() time.Time

	mu     sync.Mutex
	done   Work
	looked time.Time
	began  bool
}

// Count adds work that is done.
func (k *Keeper) Count(done Work) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.done = k.done.Add(done)
}

// Look enters the reader's work at its first call, and whenever the interval has passed.
// mine says that it is this reader's turn, and used is then what the whole replay has
// used.
func (k *Keeper) Look(ctx context.Context) (used meter.Usage, mine bool, err error) {
	if k == nil || !k.due() {
		return meter.Usage{}, false, nil
	}
	if err := k.enter(ctx); err != nil {
		return meter.Usage{}, false, err
	}
	if mine, err = k.turn(ctx); err != nil || !mine {
		return meter.Usage{}, false, err
	}
	if used, err = k.Ledger.Used(ctx, k.ID); err != nil {
		return meter.Usage{}, false, fmt.Errorf("look at the budget: %w", err)
	}
	return used, true, nil
}

// Close enters what is left, if Look was ever called: else nobody asks for it.
func (k *Keeper) Close(ctx context.Context) error {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	began := k.began
	k.mu.Unlock()
	if !began {
		return nil
	}
	return k.enter(ctx)
}

func (k *Keeper) due() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.Now()
	if k.began && now.Sub(k.looked) < k.Every {
		return false
	}
	k.began, k.looked = true, now
	return true
}

// enter enters the work that nobody has entered yet.
func (k *Keeper) enter(ctx context.Context) error {
	k.mu.Lock()
	done := k.done
	k.done = Work{}
	k.mu.Unlock()
	if err := k.Ledger.Enter(ctx, k.ID, k.Worker, done); err != nil {
		k.Count(done)
		return fmt.Errorf("enter what was used: %w", err)
	}
	return nil
}

// turns is the document by which readers take turns.
type turns struct {
	// Looked is when a reader last looked, in milliseconds since 1970.
	Looked int64 `json:"looked"`
}

// turn reports whether it is this reader's turn. A time in the future, by another clock,
// keeps nobody from looking for longer than an interval.
func (k *Keeper) turn(ctx context.Context) (mine bool, err error) {
	now := k.Now().UnixMilli()
	_, err = control.Update(ctx, k.Table, k.Key, func(t *turns, _ bool) error {
		passed := now - t.Looked
		if mine = passed >= k.Every.Milliseconds() || passed <= -k.Every.Milliseconds(); !mine {
			return control.Unchanged()
		}
		t.Looked = now
		return nil
	})
	if errors.Is(err, control.ErrConflict) {
		return false, nil // others have looked meanwhile, again and again
	}
	if err != nil {
		return false, fmt.Errorf("take turns with the budget: %w", err)
	}
	return mine, nil
}
