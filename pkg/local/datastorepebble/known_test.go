package datastorepebble

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/local/localstore"
	"reprise/pkg/local/localstore/localstoretest"
)

// A generation that another call has created but not yet synced counts as
// created only once it is on disk.
func TestKnownGenerationIsMadeDurable(t *testing.T) {
	mem := vfs.NewCrashableMem()
	open := func(fsys vfs.FS) *Generations {
		_, all := localstoretest.OpenAdapter(t, fsys, "datastore", New)
		return all
	}
	all := open(mem)
	err := all.space.WriteLazily(func(b *localstore.Batch) error { return b.Put(generationKey("g"), nil) })
	if err != nil {
		t.Fatal(err)
	}
	all.exists["g"] = true
	if err := all.Create(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	if ids, err := open(mem.CrashClone(vfs.CrashCloneCfg{})).List(t.Context()); err != nil || len(ids) != 1 {
		t.Fatalf("after the crash: generations %q, %v", ids, err)
	}
}
