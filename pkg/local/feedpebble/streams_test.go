package feedpebble_test

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/feed"
	"reprise/pkg/feed/feedtest"
	"reprise/pkg/local/feedpebble"
	"reprise/pkg/local/localstore"
	"reprise/pkg/local/localstore/localstoretest"
)

type store = localstoretest.Adapter[*feedpebble.Streams]

// openStreams opens streams in a directory of a file system, nil for the disk.
func openStreams(t testing.TB, fsys vfs.FS, now func() time.Time) (*store, *feedpebble.Streams) {
	t.Helper()
	return localstoretest.OpenAdapter(t, fsys, "feed", func(s *localstore.Space) (*feedpebble.Streams, error) {
		return feedpebble.New(s, now)
	})
}

func TestConformance(t *testing.T) {
	var s *store
	feedtest.Run(t, func(t *testing.T) (streams feed.Streams) {
		s, streams = openStreams(t, vfs.NewMem(), time.Now)
		return streams
	}, feedtest.Features{Reopen: func(t *testing.T, _ feed.Streams) feed.Streams {
		return s.Reopen()
	}})
}
