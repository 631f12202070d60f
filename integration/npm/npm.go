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

// Need returns the directory of the project's package.json with its modules
// installed, where node is to be run. If it cannot install them it skips the test, or
// fails it with CI=true.
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

// Installed is Need without a test: it returns an error instead. It is safe for
// concurrent use, also by other processes.
func Installed() (string, error) { return installed() }

var installed = sync.OnceValues(func() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(here), "..", "..", ".ci", "node")
	if _, err := exec.LookPath("node"); err != nil {
		return "", fmt.Errorf("node is needed, version 20 or later: %w", err)
	}
	return dir, install(dir, run)
})

// install installs the modules of the lock file, unless they are installed.
func install(dir string, npm func(dir string) error) error {
	if fresh(dir) {
		return nil
	}
	unlock, err := filelock.Lock(filepath.Join(dir, ".installing"))
	if err != nil {
		return fmt.Errorf("wait for the installation of npm modules: %w", err)
	}
	defer unlock()
	if fresh(dir) { // another process has installed them
		return nil
	}
	if err := npm(dir); err != nil {
		return fmt.Errorf("install npm modules (npm ci --prefix .ci/node): %w", err)
	}
	if !fresh(dir) {
		return errors.New("install npm modules: npm reported success but installed nothing")
	}
	return nil
}

// fresh reports whether an installation of this lock file was completed: npm writes
// its own copy of the lock file last.
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
