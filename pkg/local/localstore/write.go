package localstore

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

var (
	// ErrFull means that less than the reserve is free on the disk. Nothing was
	// written and reads still work; a retry helps once there is room.
	ErrFull = errors.New("disk is full")
	// ErrFailed means that the disk failed during an earlier write. Reads may
	// still work; only reopening the directory can help.
	ErrFailed = errors.New("data directory failed and must be reopened")
)

// Write applies the operations that fill adds to a batch, all or none, and
// returns once they are on disk. With ErrFull or ErrFailed nothing was written;
// with another error the operations may or may not have been applied.
func (s *Space) Write(fill func(*Batch) error) error {
	pending, err := s.Apply(fill)
	if err != nil {
		return err
	}
	return pending.Wait()
}

// Free is Write for a batch that makes room by deleting: it is accepted even if
// the disk is full.
func (s *Space) Free(fill func(*Batch) error) error {
	pending, err := s.ApplyFree(fill)
	if err != nil {
		return err
	}
	return pending.Wait()
}

// ApplyFree is the first half of Free, as Apply is of Write.
func (s *Space) ApplyFree(fill func(*Batch) error) (Pending, error) {
	return s.apply(fill, pebble.Sync, true)
}

// WriteLazily is Write without waiting for the disk. A crash may lose it only
// together with every later write. A later Write or Sync makes it durable.
func (s *Space) WriteLazily(fill func(*Batch) error) error {
	pending, err := s.apply(fill, pebble.NoSync, false)
	if err != nil {
		return err
	}
	return pending.Wait()
}

// Apply is the first half of Write: when it returns, reads see the operations
// and later writes follow them; they are on disk once Wait of the result has
// returned. A lock that orders writers can be released after Apply, so that
// writers share the wait for the disk.
func (s *Space) Apply(fill func(*Batch) error) (Pending, error) {
	return s.apply(fill, pebble.Sync, false)
}

// Sync returns once everything applied before the call is on disk.
func (s *Space) Sync() error {
	pending, err := s.apply(func(b *Batch) error { return b.batch.LogData(nil, nil) }, pebble.Sync, true)
	if err != nil {
		return err
	}
	return pending.Wait()
}

// Pending is an applied write that may not be on disk yet. The zero value is an
// empty write.
type Pending struct {
	db    *DB
	batch *pebble.Batch
}

// Wait returns once the write is on disk. It must be called exactly once.
func (p Pending) Wait() error {
	if p.batch == nil {
		return nil
	}
	if err := p.batch.SyncWait(); err != nil {
		p.db.fail(err)
		return fmt.Errorf("sync batch: %w: %w", ErrFailed, err)
	}
	return closeBatch(p.batch)
}

func (s *Space) apply(fill func(*Batch) error, how *pebble.WriteOptions, freeing bool) (Pending, error) {
	if err := s.db.admit(freeing); err != nil {
		return Pending{}, err
	}
	batch := s.db.db.NewBatch()
	if err := fill(&Batch{space: s, batch: batch}); err != nil {
		return Pending{}, errors.Join(err, closeBatch(batch))
	}
	if batch.Empty() {
		return Pending{}, closeBatch(batch)
	}
	s.db.room.wrote(batch.Len())
	if err := s.db.commit(batch, how); err != nil {
		return Pending{}, fmt.Errorf("apply batch: %w", err)
	}
	if !how.Sync {
		return Pending{}, closeBatch(batch)
	}
	return Pending{db: s.db, batch: batch}, nil
}

// commit applies a batch. Pebble panics if an earlier write could not be logged.
func (d *DB) commit(batch *pebble.Batch, how *pebble.WriteOptions) error {
	defer func() {
		if cause := recover(); cause != nil {
			crash(fmt.Sprint(cause))
		}
	}()
	if !how.Sync {
		return d.db.Apply(batch, how)
	}
	return d.db.ApplyNoSyncWait(batch, how)
}

func closeBatch(batch *pebble.Batch) error {
	if err := batch.Close(); err != nil {
		return fmt.Errorf("release batch: %w", err)
	}
	return nil
}

// admit refuses a write after a failure of the disk, or while it is full.
func (d *DB) admit(freeing bool) error {
	if cause := d.failed.Load(); cause != nil {
		return fmt.Errorf("%w: %w", ErrFailed, *cause)
	}
	if freeing {
		return nil
	}
	return d.room.check()
}

// fail remembers the first failure of the disk. The write-ahead log then has a
// gap, so no later write is allowed.
func (d *DB) fail(cause error) { d.failed.CompareAndSwap(nil, &cause) }
