package localstore

import (
	"errors"
	"fmt"
	"os"
)

// errLockGone means that the lock file was removed or replaced: another process
// may have opened the directory.
var errLockGone = errors.New("the lock file was removed: another process may use the directory")

// watchLock remembers the lock file, which holds the lock only as long as it has
// its name.
func (d *DB) watchLock() error {
	info, err := os.Stat(d.fs.PathJoin(d.dir, lockFile))
	if err != nil {
		return fmt.Errorf("find lock file: %w", err)
	}
	d.lockInfo = info
	return nil
}

// checkLock stops all writes for good once the lock file is not the one that was
// locked.
func (d *DB) checkLock() {
	if d.lockInfo == nil {
		return
	}
	info, err := os.Stat(d.fs.PathJoin(d.dir, lockFile))
	if errors.Is(err, os.ErrNotExist) || (err == nil && !os.SameFile(info, d.lockInfo)) {
		d.fail(errLockGone)
	}
}
