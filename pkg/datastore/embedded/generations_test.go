package embedded

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/datastore"
	"reprise/pkg/localstore"
)

func openSpace(t testing.TB, fsys vfs.FS) *localstore.Space {
	t.Helper()
	db, err := localstore.Open("data", localstore.Options{FS: fsys, Settings: localstore.Settings{Lanes: 4, BucketWidth: 86400}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db.Space("datastore")
}

func TestWriteThenRead(t *testing.T) {
	all, err := New(openSpace(t, vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	if err := all.Create(t.Context(), "g0001"); err != nil {
		t.Fatal(err)
	}
	generation := all.Open("g0001")
	row := datastore.Row{Entity: "a#", Position: "0001-017-0000", Version: "1"}
	conflicts, err := generation.WriteRows(t.Context(), 2, []datastore.RowWrite{{Row: row}})
	if err != nil || len(conflicts) > 0 {
		t.Fatal(conflicts, err)
	}
	rows, err := generation.Rows(t.Context(), 2, []string{"a#", "a"})
	if err != nil || len(rows) != 1 || rows["a#"].Position != row.Position {
		t.Fatal(rows, err)
	}
}
