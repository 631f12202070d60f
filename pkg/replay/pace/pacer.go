package pace

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"reprise/pkg/control"
)

// look is how often a reader loads the pace while it waits, or while there is no limit.
const look = time.Second

// Pressure tells why the replay should be slower at present, "" if nothing suffers.
type Pressure func(context.Context) (Reason, error)

// Order is a limit that an operator set while the replay ran, in events per second, 0 for
// no limit. Of two orders the one with the higher number, from 1 on, holds.
type Order struct{ Limit, Number int }

// Pacer holds one reader to the pace of its replay. A nil Pacer holds it to nothing. It is
// safe for concurrent use by the
// lanes of the reader.
type Pacer struct {
	Table control.Table
	// Key is that of the replay's State.
	Key control.Key
	// Requested is the rate of the request, 0 for no limit.
	Requested int
	// Readers is how many readers run at a time, to estimate the rate of all.
	Readers int
	// Pressure is asked at most once every Every by all readers together; nil means
	// that there never is any.
	Pressure Pressure
	Every    time.Duration
	Now      func() time.Time
	Sleep    func(ctx context.Context, d time.Duration) error

	// most is what Most returns, read for every event.
	most atomic.Int64
	// order is the newest order.
	order atomic.Pointer[Order]
	// delivered counts events since counted.
	delivered atomic.Int64

	// held has an element while a lane works with what follows, also while it waits.
	held chan struct{}
	// known is the state as it was last loaded, at loaded.
	known  State
	loaded time.Time
	// looked is when the pressure was last looked at, by whichever reader.
	looked time.Time
	// left are the events of the lease that are not delivered yet, and epoch is that
	// of the lease.
	left  int
	epoch int64
	// own is the reader's rate before counted.
	counted time.Time
	own     float64
}

// Begin loads the pace. It is called once, before the first event.
func (p *Pacer) Begin(ctx context.Context) error {
	if p == nil {
		return nil
	}
	p.held = make(chan struct{}, 1)
	return p.load(ctx)
}

// Obey makes the readers follow an order within two seconds. It may be called with any
// order at any time, also while Wait waits.
func (p *Pacer) Obey(o Order) {
	if p == nil {
		return
	}
	p.order.Store(&o)
}

// Most is how many events may be delivered at once, at least 1, or 0 for any number.
func (p *Pacer) Most() int {
	if p == nil {
		return 0
	}
	return int(p.most.Load())
}

func (p *Pacer) unlock() { <-p.held }

func (p *Pacer) know(s State) {
	p.known, p.loaded = s, p.Now()
	most := 0
	if rate := s.Rate(p.Requested); rate > 0 {
		most = atOnce(rate)
	}
	p.most.Store(int64(most))
}

