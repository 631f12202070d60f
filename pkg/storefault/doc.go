// Package storefault names the faults of a store's disk on which callers decide.
// Adapters wrap these errors; nothing else belongs here.
package storefault

import "errors"

var (
	// ErrFull means that the disk is full. Reads still work; a retry helps once
	// there is room.
	ErrFull = errors.New("disk is full")
	// ErrDamaged means that a part of what is stored cannot be read. The rest can be
	// read and written. A retry cannot help; only a backup can.
	ErrDamaged = errors.New("stored data is damaged")
	// ErrFailed means that the disk failed during a write. Reads may still work; no
	// write does until the process is started again.
	ErrFailed = errors.New("data directory failed and must be reopened")
)
