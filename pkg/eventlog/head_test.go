package eventlog_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"reprise/pkg/eventlog"
)

func TestWaitingForAHeadLooksLessAndLess(t *testing.T) {
	w := newWorld(t)
	var waits []time.Duration
	looks := 0
	head, err := w.pump.Heads.Await(t.Context(), 0, func(eventlog.Head) bool { looks++; return false }, time.Second,
		func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil })
	if err != nil || head.Position != "" {
		t.Errorf("%+v, %v", head, err)
	}
	var all time.Duration
	for i, d := range waits {
		all += d
		if i > 0 && d < waits[i-1] {
			t.Errorf("waits %v", waits)
		}
	}
	if looks != len(waits)+1 || looks > 10 || all < time.Second || all > 1500*time.Millisecond {
		t.Errorf("%d looks, waits %v", looks, waits)
	}
}

func TestWaitingForAHeadEndsWithItOrItsContext(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	reached := func(head eventlog.Head) bool { return head.Count == 1 }
	head, err := w.pump.Heads.Await(t.Context(), 0, reached, time.Hour, func(context.Context, time.Duration) error {
		w.commit(w.record(1, at, 0))
		return nil
	})
	if err != nil || head.Count != 1 {
		t.Errorf("%+v, %v", head, err)
	}
	gone := errors.New("gone")
	_, err = w.pump.Heads.Await(t.Context(), 0, func(eventlog.Head) bool { return false }, time.Hour,
		func(context.Context, time.Duration) error { return gone })
	if !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}
