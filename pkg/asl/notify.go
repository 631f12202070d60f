package asl

import (
	"context"
	"strings"
	"time"
)

// The waits between calls of OnEnd that failed.
const (
	noticeRetryFirst = time.Second
	noticeRetryLast  = time.Minute
)

// notify tells OnEnd of ends. They are journalled with the end itself and
// removed once OnEnd returned nil, so that a crash repeats a call but loses
// none.
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
		var again <-chan time.Time
		release := func() {}
		if failed {
			again, release = e.clock.At(e.clock.Now().Add(wait))
			wait = min(2*wait, noticeRetryLast)
		} else {
			wait = noticeRetryFirst
		}
		select {
		case <-ctx.Done():
			release()
			return nil
		case <-e.notice:
		case <-again:
		}
		release()
	}
}

func (e *Engine) notifyAll(ctx context.Context) (failed bool, err error) {
	var ids []string
	err = e.journal.Scan(spaceNotice, after(spaceNotice), func(key string, _ []byte) (bool, error) {
		ids = append(ids, strings.TrimPrefix(key, spaceNotice))
		return true, nil
	})
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		if ctx.Err() != nil {
			return false, nil
		}
		record, found, err := load[executionRecord](e.journal, spaceExecution+id)
		if err != nil {
			return false, err
		}
		if found {
			if e.settled(record) != nil {
				return false, nil
			}
			if err := e.config.OnEnd(ctx, e.describe(record)); err != nil {
				e.log.Warn("execution's end could not be handed on", "execution", id, "error", err)
				failed = true
				continue
			}
		}
		if err := e.journal.Write([]Op{{Key: spaceNotice + id}}); err != nil {
			return false, err
		}
	}
	return failed, nil
}
