package localstoretest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/local/localstore"
)

// T is what a helper needs of a test; testing.TB has it. Example stands in for it
// where there is no test.
type T interface {
	Helper()
	Cleanup(func())
	Context() context.Context
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

// Settings are those that stores are opened with. What is kept in them does not
// depend on them.
var Settings = localstore.Settings{Lanes: 4, BucketWidth: 3600}

// Store is a data directory that a test can close and open again. It is closed
// at the end of the test.
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

// OpenFS opens the directory "data" of a file system. Where that is nil, it is a
// directory on the machine's disk, which t, a testing.TB, gives.
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

// Close closes the directory unless it is closed.
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

// Reopen closes the directory and opens it again. What was made of its spaces is
// of no use afterwards.
func (s *Store) Reopen() {
	s.t.Helper()
	s.Close()
	s.open()
}

// Adapter makes an adapter of a space of a store, anew after each opening.
type Adapter[A any] struct {
	*Store
	space string
	adapt func(*localstore.Space) (A, error)
}

// OpenAdapter opens the directory of a file system, as OpenFS does, and makes an
// adapter of one of its spaces.
func OpenAdapter[A any](t T, fs vfs.FS, space string, adapt func(*localstore.Space) (A, error)) (*Adapter[A], A) {
	t.Helper()
	a := &Adapter[A]{Store: OpenFS(t, fs), space: space, adapt: adapt}
	return a, a.make()
}

// Reopen closes the directory and opens it again, and makes the adapter anew.
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

// Example stands in for the test where there is none: it panics at the first
// failure. End does what was left for the end, last things first.
type Example struct{ cleanups []func() }

// Helper does nothing.
func (*Example) Helper() {}

// Cleanup leaves something for End.
func (e *Example) Cleanup(do func()) { e.cleanups = append(e.cleanups, do) }

// Context is never done.
func (*Example) Context() context.Context { return context.Background() }

// Errorf panics.
func (*Example) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// Fatal panics.
func (*Example) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// End does what was left for the end.
func (e *Example) End() {
	for _, do := range slices.Backward(e.cleanups) {
		do()
	}
}
