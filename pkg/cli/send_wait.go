package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/event"
)

const (
	// pollLanes is how often --wait looks; after stillAfter without progress it
	// says so.
	pollLanes  = 100 * time.Millisecond
	stillAfter = 20 * time.Second
)

// sendProgress shows how many events are accepted. It is safe for concurrent use.
type sendProgress struct {
	meter *progress.Meter
	total int64
	now   func() time.Time

	mu   sync.Mutex
	sum  int64
	rate progress.Rate
}

func newSendProgress(meter *progress.Meter, total int64, now func() time.Time) *sendProgress {
	p := &sendProgress{meter: meter, total: total, now: now}
	p.add(0)
	return p
}

func (p *sendProgress) add(accepted int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sum += accepted
	p.rate.Add(p.now(), float64(p.sum))
	s := progress.State{Label: "sending", Fraction: -1, Detail: progress.Count(p.sum) + " events"}
	if p.total > 0 {
		s.Fraction = float64(p.sum) / float64(p.total)
		s.Detail = progress.Count(p.sum) + " of " + progress.Count(p.total) + " events"
		s.Left = p.rate.Left(float64(p.total))
	}
	if rate := p.rate.PerSecond(); rate > 0 {
		s.Detail += ", " + progress.Count(int64(rate)) + "/s"
	}
	p.meter.Show(s)
}

// waiting waits until positions are in the log and applied.
type waiting struct {
	*sendFlags
	reached map[event.Lane]event.Position
	meter   *progress.Meter
	start   time.Time
	// moved is when a lane last moved; sum is the positions of all lanes then.
	moved  time.Time
	sum    string
	warned bool
}

var errWait = errors.New("timed out before every event was applied")

// await waits until every lane has reached its position in the log and in the
// generation that is active by then.
func (f *sendFlags) await(ctx context.Context, reached map[event.Lane]event.Position, meter *progress.Meter) error {
	if len(reached) == 0 {
		return nil
	}
	c, err := f.Client(command.LongPatience, meter)
	if err != nil {
		return err
	}
	w := &waiting{sendFlags: f, reached: reached, meter: meter, start: f.App.Now(), moved: f.App.Now()}
	for {
		view, err := c.Lanes(ctx)
		if err != nil {
			return fmt.Errorf("wait until every event is applied: %w", err)
		}
		if done, err := w.look(view); done || err != nil {
			return err
		}
		if err := f.App.Sleep(ctx, pollLanes); err != nil {
			return err
		}
	}
}

// look reports whether every event is applied, or why it will not be.
func (w *waiting) look(view api.LanesView) (done bool, err error) {
	logged, applied, sum := 0, 0, ""
	for _, l := range view.Lanes {
		target, touched := w.reached[l.Lane]
		if !touched {
			continue
		}
		sum += string(l.Position + l.Applied)
		if l.Position >= target {
			logged++
		}
		if l.Position >= target && l.Applied >= target {
			applied++
		}
	}
	now := w.App.Now()
	if sum != w.sum {
		w.sum, w.moved, w.warned = sum, now, false
	}
	w.meter.Show(progress.State{Label: "applying", Fraction: float64(applied) / float64(len(w.reached)),
		Detail: fmt.Sprintf("%d of %d lanes in the log, %d applied", logged, len(w.reached), applied)})
	switch {
	case view.Lost && logged == len(w.reached):
		return false, command.Hint(fmt.Errorf("every event is in the log, but not applied: the active generation %s is lost",
			view.Generation), "reprise replay start --rebuild --promote --wait builds another generation from the log")
	case applied == len(w.reached):
		return true, nil
	case now.Sub(w.start) >= w.timeout:
		err := fmt.Errorf("%w: %d of %d lanes are applied after %s", errWait, applied, len(w.reached), w.timeout)
		return false, command.Hint(err, "every event is accepted and safe; reprise status shows what lags")
	case now.Sub(w.moved) >= stillAfter && !w.warned:
		w.warned = true
		w.meter.Note("nothing has moved for %s; reprise status shows what lags", progress.Duration(stillAfter))
	}
	return false, nil
}
