package eventlogpebble

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/eventlog"
	"reprise/pkg/local/localstore"
	"reprise/pkg/local/localstore/localstoretest"
)

// An entry that another call has stored but not yet synced counts as stored
// only once it is on disk.
func TestKnownIsMadeDurable(t *testing.T) {
	mem := vfs.NewCrashableMem()
	open := func(fsys vfs.FS) *localstore.Space { return localstoretest.OpenFS(t, fsys).Space("eventlog") }
	lazily := func(space *localstore.Space, key, value []byte) {
		if err := space.WriteLazily(func(b *localstore.Batch) error { return b.Put(key, value) }); err != nil {
			t.Fatal(err)
		}
	}
	space := open(mem)
	log := New(space)
	entry := eventlog.Entry{Entity: "a", Position: "0001-017-0000", Line: []byte("{}")}
	prefix := bucketPrefix(1, "2026-03-01T00")
	top := append([]byte{topTag}, prefix[1:]...)
	lazily(space, keyed(prefix, []eventlog.Entry{entry})[0].key, appendValue(nil, &entry))
	lazily(space, top, []byte(entry.Position))
	if err := log.Put(t.Context(), 1, "2026-03-01T00", []eventlog.Entry{entry}); err != nil {
		t.Fatal(err)
	}
	after := New(open(mem.CrashClone(vfs.CrashCloneCfg{})))
	if found, err := after.Has(t.Context(), 1, "2026-03-01T00", "a", entry.Position); err != nil || !found {
		t.Fatalf("after the crash: %t, %v", found, err)
	}

	// The same is true of quarantine, where the first record stays.
	lazily(space, append(quarantinePrefix(1), entry.Position...), []byte(`{"reason":"first"}`))
	second := eventlog.Quarantined{Position: entry.Position, Reason: "second"}
	if err := log.Quarantine(t.Context(), 1, second); err != nil {
		t.Fatal(err)
	}
	aside, err := New(open(mem.CrashClone(vfs.CrashCloneCfg{}))).ListQuarantine(t.Context(), 1, "", 10)
	if err != nil || len(aside) != 1 || aside[0].Reason != "first" {
		t.Fatalf("after the crash: %+v, %v", aside, err)
	}
}

// TestDamagedEntriesAreRefused checks that a value that cannot be an entry
// makes the read fail, and is neither an entry nor the end of a page.
func TestDamagedEntriesAreRefused(t *testing.T) {
	const at = "2026-03-01T00"
	for name, c := range map[string]struct{ key, value string }{
		"no logged time": {"a#0001-017-0000", ""},
		"no position":    {"a", "\x02{}"},
		"no entity":      {"%zz#0001-017-0000", "\x02{}"},
	} {
		space := localstoretest.Open(t).Space("eventlog")
		log := New(space)
		key := append(bucketPrefix(1, at), c.key...)
		err := space.WriteLazily(func(b *localstore.Batch) error { return b.Put(key, []byte(c.value)) })
		if err != nil {
			t.Fatal(err)
		}
		page, err := log.Read(t.Context(), 1, at, "", eventlog.PageLimit{Entries: 10}, true)
		if err == nil || len(page.Entries) > 0 {
			t.Errorf("%s: %d entries, %v", name, len(page.Entries), err)
		}
	}
}
