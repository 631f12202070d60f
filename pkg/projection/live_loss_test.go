package projection_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
)

// passOver lowers the mark's count by one event, as if a consumer of an earlier version
// had skipped it.
func (b *liveBench) passOver() datastore.Mark {
	b.t.Helper()
	generation := b.live.Generations.Open("g0001")
	mark, version, err := generation.Mark(b.t.Context(), datastore.LiveMark, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	mark.Ordinal--
	if _, err := generation.SetMark(b.t.Context(), datastore.LiveMark, 0, mark, version); err != nil {
		b.t.Fatal(err)
	}
	return mark
}

// TestWhatIsMissingBehindTheMarkLosesTheGeneration uses a mark that skipped an event. The
// loss is recorded and reported with every batch, and nothing more is folded in.
func TestWhatIsMissingBehindTheMarkLosesTheGeneration(t *testing.T) {
	b := newLiveBench(t)
	b.pumpAll(9)
	b.deliver(numbers(1, 5))
	mark := b.passOver()
	if sum := b.deliver([]int{6, 7}); sum.Missed != 1 {
		t.Errorf("%+v, want one event missed", sum)
	}
	held := b.state()
	for range 2 {
		written, err := b.live.Write(t.Context(), "g0001", 0, b.records([]int{8, 9}))
		if err != nil || !written.Lost || written.Done != 2 || written.Missed != 0 {
			t.Errorf("afterwards: %+v, %v", written, err)
		}
	}
	if got := b.state(); got != held || strings.Contains(got, `"8"`) {
		t.Errorf("state %s", got)
	}
	if loss := b.loss(); loss == nil || loss.Count != 1 || loss.Lane != 0 || !loss.At.Equal(b.now) {
		t.Errorf("recorded %+v", loss)
	}
	after, _, err := b.live.Generations.Open("g0001").Mark(t.Context(), datastore.LiveMark, 0)
	if err != nil || after.Position != mark.Position {
		t.Errorf("mark at %s, %v, want it where it was, %s", after.Position, err, mark.Position)
	}
}

// TestLossIsRecordedBeforeItsMarkMoves makes the recording of the loss fail: then nothing
// else may have happened, and the batch is retried.
func TestLossIsRecordedBeforeItsMarkMoves(t *testing.T) {
	b := newLiveBench(t)
	b.pumpAll(9)
	b.deliver(numbers(1, 5))
	before := b.passOver()
	whole := b.live.Registry.Table
	b.live.Registry.Table = failingPuts{whole}
	if _, err := b.live.Write(t.Context(), "g0001", 0, b.records(numbers(6, 9))); !errors.Is(err, errPut) {
		t.Errorf("write without a record of the loss: %v", err)
	}
	b.live.Registry.Table = whole
	after, _, err := b.live.Generations.Open("g0001").Mark(t.Context(), datastore.LiveMark, 0)
	if err != nil || after.Position != before.Position || b.loss() != nil {
		t.Errorf("mark %s, was %s, loss %+v, %v", after.Position, before.Position, b.loss(), err)
	}
	if sum := b.deliver(numbers(6, 9)); sum.Missed != 1 || b.loss() == nil {
		t.Errorf("again: %+v, %+v", sum, b.loss())
	}
}

var errPut = errors.New("put fails")

type failingPuts struct{ control.Table }

func (f failingPuts) Put(context.Context, control.Key, []byte, control.Version) (control.Version, error) {
	return "", errPut
}

// loss is what the registry knows of the generation's loss.
func (b *liveBench) loss() *datastore.Loss {
	b.t.Helper()
	registered, err := b.live.Registry.Load(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	info, found := registered.Find("g0001")
	if !found {
		b.t.Fatal("the generation is unknown")
	}
	return info.Loss
}

// TestMarksThatAreGoneLoseTheGeneration empties the table under the consumer.
func TestMarksThatAreGoneLoseTheGeneration(t *testing.T) {
	b := newLiveBench(t)
	b.pumpAll(2)
	b.deliver([]int{1})
	if err := b.live.Generations.Clear(t.Context(), "g0001"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		written, err := b.live.Write(t.Context(), "g0001", 0, b.records([]int{2}))
		if err != nil || !written.Lost || written.Done != 1 {
			t.Errorf("%+v, %v", written, err)
		}
	}
	if loss := b.loss(); loss == nil || loss.Count != 0 {
		t.Errorf("recorded %+v", loss)
	}
	// Marks that somebody sets again do not bring it back.
	generation := b.live.Generations.Open("g0001")
	if _, err := generation.SetMark(t.Context(), datastore.LiveMark, 0, datastore.Mark{}, ""); err != nil {
		t.Fatal(err)
	}
	written, err := b.live.Write(t.Context(), "g0001", 0, b.records([]int{2}))
	if err != nil || !written.Lost || b.state() != "" {
		t.Errorf("with new marks: %+v, %v, state %s", written, err, b.state())
	}
}
