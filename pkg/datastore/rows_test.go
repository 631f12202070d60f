package datastore_test

import (
	"fmt"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/local/pebbletest"
)

// A lane is counted to its last row, however many pages that takes.
func TestEveryRowOfALaneIsVisitedOnce(t *testing.T) {
	generations := pebbletest.Open(t).Generations
	ctx := t.Context()
	for _, count := range []int{0, 499, 500, 501, 1_000, 1_001} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			id := fmt.Sprintf("rows-%d", count)
			if err := generations.Create(ctx, id); err != nil {
				t.Fatal(err)
			}
			g := generations.Open(id)
			writes := make([]datastore.RowWrite, count)
			for i := range writes {
				writes[i].Row = datastore.Row{Entity: fmt.Sprintf("e%05d", i), Position: "p", Version: "v1"}
			}
			if _, err := g.WriteRows(ctx, 0, writes); err != nil {
				t.Fatal(err)
			}
			seen := 0
			err := datastore.EachRow(ctx, g, 0, func(row *datastore.Row) error {
				if want := fmt.Sprintf("e%05d", seen); row.Entity != want {
					return fmt.Errorf("row %d is %s", seen, row.Entity)
				}
				seen++
				return nil
			})
			if err != nil || seen != count {
				t.Errorf("%d rows were visited, %v", seen, err)
			}
		})
	}
}
