package datastorepebble

import (
	"errors"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/local/localstore"
	"reprise/pkg/local/localstore/localstoretest"
)

// TestDamagedIdentity stores less than an identity under a key.
func TestDamagedIdentity(t *testing.T) {
	space := localstoretest.Open(t).Space("datastore")
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
