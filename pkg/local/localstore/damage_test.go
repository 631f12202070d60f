package localstore

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// damageTables changes one byte in the middle of every table file of a directory
// in memory and returns how many there are.
func damageTables(t *testing.T, fsys vfs.FS, dir string) int {
	t.Helper()
	names, err := fsys.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	damaged := 0
	for _, name := range names {
		if !strings.HasSuffix(name, ".sst") {
			continue
		}
		damaged++
		path := fsys.PathJoin(dir, name)
		file, err := fsys.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(file)
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		raw[len(raw)/3] ^= 1
		file, err = fsys.Create(path, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		_, err = file.Write(raw)
		if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return damaged
}

// damagedStore returns a store with one damaged table that holds the keys secret-0
// to secret-n of space "old".
func damagedStore(t *testing.T, n int) *DB {
	t.Helper()
	fsys := vfs.NewMem()
	db := mustOpen(t, fsys, "data")
	space := db.Space("old")
	for i := range n {
		put(t, space, fmt.Sprintf("secret-%05d", i), strings.Repeat("v", 500))
	}
	if err := db.db.Flush(); err != nil {
		t.Fatal(err)
	}
	mustClose(t, db)
	if damageTables(t, fsys, "data") == 0 {
		t.Fatal("there is no table to damage")
	}
	describe := map[string]func([]byte) string{"old": func(key []byte) string { return fmt.Sprint(len(key), " bytes") }}
	db, err := Open("data", Options{FS: fsys, Settings: settings, Describe: describe, Crash: func(cause string) {
		t.Errorf("the process would end: %s", cause)
		select {}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestDamagedTable: only reads of the damaged part fail, and they say so; the
// report shows no contents.
func TestDamagedTable(t *testing.T) {
	const n = 1000
	db := damagedStore(t, n)
	space := db.Space("old")
	failed := 0
	for i := range n {
		_, _, err := space.Get([]byte(fmt.Sprintf("secret-%05d", i)))
		if err == nil {
			continue
		}
		failed++
		if !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "secret") {
			t.Fatalf("read of a damaged block: %v", err)
		}
	}
	if failed == 0 || failed > n/10 {
		t.Fatalf("%d of %d reads failed", failed, n)
	}
	err := space.Scan(nil, nil, func(_, _ []byte) (bool, error) { return true, nil })
	if !errors.Is(err, ErrDamaged) {
		t.Fatalf("scan of everything: %v", err)
	}
	found := db.Damages()
	if len(found) != 1 || !strings.HasSuffix(found[0].File, ".sst") || found[0].At.IsZero() ||
		!strings.HasPrefix(found[0].First, "old, 12 bytes, key hash ") || strings.Contains(fmt.Sprint(found), "secret") {
		t.Fatalf("reported damage: %+v", found)
	}
	put(t, db.Space("new"), "key", "value")
	wantValue(t, db.Space("new"), "key", "value")
}

// TestWritesGoOnBesideADamagedTable: compactions of a damaged file fail for ever.
// They must neither block writes nor be repeated without pause.
func TestWritesGoOnBesideADamagedTable(t *testing.T) {
	db := damagedStore(t, 100)
	space := db.Space("old")
	for i := range 2 * stopWrites {
		// Every flush overlaps the damaged file, so level 0 becomes deeper each time.
		put(t, space, "secret-00000", fmt.Sprint(i), "secret-99999", fmt.Sprint(i))
		flushed := make(chan error, 1)
		go func() { flushed <- db.db.Flush() }()
		select {
		case err := <-flushed:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("flush %d does not end", i)
		}
	}
	put(t, space, "large", strings.Repeat("x", sampleBytes), "other", "value") // so that the next write looks
	put(t, space, "after", "value")
	wantValue(t, space, "after", "value")
	if depth := db.db.Metrics().Levels[0].Sublevels; depth < stopWrites {
		t.Errorf("level 0 is only %d deep: nothing was tested", depth)
	}
	if len(db.Damages()) != 1 {
		t.Errorf("damage: %+v", db.Damages())
	}
	if fails := db.pacer.failures(); fails < 1 || fails > 10 {
		t.Errorf("%d compactions failed; they must wait after each failure", fails)
	}
}
