package localstore

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestFilesArePrivate: in a directory that others can read, and after a version
// that let them.
func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		db := mustOpen(t, nil, dir)
		put(t, db.Space("a"), "key", "value")
		if err := db.db.Flush(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := db.OpenMarks(2); err != nil {
			t.Fatal(err)
		}
		names, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if info, err := name.Info(); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", name.Name(), info.Mode(), err)
			}
		}
		mustClose(t, db)
		for _, name := range names {
			if err := os.Chmod(filepath.Join(dir, name.Name()), 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
}

// TestRemovedLockStopsWrites: a second process could open the directory, so the
// first one writes no more.
func TestRemovedLockStopsWrites(t *testing.T) {
	for name, meddle := range map[string]func(path string) error{
		"removed":  os.Remove,
		"replaced": func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)) },
	} {
		dir := t.TempDir()
		db := mustOpen(t, nil, dir)
		put(t, db.Space("a"), "before", "value")
		if err := meddle(filepath.Join(dir, lockFile)); err != nil {
			t.Fatal(err)
		}
		if err := tryPut(db.Space("a"), "after"); !errors.Is(err, ErrFailed) {
			t.Errorf("%s: a write answers %v", name, err)
		}
		wantValue(t, db.Space("a"), "before", "value")
		_ = db.Close()
	}
}
