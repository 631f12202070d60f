package replay

import (
	"testing"

	"reprise/pkg/datastore"
)

// Every number of a proof is the sum of the same number over rows and lanes.
func TestAProofSumsUpRowsByKind(t *testing.T) {
	first := datastore.Row{Version: "v1", Count: 1, Duplicates: 20, Conflicts: 300, Ignored: 4_000}
	parked := datastore.Row{Version: "v1", Count: 2, Duplicates: 30, Conflicts: 400, Ignored: 5_000,
		Parked: &datastore.Parked{Waiting: 60_000}}
	proof := Proof{Rows: &datastore.Counts{}}
	for range 2 {
		var rows datastore.Counts
		rows.Add(&first)
		rows.Add(&parked)
		proof.addRows(0, &rows)
		if rows.Seen() != 3+50+9_000+60_001 {
			t.Errorf("the rows have seen %d events", rows.Seen())
		}
	}
	want := datastore.Counts{Entities: 4, Applied: 6, Duplicates: 100, Conflicts: 1_400, Ignored: 18_000, Parked: 2,
		Waiting: 120_002}
	if *proof.Rows != want || len(proof.Differences) != 0 {
		t.Errorf("%+v, want %+v, and %+v", *proof.Rows, want, proof.Differences)
	}
}
