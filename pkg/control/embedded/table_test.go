package embedded

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/control"
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
	return db.Space("control")
}

func TestDeletedDocumentKeepsItsVersionsUsed(t *testing.T) {
	table, err := New(openSpace(t, vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	key := control.Key{Partition: "p", Sort: "s"}
	first, err := table.Put(t.Context(), key, []byte("1"), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Delete(t.Context(), key, first); err != nil {
		t.Fatal(err)
	}
	if _, err := table.Put(t.Context(), key, []byte("2"), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := table.Put(t.Context(), key, []byte("3"), first); !errors.Is(err, control.ErrConflict) {
		t.Fatalf("put on a version of before the deletion: %v", err)
	}
}