// Wait returns once n events may be delivered. It calls check while it waits, and ends
// with its error.
func (p *Pacer) Wait(ctx context.Context, n int, check func(context.Context) error) error {
	if p == nil {
		return nil
	}
	p.delivered.Add(int64(n))
	select {
	case p.held <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer p.unlock()
	if err := p.refresh(ctx); err != nil {
		return err
	}
	for p.known.Rate(p.Requested) > 0 && p.usable() < n {
		if err := p.lease(ctx, n-p.left, check); err != nil {
			return err
		}
	}
	p.left = max(0, p.left-n)
	p.measure()
	return nil
}

// usable is what is left of a lease that is not void.
func (p *Pacer) usable() int {
	if p.epoch != p.known.Epoch {
		p.left = 0
	}
	return p.left
}

// lease takes one lease and waits until it is over, or until the rate has changed.
func (p *Pacer) lease(ctx context.Context, missing int, check func(context.Context) error) error {
	var events int
	var over time.Time
	err := p.change(ctx, func(s *State) bool {
		rate := s.Rate(p.Requested)
		if events = 0; rate > 0 {
			events, over = s.claim(rate, missing, p.Now())
		}
		return rate > 0
	})
	if err != nil {
		return err
	}
	err = p.await(ctx, over, check)
	if err == nil && p.epoch == p.known.Epoch { // else the lease is void
		p.left += events
	} else if err != nil {
		err = errors.Join(err, p.giveBack(context.WithoutCancel(ctx), events))
	}
	return err
}

// await returns when a lease is over, or is void because the rate was changed.
func (p *Pacer) await(ctx context.Context, over time.Time, check func(context.Context) error) error {
	for p.epoch = p.known.Epoch; p.epoch == p.known.Epoch; {
		left := over.Sub(p.Now())
		if left <= 0 {
			return nil
		}
		if err := p.Sleep(ctx, min(left, look)); err != nil {
			return err
		}
		if err := check(ctx); err != nil {
			return err
		}
		if err := p.refresh(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Throttled reports that a store or a stream refused a request.
func (p *Pacer) Throttled(ctx context.Context) error {
	if p == nil {
		return nil
	}
	p.held <- struct{}{} // all lanes of the reader have ended
	defer p.unlock()
	return p.press(ctx, Throttled)
}

// Close gives back what is left of the lease.
func (p *Pacer) Close(ctx context.Context) error {
	if p == nil {
		return nil
	}
	p.held <- struct{}{} // all lanes of the reader have ended
	defer p.unlock()
	left := p.usable()
	p.left = 0
	return p.giveBack(ctx, left)
}

func (p *Pacer) giveBack(ctx context.Context, events int) error {
	if events == 0 {
		return nil
	}
	return p.change(ctx, func(s *State) bool {
		rate := s.Rate(p.Requested)
		usable := s.Epoch == p.epoch && rate > 0
		if usable {
			s.giveBack(rate, events)
		}
		return usable
	})
}

// refresh loads the state if it is older than look, and looks at the pressure if it is
// this reader's turn.
func (p *Pacer) refresh(ctx context.Context) error {
	now := p.Now()
	if p.loaded.IsZero() || now.Sub(p.loaded) >= look {
		if err := p.load(ctx); err != nil {
			return err
		}
	}
	if o := p.order.Load(); o != nil && o.Number > p.known.Order {
		if err := p.change(ctx, func(s *State) bool { return s.obey(*o, p.Now()) }); err != nil {
			return err
		}
	}
	if now.Sub(p.looked) < look {
		return nil
	}
	p.looked = now
	mine, err := p.turn(ctx, now)
	switch {
	case err != nil:
		return err
	case mine:
		return p.weigh(ctx)
	case p.known.Reason == Throttled && p.known.eases(now):
		// What refuses a request says so at once, so this need not wait for the next look.
		return p.change(ctx, func(s *State) bool { return s.Reason == Throttled && s.ease(p.Requested, p.Now()) })
	}
	return nil
}

// weigh looks at the pressure and changes the rate accordingly.
func (p *Pacer) weigh(ctx context.Context) error {
	why, err := p.Pressure(ctx)
	if err != nil {
		return fmt.Errorf("look at the pressure: %w", err)
	}
	if why != "" {
		return p.press(ctx, why)
	}
	return p.change(ctx, func(s *State) bool { return s.ease(p.Requested, p.Now()) })
}

// turn reports whether this reader is the one that looks at the pressure.
func (p *Pacer) turn(ctx context.Context, now time.Time) (mine bool, err error) {
	due := func(s *State) bool {
		return p.Pressure != nil && now.UnixMilli()-s.Checked >= max(look, p.Every).Milliseconds()
	}
	if !due(&p.known) {
		return false, nil
	}
	err = p.change(ctx, func(s *State) bool {
		if mine = due(s); mine {
			s.Checked = now.UnixMilli()
		}
		return mine
	})
	return mine, err
}

func (p *Pacer) press(ctx context.Context, why Reason) error {
	current := p.own * float64(max(1, p.Readers))
	return p.change(ctx, func(s *State) bool { return s.press(why, p.Requested, current, p.Now()) })
}

func (p *Pacer) load(ctx context.Context) error {
	s, err := Load(ctx, p.Table, p.Key)
	if err != nil {
		return err
	}
	p.know(s)
	return nil
}

// change edits the state; edit reports whether there is something to store.
func (p *Pacer) change(ctx context.Context, edit func(*State) bool) error {
	s, err := control.Update(ctx, p.Table, p.Key, func(s *State, _ bool) error {
		if !edit(s) {
			return control.Unchanged()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("update the pace: %w", err)
	}
	p.know(s)
	return nil
}

// measure keeps the reader's own rate.
func (p *Pacer) measure() {
	now := p.Now()
	if p.counted.IsZero() {
		p.counted = now
	}
	if passed := now.Sub(p.counted); passed >= look {
		p.own = float64(p.delivered.Swap(0)) / passed.Seconds()
		p.counted = now
	}
}
