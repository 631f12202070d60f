package embedded

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
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
	return db.Space("eventlog")
}

func TestPutThenRead(t *testing.T) {
	log := New(openSpace(t, vfs.NewMem()))
	at, err := event.NewPosition(1, "7", 0)
	if err != nil {
		t.Fatal(err)
	}
	entry := eventlog.Entry{Entity: "a#b", Position: at, Logged: 5, Line: []byte("{}")}
	for range 2 {
		if err := log.Put(t.Context(), 1, "2026-03-01T00", []eventlog.Entry{entry}); err != nil {
			t.Fatal(err)
		}
	}
	page, err := log.Read(t.Context(), 1, "2026-03-01T00", "", eventlog.PageLimit{Entries: 10}, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Entries) != 1 || page.Entries[0].Entity != "a#b" || page.Entries[0].Position != at || page.Next != "" {
		t.Fatalf("page %+v", page)
	}
}
