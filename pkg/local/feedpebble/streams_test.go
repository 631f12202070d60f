package feedpebble_test

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/feed"
	"reprise/pkg/feed/feedtest"
	"reprise/pkg/local/feedpebble"
	"reprise/pkg/local/localstore"
)

// store is a data directory that can be closed and opened again.
type store struct {
	fs  vfs.FS
	dir string
	now func() time.Time
	db  *localstore.DB
}

func (s *store) open(t testing.TB) *feedpebble.Streams {
	t.Helper()
	db, err := localstore.Open(s.dir, localstore.Options{FS: s.fs, Settings: localstore.Settings{Lanes: 4, BucketWidth: 86400}})
	if err != nil {
		t.Fatal(err)
	}
	s.db = db
	streams, err := feedpebble.New(db.Space("feed"), s.now)
	if err != nil {
		t.Fatal(err)
	}
	return streams
}

func (s *store) close(t testing.TB) {
	if err := s.db.Close(); err != nil {
		t.Error(err)
	}
}

func openStreams(t testing.TB, fsys vfs.FS, now func() time.Time) (*store, *feedpebble.Streams) {
	t.Helper()
	s := &store{fs: fsys, dir: "data", now: now}
	streams := s.open(t)
	t.Cleanup(func() { s.close(t) })
	return s, streams
}

func TestConformance(t *testing.T) {
	var s *store
	feedtest.Run(t, func(t *testing.T) (streams feed.Streams) {
		s, streams = openStreams(t, vfs.NewMem(), time.Now)
		return streams
	}, feedtest.Features{Reopen: func(t *testing.T, _ feed.Streams) feed.Streams {
		s.close(t)
		return s.open(t)
	}})
}
