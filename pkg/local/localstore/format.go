package localstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The format record is a file beside the database. It is written before the
// database is created and read before it is opened, so that a directory of
// another kind, format or settings is never changed. A crash leaves a directory
// with the record, or with none but the following files.
const (
	formatFile    = "FORMAT"
	formatScratch = "FORMAT.tmp"
	lockFile      = "LOCK"
)

type formatRecord struct {
	Format int `json:"format"`
	Settings
}

// prepare durably creates dir if it is missing, and refuses a directory with
// other contents than a data directory.
func prepare(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return createDir(fsys, dir)
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	if slices.Contains(names, formatFile) {
		return nil
	}
	for _, name := range names {
		if name != lockFile && name != formatScratch {
			return fmt.Errorf("open %s: %w: it has a file %q and no %s", dir, ErrNotADataDir, name, formatFile)
		}
	}
	return nil
}

// createDir makes dir and its parents and syncs the parent of each, because a
// crash that loses a directory loses its contents.
func createDir(fsys vfs.FS, dir string) error {
	var parents []string
	for at := dir; ; {
		parent := fsys.PathDir(at)
		parents = append(parents, parent)
		if _, err := fsys.Stat(parent); err == nil || parent == at {
			break
		}
		at = parent
	}
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create %s: %w", dir, err)
	}
	for _, parent := range parents {
		if err := syncDir(fsys, parent); err != nil {
			return fmt.Errorf("create %s: %w", dir, err)
		}
	}
	return nil
}

func syncDir(fsys vfs.FS, dir string) error {
	if dir == "" {
		dir = "."
	}
	handle, err := fsys.OpenDir(dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	if err := errors.Join(handle.Sync(), handle.Close()); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// checkFormat compares the directory's format record with the wanted settings,
// or writes it if there is none. The caller holds the lock.
func checkFormat(fsys vfs.FS, dir string, want Settings) error {
	file, err := fsys.Open(fsys.PathJoin(dir, formatFile))
	if errors.Is(err, fs.ErrNotExist) {
		if err := writeFormat(fsys, dir, want); err != nil {
			return fmt.Errorf("write format record: %w", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("open format record: %w", err)
	}
	raw, err := io.ReadAll(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("read format record: %w", err)
	}
	return compareFormat(raw, want)
}

func compareFormat(raw []byte, want Settings) error {
	var have formatRecord
	if err := json.Unmarshal(raw, &have); err != nil {
		return fmt.Errorf("decode format record: %w: %w", ErrFormat, err)
	}
	if have.Format != Format {
		return fmt.Errorf("%w: it has format %d, this program reads %d", ErrFormat, have.Format, Format)
	}
	if have.Settings != want {
		return fmt.Errorf("%w: it has %d lanes and buckets of %d s, but %d lanes and buckets of %d s were requested",
			ErrSettings, have.Lanes, have.BucketWidth, want.Lanes, want.BucketWidth)
	}
	return nil
}

func writeFormat(fsys vfs.FS, dir string, want Settings) error {
	raw, err := json.Marshal(formatRecord{Format: Format, Settings: want})
	if err != nil {
		return err
	}
	scratch := fsys.PathJoin(dir, formatScratch)
	file, err := fsys.Create(scratch, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write(append(raw, '\n'))
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(scratch, fsys.PathJoin(dir, formatFile)); err != nil {
		return err
	}
	return syncDir(fsys, dir)
}
