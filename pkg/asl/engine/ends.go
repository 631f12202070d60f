package engine

import (
	"context"
	"fmt"
	"time"

	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

// waiter is shared by the callers that wait for the end of one execution.
type waiter struct {
	done  chan struct{}
	count int
}

func (w *waiter) release() { close(w.done) }

// Wait returns the execution once it has ended. It fails with ctx's error, or
// with states.ErrStopped if the engine stops first.
func (e *Engine) Wait(ctx context.Context, arn string) (states.Execution, error) {
	record, err := e.recordOf(arn)
	if err != nil || record.Status != states.StatusRunning {
		return e.describe(record), err
	}
	w := e.waitFor(record.ID)
	defer e.stopWaiting(record.ID, w)
	// The execution may have ended before waitFor.
	if record, err = e.recordOf(arn); err != nil || record.Status != states.StatusRunning {
		return e.describe(record), err
	}
	select {
	case <-ctx.Done():
		return states.Execution{}, fmt.Errorf("wait for %s: %w", arn, ctx.Err())
	case <-w.done:
	}
	record, err = e.recordOf(arn)
	if err == nil && record.Status == states.StatusRunning {
		err = fmt.Errorf("wait for %s: %w", arn, states.ErrStopped)
	}
	return e.describe(record), err
}

func (e *Engine) waitFor(id string) *waiter {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.waiters[id]
	if w == nil {
		w = &waiter{done: make(chan struct{})}
		if e.state == stopped {
			w.release()
			return w
		}
		e.waiters[id] = w
	}
	w.count++
	return w
}

func (e *Engine) stopWaiting(id string, w *waiter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w.count--; w.count == 0 && e.waiters[id] == w {
		delete(e.waiters, id)
	}
}

// afterEnd wakes the callers that wait for an execution that has durably ended.
func (e *Engine) afterEnd(record journal.Execution) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w := e.waiters[record.ID]; w != nil {
		delete(e.waiters, record.ID)
		w.release()
	}
	if record.Run == "" {
		e.ended++
	}
	select {
	case e.notice <- struct{}{}:
	default:
	}
}

// The delays between failed calls of OnEnd double from the first to the last.
const (
	noticeRetryFirst = time.Second
	noticeRetryLast  = time.Minute
)

// notify calls OnEnd for every end. The notice of an end is journalled together
// with the end and removed once OnEnd has returned nil, so a crash may repeat a
// call but never loses one.
func (e *Engine) notify(ctx context.Context) error {
	if e.config.OnEnd == nil {
		return nil
	}
	wait := noticeRetryFirst
	for {
		failed, err := e.notifyAll(ctx)
		if err != nil {
			return err
		}
		var retry <-chan time.Time
		release := func() {}
		if failed {
			retry, release = e.config.Clock.At(e.config.Clock.Now().Add(wait))
			wait = min(2*wait, noticeRetryLast)
		} else {
			wait = noticeRetryFirst
		}
		select {
		case <-ctx.Done():
			release()
			return nil
		case <-e.notice:
		case <-retry:
		}
		release()
	}
}

func (e *Engine) notifyAll(ctx context.Context) (failed bool, err error) {
	ids, err := journal.Names(e.journal, journal.Notices)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		if ctx.Err() != nil {
			return false, nil
		}
		record, found, err := journal.Load[journal.Execution](e.journal, journal.ExecutionKey(id))
		if err != nil {
			return false, err
		}
		if found {
			if e.settled(record) != nil {
				return false, nil
			}
			if err := e.config.OnEnd(ctx, e.describe(record)); err != nil {
				e.config.Logger.Warn("execution's end could not be handed on", "execution", id, "error", err)
				failed = true
				continue
			}
		}
		if err := e.journal.Write([]journal.Op{{Key: journal.NoticeKey(id)}}); err != nil {
			return false, err
		}
	}
	return failed, nil
}
