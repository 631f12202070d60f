package localstore

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

var (
	// ErrFull says that the disk has less room left than the reserve. Nothing
	// was written, reading goes on; a retry helps once room was made.
	ErrFull = errors.New("disk is full")
	// ErrFailed says that the disk failed during an earlier write. Reading goes
	// on as far as it can; only opening the directory anew can help.
	ErrFailed = errors.New("data directory failed and must be opened anew")
)

// Write applies the operations that fill puts into a batch, all or none, and
// returns once they are on disk. It fails with ErrFull or ErrFailed, having
// written nothing, or with another error, after which the operations may or
// may not be there.
func (s *Space) Write(fill func(*Batch) error) error {
	pending, err := s.Apply(fill)
	if err != nil {
		return err
	}
	return pending.Wait()
}

// Free is Write for a batch that makes room by deleting: it is accepted where
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

// WriteLazily is Write without waiting for the disk: a crash may lose it, but
// never without also losing everything written after it. A later Write or Sync
// makes it durable.
func (s *Space) WriteLazily(fill func(*Batch) error) error {
	pending, err := s.apply(fill, pebble.NoSync, false)
	if err != nil {
		return err
	}
	return pending.Wait()
}

// Apply is the first half of Write: when it returns, reads see the operations
// and every later write lies behind them; they are on disk once Wait of the
// result has returned. A lock that orders writers need be held over Apply
// only, so that writers share the wait for the disk.
func (s *Space) Apply(fill func(*Batch) error) (Pending, error) {
	return s.apply(fill, pebble.Sync, false)
}

// Sync returns once everything applied before is on disk.
func (s *Space) Sync() error {
	pending, err := s.apply(func(b *Batch) error { return b.batch.LogData(nil, nil) }, pebble.Sync, true)
	if err != nil {
		return err
	}
	return pending.Wait()
}

// Pending is a write that was applied and may not be on disk yet. The zero
// value is a write of nothing.
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

// commit panics inside Pebble where an earlier write could not be logged.
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

// admit refuses a write that cannot or should not be tried.
func (d *DB) admit(freeing bool) error {
	if cause := d.failed.Load(); cause != nil {
		return fmt.Errorf("%w: %w", ErrFailed, *cause)
	}
	if freeing {
		return nil
	}
	return d.room.check()
}

// fail remembers the first failure of the disk. The write-ahead log has a hole
// from there on, so no later write may be tried.
func (d *DB) fail(cause error) { d.failed.CompareAndSwap(nil, &cause) }
