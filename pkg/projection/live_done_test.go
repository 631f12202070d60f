package projection_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// TestDoneIsWhatNeedNotBeRetried uses batches that the log covers in part: records that
// are folded in already, or cannot be decoded, count as one each.
func TestDoneIsWhatNeedNotBeRetried(t *testing.T) {
	for name, c := range map[string]struct {
		before, batch []int // a negative number cannot be decoded
		pumped, done  int
		state         string
	}{
		"none is covered":         {nil, []int{1, 2}, 0, 0, ""},
		"one is covered":          {nil, []int{1, 2}, 1, 1, seen(1, 1)},
		"all are covered":         {nil, []int{1, 2}, 2, 2, seen(1, 2)},
		"nothing came":            {nil, nil, 2, 0, ""},
		"all were folded in":      {[]int{1, 2, 3}, []int{1, 2}, 3, 2, seen(1, 3)},
		"some were, one is not":   {[]int{1, 2}, []int{1, 2, 3, 4}, 3, 3, seen(1, 3)},
		"some were, none is left": {[]int{1, 2}, []int{1, 2, 3, 4}, 4, 4, seen(1, 4)},
		"one cannot be decoded":   {[]int{1}, []int{1, -2, 3, 4}, 3, 3, seen(1, 3, 2)},
		"the last cannot be":      {nil, []int{1, -2}, 2, 2, seen(1, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			b := newLiveBench(t)
			of := func(n int) eventlog.Incoming {
				if n < 0 {
					bad := b.record(-n, 12)
					bad.Data = []byte("?")
					return bad
				}
				return b.record(n, 12)
			}
			for n := 1; n <= c.pumped; n++ {
				if slices.Contains(c.batch, -n) {
					b.commit(of(-n))
				} else {
					b.commit(of(n))
				}
			}
			b.deliver(c.before)
			var records []eventlog.Incoming
			for _, n := range c.batch {
				records = append(records, of(n))
			}
			written, err := b.live.Write(t.Context(), "g0001", 0, records)
			if whole := c.done == len(c.batch); whole != (err == nil) || !whole && !errors.Is(err, projection.ErrBehind) {
				t.Errorf("error %v", err)
			}
			if written.Done != c.done || b.state() != c.state {
				t.Errorf("%d are done, want %d; state %s", written.Done, c.done, b.state())
			}
		})
	}
}

// TestAConsumerWaitsForThePump has the pump catch up while the consumer waits.
func TestAConsumerWaitsForThePump(t *testing.T) {
	b := newLiveBench(t)
	b.commit(b.record(1, 12))
	b.live.Patience = time.Second
	pauses := 0
	b.live.Sleep = func(ctx context.Context, d time.Duration) error {
		pauses++
		if pauses == 3 {
			b.commit(b.record(2, 12))
		}
		b.now = b.now.Add(d)
		return ctx.Err()
	}
	written, err := b.live.Write(t.Context(), "g0001", 0, b.records([]int{1, 2}))
	if err != nil || written.Done != 2 || pauses != 3 || b.state() != seen(1, 2) {
		t.Errorf("%+v, %v, after %d pauses; state %s", written, err, pauses, b.state())
	}
	// The consumer does not wait for what is covered.
	if _, err := b.live.Write(t.Context(), "g0001", 0, b.records([]int{1, 2})); err != nil || pauses != 3 {
		t.Errorf("%v, after %d pauses", err, pauses)
	}
}

// TestAGenerationWithoutAConsumerTakesNothingIn uses a generation that is being built,
// and an unknown one: the records are passed without effect.
func TestAGenerationWithoutAConsumerTakesNothingIn(t *testing.T) {
	b := newLiveBench(t)
	b.pumpAll(2)
	info, err := b.live.Registry.Begin(t.Context(), "r", b.live.Applier.Version())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.live.Generations.Create(t.Context(), info.ID); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{info.ID, "g0099"} {
		written, err := b.live.Write(t.Context(), id, 0, b.records([]int{1, 2}))
		if err != nil || written != (projection.Written{Done: 2}) {
			t.Errorf("%s: %+v, %v", id, written, err)
		}
	}
	rows, err := b.live.Generations.Open(info.ID).Scan(t.Context(), 0, "", 10)
	if err != nil || len(rows) > 0 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

var errGet = errors.New("get fails")

// failingGets is a table whose reads can be made to fail.
type failingGets struct {
	control.Table
	fail *bool
}

func (f failingGets) Get(ctx context.Context, key control.Key) (control.Document, error) {
	if *f.fail {
		return control.Document{}, errGet
	}
	return f.Table.Get(ctx, key)
}

// TestAHeadThatCannotBeReadFoldsNothing fails the second read of the head, after the
// first one covered a part of the batch.
func TestAHeadThatCannotBeReadFoldsNothing(t *testing.T) {
	b := newLiveBench(t)
	b.commit(b.record(1, 12))
	fail, heads := false, b.live.Heads
	b.live.Heads.Table = failingGets{heads.Table, &fail}
	b.live.Patience = time.Second
	b.live.Sleep = func(context.Context, time.Duration) error { fail = true; return nil }
	if written, err := b.live.Write(t.Context(), "g0001", 0, b.records([]int{1, 2})); !errors.Is(err, errGet) ||
		written != (projection.Written{}) || b.state() != "" {
		t.Errorf("%+v, %v; state %s", written, err, b.state())
	}
	b.live.Heads = heads
	b.commit(b.record(2, 12))
	if sum := b.deliver([]int{1, 2}); sum.Late != 0 || b.state() != seen(1, 2) {
		t.Errorf("afterwards %+v, state %s", sum, b.state())
	}
}
