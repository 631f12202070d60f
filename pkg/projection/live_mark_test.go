package projection_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// countingMarks counts reads of marks.
type countingMarks struct {
	datastore.Generations
	reads int
}

func (c *countingMarks) Open(id string) datastore.Generation {
	return countingGeneration{c.Generations.Open(id), &c.reads}
}

type countingGeneration struct {
	datastore.Generation
	reads *int
}

func (g countingGeneration) Mark(ctx context.Context, name datastore.MarkName, lane event.Lane) (
	datastore.Mark, datastore.MarkVersion, error,
) {
	*g.reads++
	return g.Generation.Mark(ctx, name, lane)
}

func TestMarkIsReadOnceForEachBatch(t *testing.T) {
	b := newLiveBench(t)
	marks := &countingMarks{Generations: b.live.Generations}
	b.live.Generations = marks
	b.commit(b.record(1, 12), b.record(2, 12))
	for n := 1; n <= 2; n++ {
		if _, err := b.live.Write(t.Context(), "g0001", 0, []eventlog.Incoming{b.record(n, 12)}); err != nil {
			t.Fatal(err)
		}
		if marks.reads != n {
			t.Errorf("%d reads of marks in %d batches", marks.reads, n)
		}
	}
}

// TestMarkThatAnotherConsumerMovedStays lets a second consumer fold the batch while the
// first one waits for the pump.
func TestMarkThatAnotherConsumerMovedStays(t *testing.T) {
	b := newLiveBench(t)
	b.live.Patience = time.Second
	records := []eventlog.Incoming{b.record(1, 12), b.record(2, 12)}
	other := *b.live
	b.live.Sleep = func(ctx context.Context, _ time.Duration) error {
		b.commit(records...)
		_, err := other.Write(ctx, "g0001", 0, records)
		return err
	}
	if written, err := b.live.Write(t.Context(), "g0001", 0, records); !errors.Is(err, datastore.ErrConflict) ||
		written.Done != 0 {
		t.Errorf("%+v, %v", written, err)
	}
	if written, err := b.live.Write(t.Context(), "g0001", 0, records); err != nil || written.Done != 2 {
		t.Errorf("retried: %+v, %v", written, err)
	}
	mark, _, err := b.live.Generations.Open("g0001").Mark(t.Context(), datastore.LiveMark, 0)
	if err != nil || mark.Ordinal != 2 || b.state() != `{"seen":["1","2"]}` {
		t.Errorf("mark %+v, %v, state %s", mark, err, b.state())
	}
}
