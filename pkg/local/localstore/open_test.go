package localstore

import (
	"bufio"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
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

// crashes opens a directory, with what write puts there, and returns what a power failure
// before any of the writes to the disk would leave. For each of them, other parts of what was
// not synced are lost.
func crashes(t *testing.T, mem *vfs.MemFS, write func(*DB)) []*vfs.MemFS {
	t.Helper()
	var mu sync.Mutex
	var all []*vfs.MemFS
	fsys := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		for _, kept := range []int{0, 30, 50, 50, 50, 50, 70, 100} {
			rng := rand.New(rand.NewPCG(uint64(len(all)), 1))
			all = append(all, mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: rng}))
		}
		return nil
	}))
	db := mustOpen(t, fsys, "home/data")
	write(db)
	mustClose(t, db)
	return all
}

// TestCrashWhileCreating crashes at every step of a first opening. The next
// opening must succeed, with the settings that were recorded, if any were.
func TestCrashWhileCreating(t *testing.T) {
	all := crashes(t, vfs.NewCrashableMem(), func(*DB) {})
	if len(all) < 100 {
		t.Fatalf("%d crashes only", len(all))
	}
	for i, crashed := range all {
		db, err := Open("home/data", Options{FS: crashed, Settings: settings})
		if err != nil {
			t.Fatalf("opened after crash %d: %v", i, err)
		}
		put(t, db.Space("a"), "key", "value")
		mustClose(t, db)
	}
}

// TestCrashWhileOpening crashes at every step of an opening and closing of a directory with
// contents, which must be there afterwards.
func TestCrashWhileOpening(t *testing.T) {
	mem := vfs.NewCrashableMem()
	db := mustOpen(t, mem, "home/data")
	put(t, db.Space("a"), "key", "value")
	mustClose(t, db)
	all := crashes(t, mem, func(db *DB) { put(t, db.Space("a"), "another", "value") })
	if len(all) < 100 {
		t.Fatalf("%d crashes only", len(all))
	}
	for i, crashed := range all {
		db, err := Open("home/data", Options{FS: crashed, Settings: settings})
		if err != nil {
			t.Fatalf("opened after crash %d: %v", i, err)
		}
		value, found, err := db.Space("a").Get([]byte("key"))
		if err != nil || !found || string(value) != "value" {
			t.Errorf("after crash %d: %q, %t, %v", i, value, found, err)
		}
		mustClose(t, db)
	}
}
