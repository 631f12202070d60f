package localstore

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"reprise/pkg/storefault"
)

var (
	// ErrFull means that less than the reserve is free on the disk. Reads still
	// work; a retry helps once there is room.
	ErrFull = storefault.ErrFull
	// ErrFailed means that the disk failed during an earlier write. Reads may
	// still work; only reopening the directory can help.
	ErrFailed = storefault.ErrFailed
)

// Write applies the operations that fill adds to a batch, all or none, and
// returns once they are on disk. On an error the operations may or may not have
// been applied, now or later: a write that waits for room is completed once there
// is room.
func (s *Space) Write(fill func(*Batch) error) error {
	pending, err := s.Apply(fill)
	if err != nil {
		return err
	}
	return pending.Wait()
}

// Free is Write for a batch that makes room by deleting, or that is small: it is
// accepted while less than the reserve is free, as long as anything is.
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

// Wait returns once the write is on disk. It must be called exactly once. If
// there is no room on the disk it fails with ErrFull instead of waiting for room;
// the write may still be completed later.
func (p Pending) Wait() error {
	if p.batch == nil {
		return nil
	}
	synced := make(chan error, 1)
	go func() { synced <- p.sync() }()
	select {
	case err := <-synced:
		return err
	case <-p.db.room.whenStuck():
	}
	// It may be on disk all the same.
	select {
	case err := <-synced:
		return err
	case <-time.After(roomPatience):
		return fmt.Errorf("sync batch: %w", ErrFull)
	}
}

// roomPatience is how long a write that has begun waits for room.
const roomPatience = time.Second

func (p Pending) sync() error {
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

// Writes counts the batches that were applied since the directory was opened: while it
// stays the same, nothing has changed.
func (d *DB) Writes() uint64 { return d.writes.Load() }

// commit applies a batch. Pebble panics if an earlier write could not be logged.
func (d *DB) commit(batch *pebble.Batch, how *pebble.WriteOptions) error {
	defer func() {
		if cause := recover(); cause != nil {
			d.logger.end(panicked(cause))
		}
	}()
	defer d.writes.Add(1) // once readers see it
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
	d.checkLock()
	if cause := d.failed.Load(); cause != nil {
		return fmt.Errorf("%w: %w", ErrFailed, *cause)
	}
	if d.readOnly {
		return fmt.Errorf("%w: the directory is open for reading only", ErrFull)
	}
	if d.room.isStuck() {
		return fmt.Errorf("%w: the database waits for room", ErrFull)
	}
	if freeing || !d.room.due() {
		return nil
	}
	if err := d.room.check(); err != nil {
		return err
	}
	d.throttle()
	return nil
}

// throttle waits while compactions are far behind. If a damaged file may be what
// keeps them from going on, writes do not wait: reads become slower instead.
func (d *DB) throttle() {
	for d.damages.none() && d.db.Metrics().Levels[0].Sublevels >= stopWrites {
		time.Sleep(throttlePoll)
	}
}

const throttlePoll = 10 * time.Millisecond

// fail remembers the first failure of the disk. The write-ahead log then has a
// gap, so no later write is allowed.
func (d *DB) fail(cause error) { d.failed.CompareAndSwap(nil, &cause) }

// Batch collects operations on one space. It copies keys and values and is valid
// only during the call of fill.
type Batch struct {
	space *Space
	batch *pebble.Batch
}

// Put sets key to the concatenation of parts.
func (b *Batch) Put(key []byte, parts ...[]byte) error {
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	op := b.batch.SetDeferred(len(b.space.prefix)+len(key), size)
	copy(op.Key[copy(op.Key, b.space.prefix):], key)
	at := op.Value
	for _, part := range parts {
		at = at[copy(at, part):]
	}
	return op.Finish()
}

// Delete removes key, which need not exist.
func (b *Batch) Delete(key []byte) error {
	op := b.batch.DeleteDeferred(len(b.space.prefix) + len(key))
	copy(op.Key[copy(op.Key, b.space.prefix):], key)
	return op.Finish()
}

// DeleteRange removes the keys from lower (inclusive) to upper (exclusive, nil
// for the end of the space).
func (b *Batch) DeleteRange(lower, upper []byte) error {
	return b.batch.DeleteRange(b.space.key(lower), b.space.upper(upper), nil)
}
