package datastorepebble_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// TestOneWriterWins repeats the suite's race for one row and one mark often
// enough to notice a check that is not locked together with its write: each
// success must have a value of its own to build on.
func TestOneWriterWins(t *testing.T) {
	const writers, attempts = 16, 400
	_, all := openGenerations(t, vfs.NewMem())
	if err := all.Create(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	g := all.Open("g")
	var rows, marks atomic.Int64
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range attempts {
				rows.Add(countRow(t, g))
				marks.Add(countMark(t, g))
			}
		})
	}
	group.Wait()
	found, err := g.Rows(t.Context(), lane, []string{"a"})
	if err != nil || found["a"].Count != rows.Load() {
		t.Fatalf("row counted to %d, %v, but %d times", found["a"].Count, err, rows.Load())
	}
	mark, _, err := g.Mark(t.Context(), datastore.LiveMark, lane)
	if err != nil || mark.Ordinal != marks.Load() {
		t.Fatalf("mark counted to %d, %v, but %d times", mark.Ordinal, err, marks.Load())
	}
}

// TestOneIsFirst lets writers enter one key at many positions, the lowest in
// the middle: later writers must be told of it, and it must stay.
func TestOneIsFirst(t *testing.T) {
	const writers, rounds, others = 8, 30, 200
	_, all := openGenerations(t, vfs.NewMem())
	if err := all.Create(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	g := all.Open("g")
	// Other keys are read between this key's lock and the write of them all.
	enter := func(round, at int) datastore.Identity {
		events := []datastore.Identity{{Entity: "a", Key: event.Digest{Lo: uint64(round)},
			Position: event.Position(fmt.Sprintf("0001-09%09d-0000", at)), Content: uint64(at)}}
		for i := range others {
			e := events[0]
			e.Key = event.Digest{Hi: 1 + uint64(at), Lo: uint64(round*others + i)}
			events = append(events, e)
		}
		first, err := g.Identify(t.Context(), lane, events)
		if err != nil {
			t.Error(err)
			return datastore.Identity{}
		}
		return first[0]
	}
	for round := range rounds {
		var group sync.WaitGroup
		start := make(chan struct{})
		for i := range writers {
			group.Go(func() {
				<-start
				if told := enter(round, 1+(i+writers/2)%writers); told.Content > uint64(1+(i+writers/2)%writers) {
					t.Errorf("round %d: writer %d was told of %s", round, i, told.Position)
				}
			})
		}
		close(start)
		group.Wait()
		if first := enter(round, 99); first.Content != 1 {
			t.Fatalf("round %d: %s stands", round, first.Position)
		}
	}
}

// countRow returns 1 if it incremented the row's counter, 0 on a conflict.
func countRow(t *testing.T, g datastore.Generation) int64 {
	found, err := g.Rows(t.Context(), lane, []string{"a"})
	if err != nil {
		t.Error(err)
	}
	row := found["a"]
	w := datastore.RowWrite{Previous: row.Position, Row: datastore.Row{Entity: "a", Count: row.Count + 1,
		Position: event.Position(fmt.Sprintf("0001-09%09d-0000", row.Count+1))}}
	conflicts, err := g.WriteRows(t.Context(), lane, []datastore.RowWrite{w})
	if err != nil {
		t.Error(err)
	}
	return int64(1 - len(conflicts))
}

// countMark does the same with the mark.
func countMark(t *testing.T, g datastore.Generation) int64 {
	mark, version, err := g.Mark(t.Context(), datastore.LiveMark, lane)
	if err != nil && !errors.Is(err, datastore.ErrNoMark) {
		t.Error(err)
	}
	mark.Ordinal++
	_, err = g.SetMark(t.Context(), datastore.LiveMark, lane, mark, version)
	if err == nil {
		return 1
	}
	if !errors.Is(err, datastore.ErrConflict) {
		t.Error(err)
	}
	return 0
}
