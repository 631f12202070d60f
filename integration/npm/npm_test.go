package npm

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func directory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "package-lock.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// finish creates the files that npm creates.
func finish(dir string) error {
	return errors.Join(os.MkdirAll(filepath.Join(dir, "node_modules"), 0o700),
		os.WriteFile(filepath.Join(dir, "node_modules", ".package-lock.json"), nil, 0o600))
}

func TestModulesAreInstalledOnceHoweverManyAsk(t *testing.T) {
	dir := directory(t)
	var runs atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			err := install(dir, func(dir string) error {
				runs.Add(1)
				return finish(dir)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := runs.Load(); n != 1 {
		t.Errorf("installed %d times", n)
	}
}

func TestAnotherLockFileOrABrokenInstallationIsInstalledAgain(t *testing.T) {
	dir := directory(t)
	if err := install(dir, func(string) error { return errors.New("no network") }); err == nil {
		t.Error("a failure gave no error")
	}
	if err := install(dir, func(string) error { return nil }); err == nil {
		t.Error("an installation without modules gave no error")
	}
	if err := install(dir, finish); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "package-lock.json"), later, later); err != nil {
		t.Fatal(err)
	}
	again := false
	_ = install(dir, func(dir string) error { again = true; return finish(dir) }) // still older than the lock file
	if !again {
		t.Error("modules of another lock file were used")
	}
}
