package journalpebble

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/journal"
	"reprise/pkg/local/localstore"
)

func openStore(t *testing.T, fs vfs.FS) *localstore.DB {
	t.Helper()
	db, err := localstore.Open("data", localstore.Options{FS: fs, Settings: localstore.Settings{Lanes: 4, BucketWidth: 60}})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// TestJournal opens the store again after a crash: what was not synced is lost.
func TestJournal(t *testing.T) {
	asltest.Journal(t, func(t *testing.T) (journal.Journal, func() journal.Journal) {
		fs := vfs.NewCrashableMem()
		db := openStore(t, fs)
		t.Cleanup(func() { _ = db.Close() })
		return New(db.Space("journal")), func() journal.Journal {
			after := openStore(t, fs.CrashClone(vfs.CrashCloneCfg{}))
			t.Cleanup(func() { _ = after.Close() })
			return New(after.Space("journal"))
		}
	})
}
