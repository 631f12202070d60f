package localstore

import (
	"bufio"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

var settings = Settings{Lanes: 64, BucketWidth: 86400}

// lockedDir is the variable that makes TestMain hold a directory open for
// another process's test.
const lockedDir = "LOCALSTORE_TEST_HOLD"

func TestMain(m *testing.M) {
	dir := os.Getenv(lockedDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	db, err := Open(dir, Options{Settings: settings})
	if err != nil {
		os.Exit(1)
	}
	// It reports that the directory is open, then holds it until the input
	// ends.
	_, _ = os.Stdout.WriteString("open\n")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	if db.Close() != nil {
		os.Exit(1)
	}
}

func mustOpen(t testing.TB, fsys vfs.FS, dir string) *DB {
	t.Helper()
	db, err := Open(dir, Options{FS: fsys, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func mustClose(t testing.TB, db *DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func openMem(t testing.TB) *DB {
	t.Helper()
	db := mustOpen(t, vfs.NewMem(), "data")
	t.Cleanup(func() { mustClose(t, db) })
	return db
}

func put(t testing.TB, space *Space, pairs ...string) {
	t.Helper()
	err := space.Write(func(b *Batch) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := b.Put([]byte(pairs[i]), []byte(pairs[i+1])); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func wantValue(t testing.TB, space *Space, key, want string) {
	t.Helper()
	value, found, err := space.Get([]byte(key))
	if err != nil || !found || string(value) != want {
		t.Fatalf("%q: have %q, found %t, %v; want %q", key, value, found, err, want)
	}
}

func TestOpenCreatesAndReopens(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	db := mustOpen(t, nil, dir)
	put(t, db.Space("a"), "key", "value")
	if err := db.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustClose(t, db)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("directory: %v, %v", info, err)
	}
	db = mustOpen(t, nil, dir)
	wantValue(t, db.Space("a"), "key", "value")
	mustClose(t, db)
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, dir string)
		want    error
	}{
		{"other settings", func(t *testing.T, dir string) {
			other, err := Open(dir, Options{Settings: Settings{Lanes: 32, BucketWidth: 86400}})
			if err != nil {
				t.Fatal(err)
			}
			mustClose(t, other)
		}, ErrSettings},
		{"other format", func(t *testing.T, dir string) {
			mustClose(t, mustOpen(t, nil, dir))
			write(t, dir, formatFile, `{"format":2,"lanes":64,"bucketSeconds":86400}`)
		}, ErrFormat},
		{"damaged format record", func(t *testing.T, dir string) { write(t, dir, formatFile, "") }, ErrFormat},
		{"foreign files", func(t *testing.T, dir string) { write(t, dir, "thesis.txt", "years of work") }, ErrNotADataDir},
		{"foreign database", func(t *testing.T, dir string) {
			db, err := pebble.Open(dir, &pebble.Options{Logger: quietLogger{}})
			if err == nil {
				err = db.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
		}, ErrNotADataDir},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.prepare(t, dir)
			before := contents(t, dir)
			if _, err := Open(dir, Options{Settings: settings}); !errors.Is(err, tt.want) {
				t.Fatalf("have %v, want %v", err, tt.want)
			}
			if after := contents(t, dir); after != before {
				t.Fatalf("the directory was changed from\n%s\nto\n%s", before, after)
			}
		})
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// contents are the names and bytes of a directory except for its lock.
func contents(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, entry := range entries {
		if entry.Name() == lockFile {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(entry.Name() + ": " + string(text) + "\n")
	}
	return all.String()
}

func TestOpenRefusesWhatCannotBeRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		if _, err := Open(dir, Options{Settings: settings}); err == nil || errors.Is(err, ErrInUse) {
			t.Fatalf("open %s: %v", dir, err)
		}
	}
}

func TestOpenTwiceInOneProcess(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, nil, dir)
	t.Chdir(filepath.Dir(dir))
	for _, path := range []string{dir, dir + "/", filepath.Base(dir), "./" + filepath.Base(dir)} {
		if _, err := Open(path, Options{Settings: settings}); !errors.Is(err, ErrInUse) {
			t.Fatalf("open %s a second time: %v", path, err)
		}
	}
	mustClose(t, db)
	mustClose(t, mustOpen(t, nil, dir))
}

func TestOpenInUseByAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	holder := exec.Command(os.Args[0], "-test.run=^$")
	holder.Env = append(os.Environ(), lockedDir+"="+dir)
	input, err1 := holder.StdinPipe()
	output, err2 := holder.StdoutPipe()
	if err := errors.Join(err1, err2, holder.Start()); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil || line != "open\n" {
		t.Fatalf("the other process said %q, %v", line, err)
	}
	if _, err := Open(dir, Options{Settings: settings}); !errors.Is(err, ErrInUse) {
		t.Errorf("open: %v, want ErrInUse", err)
	}
	if err := errors.Join(input.Close(), holder.Wait()); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustOpen(t, nil, dir))
}

// crashDuringOpen opens a new directory and returns what a crash before that
// change of its names would leave. It returns false if there are fewer changes.
func crashDuringOpen(t *testing.T, changes int) (*vfs.MemFS, bool) {
	t.Helper()
	mem := vfs.NewCrashableMem()
	var crashed *vfs.MemFS
	fsys := &countingFS{FS: mem, before: func(n int) {
		if n == changes {
			crashed = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(uint64(changes), 1))})
		}
	}}
	mustClose(t, mustOpen(t, fsys, "home/data"))
	return crashed, crashed != nil
}

// countingFS calls before ahead of each change of a file's name.
type countingFS struct {
	vfs.FS
	changes int
	before  func(changes int)
}

func (c *countingFS) count() {
	c.changes++
	c.before(c.changes)
}

func (c *countingFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	c.count()
	return c.FS.Create(name, category)
}

func (c *countingFS) Rename(from, to string) error {
	c.count()
	return c.FS.Rename(from, to)
}

func (c *countingFS) MkdirAll(dir string, perm os.FileMode) error {
	c.count()
	return c.FS.MkdirAll(dir, perm)
}

func (c *countingFS) OpenDir(name string) (vfs.File, error) {
	c.count()
	return c.FS.OpenDir(name)
}

// TestCrashWhileCreating crashes at every step of a first opening. The next
// opening must succeed, with the settings that were recorded, if any were.
func TestCrashWhileCreating(t *testing.T) {
	for changes := 1; ; changes++ {
		crashed, happened := crashDuringOpen(t, changes)
		if !happened {
			if changes < 8 {
				t.Fatalf("opening made %d changes only", changes)
			}
			return
		}
		db, err := Open("home/data", Options{FS: crashed, Settings: settings})
		if err != nil {
			t.Fatalf("opened after a crash at change %d: %v", changes, err)
		}
		put(t, db.Space("a"), "key", "value")
		mustClose(t, db)
	}
}
