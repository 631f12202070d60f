package npm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"reprise/integration/filelock"
)

// installTime bounds one installation.
const installTime = 5 * time.Minute

// Need returns the directory with the project's package.json, whose modules are
// installed: run node there. It skips the test where that cannot be.
func Need(t testing.TB) string {
	t.Helper()
	dir, err := Installed()
	if err == nil {
		return dir
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

// Installed is Need for what has no test at hand. It is safe for concurrent
// use, of other processes too.
func Installed() (string, error) { return installed() }

var installed = sync.OnceValues(func() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(here), "..", "..", ".ci", "node")
	if _, err := exec.LookPath("node"); err != nil {
		return "", fmt.Errorf("node is needed, version 20 or later: %w", err)
	}
	return dir, install(dir, run)
})

// install installs what the lock file names, unless that has been done.
func install(dir string, npm func(dir string) error) error {
	if fresh(dir) {
		return nil
	}
	unlock, err := filelock.Lock(filepath.Join(dir, ".installing"))
	if err != nil {
		return fmt.Errorf("wait for the installation of npm modules: %w", err)
	}
	defer unlock()
	if fresh(dir) { // another process was first
		return nil
	}
	if err := npm(dir); err != nil {
		return fmt.Errorf("install npm modules (npm ci --prefix .ci/node): %w", err)
	}
	if !fresh(dir) {
		return errors.New("install npm modules: npm ended well and left nothing")
	}
	return nil
}

// fresh reports whether an installation of this lock file was finished: npm
// writes a lock file of its own last.
func fresh(dir string) bool {
	wanted, err := os.Stat(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return false
	}
	done, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json"))
	return err == nil && !done.ModTime().Before(wanted.ModTime())
}

func run(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), installTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
