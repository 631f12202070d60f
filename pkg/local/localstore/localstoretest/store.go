package localstoretest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/local/localstore"
)

// T is the part of testing.TB that helpers need. Example implements it for
// examples.
type T interface {
	Helper()
	Cleanup(func())
	Context() context.Context
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

// Settings are the settings of all stores; the contents do not depend on them.
var Settings = localstore.Settings{Lanes: 4, BucketWidth: 3600}

// Store is a data directory that a test can close and reopen. It is closed at
// the end of the test.
type Store struct {
	*localstore.DB
	t      T
	dir    string
	fs     vfs.FS
	closed bool
}

// Open opens a directory in memory.
func Open(t T) *Store {
	t.Helper()
	return OpenFS(t, vfs.NewMem())
}

// OpenFS opens the directory "data" of a file system, or, if fs is nil, a
// temporary directory of t, which must be a testing.TB.
func OpenFS(t T, fs vfs.FS) *Store {
	t.Helper()
	s := &Store{t: t, dir: "data", fs: fs}
	if fs == nil {
		s.dir = t.(testing.TB).TempDir()
	}
	s.open()
	t.Cleanup(s.Close)
	return s
}

func (s *Store) open() {
	s.t.Helper()
	var err error
	if s.DB, err = localstore.Open(s.dir, localstore.Options{FS: s.fs, Settings: Settings}); err != nil {
		s.t.Fatal(err)
	}
	s.closed = false
}

// Close closes the directory. It may be called repeatedly.
func (s *Store) Close() {
	s.t.Helper()
	if s.closed {
		return
	}
	s.closed = true
	if err := s.DB.Close(); err != nil {
		s.t.Errorf("close store: %v", err)
	}
}

// Reopen closes and reopens the directory. Its old spaces are invalid afterwards.
func (s *Store) Reopen() {
	s.t.Helper()
	s.Close()
	s.open()
}

// Adapter makes an adapter of a space of a store after each opening.
type Adapter[A any] struct {
	*Store
	space string
	adapt func(*localstore.Space) (A, error)
}

// OpenAdapter is OpenFS, and makes an adapter of one of the spaces.
func OpenAdapter[A any](t T, fs vfs.FS, space string, adapt func(*localstore.Space) (A, error)) (*Adapter[A], A) {
	t.Helper()
	a := &Adapter[A]{Store: OpenFS(t, fs), space: space, adapt: adapt}
	return a, a.make()
}

// Reopen closes and reopens the directory and makes a new adapter.
func (a *Adapter[A]) Reopen() A {
	a.t.Helper()
	a.Store.Reopen()
	return a.make()
}

func (a *Adapter[A]) make() A {
	a.t.Helper()
	made, err := a.adapt(a.Space(a.space))
	if err != nil {
		a.t.Fatal(err)
	}
	return made
}

// Example implements T for examples: it panics at the first failure. End runs
// the cleanups in reverse order.
type Example struct{ cleanups []func() }

// Helper does nothing.
func (*Example) Helper() {}

// Cleanup adds a cleanup for End.
func (e *Example) Cleanup(do func()) { e.cleanups = append(e.cleanups, do) }

// Context is never done.
func (*Example) Context() context.Context { return context.Background() }

// Errorf panics.
func (*Example) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// Fatal panics.
func (*Example) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// End runs the cleanups.
func (e *Example) End() {
	for _, do := range slices.Backward(e.cleanups) {
		do()
	}
}
