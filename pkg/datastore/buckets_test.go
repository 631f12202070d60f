package datastore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/pebbletest"
)

// TestBucketsOfAnEntity finds an entity's buckets in a lane with closed buckets
// b0 to b4 and an open one, b5.
func TestBucketsOfAnEntity(t *testing.T) {
	ctx := t.Context()
	stores := pebbletest.Open(t)
	table, generations := stores.Table, stores.Generations
	var b []eventlog.Bucket
	for i := range 6 {
		b = append(b, eventlog.Bucket(fmt.Sprintf("2026-03-01T%02d", i)))
		key := control.Key{Partition: "manifest#0000", Sort: string(b[i])}
		if _, err := control.Store(ctx, table, key, eventlog.Manifest{Count: 1}, ""); err != nil {
			t.Fatal(err)
		}
	}
	head := eventlog.Head{Position: "0001-019-0000", Bucket: b[5], Open: eventlog.Manifest{Count: 1}}
	finder := &datastore.BucketFinder{Heads: eventlog.Heads{Table: table}, Generations: generations,
		Registry: datastore.Registry{Table: table, Now: time.Now}}
	find := func(entity string, want ...eventlog.Bucket) {
		t.Helper()
		got, err := finder.Find(ctx, 0, entity, head)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, want %v", entity, got, err, want)
		}
	}
	find("no generation is active", b...)
	if _, err := finder.Registry.Begin(ctx, "", "v"); err != nil {
		t.Fatal(err)
	}
	find("the table is gone", b...)
	if err := generations.Create(ctx, "g0001"); err != nil {
		t.Fatal(err)
	}
	find("there is no row", b...)
	row := datastore.Row{Entity: "known", Position: "0001-011-0000", Buckets: []eventlog.Bucket{b[1], b[3]}}
	if _, err := generations.Open("g0001").WriteRows(ctx, 0, []datastore.RowWrite{{Row: row}}); err != nil {
		t.Fatal(err)
	}
	find("known", b...) // a row without the lane's mark is no evidence
	if _, err := generations.Open("g0001").SetMark(ctx, datastore.LiveMark, 0, datastore.Mark{}, ""); err != nil {
		t.Fatal(err)
	}
	find("known", b[1], b[3], b[4], b[5])
	emptied := *finder
	emptied.Generations = &emptying{Generations: generations,
		after: func() error { return generations.Clear(ctx, "g0001") }}
	if got, err := emptied.Find(ctx, 0, "known", head); err != nil || !slices.Equal(got, b) {
		t.Errorf("emptied after the read of the row: %v, %v", got, err)
	}
	if _, err := generations.Open("g0001").WriteRows(ctx, 0, []datastore.RowWrite{{Row: row}}); err != nil {
		t.Fatal(err)
	}
	if _, err := generations.Open("g0001").SetMark(ctx, datastore.LiveMark, 0, datastore.Mark{}, ""); err != nil {
		t.Fatal(err)
	}
	head = eventlog.Head{Position: "0001-011-0000", Bucket: b[2], Open: eventlog.Manifest{Count: 1}}
	find("known", b[1], b[3]) // the row may be ahead of a cut
	if _, err := finder.Registry.Lose(ctx, "g0001", datastore.Loss{Why: "test"}); err != nil {
		t.Fatal(err)
	}
	find("known", b[0], b[1], b[2])
}

// emptying makes something happen after the first read of rows.
type emptying struct {
	datastore.Generations
	after func() error
}

func (e *emptying) Open(id string) datastore.Generation {
	return &emptyingGeneration{e.Generations.Open(id), e}
}

type emptyingGeneration struct {
	datastore.Generation
	of *emptying
}

func (g *emptyingGeneration) Rows(
	ctx context.Context, lane event.Lane, entities []string,
) (map[string]datastore.Row, error) {
	rows, err := g.Generation.Rows(ctx, lane, entities)
	return rows, errors.Join(err, g.of.after())
}
