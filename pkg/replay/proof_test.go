package replay

import (
	"fmt"
	"testing"

	"reprise/pkg/datastore"
)

// Every number of a proof is the sum over rows and lanes, each of its own kind.
func TestAProofSumsUpRowsByKind(t *testing.T) {
	first := datastore.Row{Version: "v1", Count: 1, Duplicates: 20, Conflicts: 300, Ignored: 4_000}
	parked := datastore.Row{Version: "v1", Count: 2, Duplicates: 30, Conflicts: 400, Ignored: 5_000,
		Parked: &datastore.Parked{Waiting: 60_000}}
	proof := Proof{Rows: &Rows{}}
	for range 2 {
		var rows Rows
		rows.Add(&first)
		rows.Add(&parked)
		proof.addRows(0, &rows)
		if rows.Seen() != 3+50+9_000+60_001 {
			t.Errorf("the rows have seen %d events", rows.Seen())
		}
	}
	want := Rows{Entities: 4, Applied: 6, Duplicates: 100, Conflicts: 1_400, Ignored: 18_000, Parked: 2, Waiting: 120_002}
	if *proof.Rows != want || len(proof.Differences) != 0 {
		t.Errorf("%+v, want %+v, and %+v", *proof.Rows, want, proof.Differences)
	}
}

// A lane is counted to its last row, however many pages of them it takes.
func TestEveryRowOfALaneIsVisitedOnce(t *testing.T) {
	c := newClosing(t)
	ctx := t.Context()
	for _, count := range []int{0, 499, 500, 501, 1_000, 1_001} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			id := fmt.Sprintf("rows-%d", count)
			c.must(c.Generations.Create(ctx, id))
			g := c.Generations.Open(id)
			writes := make([]datastore.RowWrite, count)
			for i := range writes {
				writes[i].Row = datastore.Row{Entity: fmt.Sprintf("e%05d", i), Position: "p", Version: "v1"}
			}
			_, err := g.WriteRows(ctx, 0, writes)
			c.must(err)
			seen := 0
			c.must(EachRow(ctx, g, 0, func(row *datastore.Row) error {
				if want := fmt.Sprintf("e%05d", seen); row.Entity != want {
					return fmt.Errorf("row %d is %s", seen, row.Entity)
				}
				seen++
				return nil
			}))
			if seen != count {
				t.Errorf("%d rows were visited", seen)
			}
		})
	}
}
