package localstoretest

import (
	"context"
	"fmt"
	"slices"

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
	t   T
	dir string
	fs  vfs.FS
}

// Open opens a directory in memory.
func Open(t T) *Store {
	t.Helper()
	return OpenFS(t, vfs.NewMem(), "data")
}

// OpenFS opens a directory of a file system, where nil is the machine's own.
func OpenFS(t T, fs vfs.FS, dir string) *Store {
	t.Helper()
	s := &Store{t: t, dir: dir, fs: fs}
	s.open()
	t.Cleanup(s.close)
	return s
}

func (s *Store) open() {
	s.t.Helper()
	var err error
	if s.DB, err = localstore.Open(s.dir, localstore.Options{FS: s.fs, Settings: Settings}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Store) close() {
	if err := s.DB.Close(); err != nil {
		s.t.Errorf("close store: %v", err)
	}
}

// Reopen closes the directory and opens it again. What was made of its spaces is
// of no use afterwards.
func (s *Store) Reopen() {
	s.t.Helper()
	s.close()
	s.open()
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
