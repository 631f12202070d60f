package datastorepebble

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/local/localstore"
)

// TestDamagedIdentity finds less under a key than an identity takes.
func TestDamagedIdentity(t *testing.T) {
	db, err := localstore.Open("data", localstore.Options{FS: vfs.NewMem(),
		Settings: localstore.Settings{Lanes: 1, BucketWidth: 3600}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	space := db.Space("datastore")
	all, err := New(space)
	if err == nil {
		err = all.Create(t.Context(), "g")
	}
	if err != nil {
		t.Fatal(err)
	}
	e := datastore.Identity{Entity: "a", Key: event.Digest{Hi: 1, Lo: 2}, Position: "0001-0210-0000"}
	key := appendDigest(identityPrefix(dataPrefix("g"), 0, "a"), e.Key)
	if err := space.Write(func(b *localstore.Batch) error { return b.Put(key, []byte("damaged")) }); err != nil {
		t.Fatal(err)
	}
	if _, err := all.Open("g").Identify(t.Context(), 0, []datastore.Identity{e}); !errors.Is(err, errLayout) {
		t.Fatalf("have %v", err)
	}
}
