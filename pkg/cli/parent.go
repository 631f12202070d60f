package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// parentPoll is how often the parent process is looked at.
const parentPoll = 500 * time.Millisecond

// underWrapper reports whether go tool or go run has built and started this
// program, for which they use the cache of builds or a temporary directory. The
// user then sees the wrapper's process, not this one.
func underWrapper(executable, cache, temporary string) bool {
	within := func(dir string) bool {
		return dir != "" && strings.HasPrefix(executable, filepath.Clean(dir)+string(filepath.Separator))
	}
	return within(cache) || (within(temporary) && strings.Contains(executable, "go-build"))
}

// withParent returns a context that also ends when the parent process is gone, if
// go tool or go run is the parent. SIGKILL ends them without this program hearing
// of it. A program that was installed, and so a service, never ends that way.
func withParent(ctx context.Context, env func(string) string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	executable, err := os.Executable()
	if err != nil || !underWrapper(executable, goCache(env), os.TempDir()) {
		return ctx, cancel
	}
	parent := os.Getppid()
	go func() {
		tick := time.NewTicker(parentPoll)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if os.Getppid() != parent {
					cancel()
					return
				}
			}
		}
	}()
	return ctx, cancel
}

// goCache is the directory of Go's cache of builds, as the go command finds it.
func goCache(env func(string) string) string {
	if dir := env("GOCACHE"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "go-build")
}
