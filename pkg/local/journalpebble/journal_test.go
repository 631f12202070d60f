package journalpebble

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/journal"
	"reprise/pkg/local/localstore/localstoretest"
)

// TestJournal opens the store again after a crash that loses what was not
// synced.
func TestJournal(t *testing.T) {
	asltest.Journal(t, func(t *testing.T) (journal.Journal, func() journal.Journal) {
		fs := vfs.NewCrashableMem()
		db := localstoretest.OpenFS(t, fs)
		return New(db.Space("journal")), func() journal.Journal {
			after := localstoretest.OpenFS(t, fs.CrashClone(vfs.CrashCloneCfg{}))
			return New(after.Space("journal"))
		}
	})
}
