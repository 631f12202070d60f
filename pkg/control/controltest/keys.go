package controltest

import (
	"context"
	"strings"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/control"
)

// testInvalidKeys checks that every method refuses invalid keys: if one adapter
// accepted such a key, another could not read the document.
func (s *suite) testInvalidKeys(t *testing.T) {
	partition := s.partition()
	for name, key := range map[string]control.Key{
		"no partition":             {Sort: "s"},
		"no sort key":              {Partition: partition},
		"a long partition":         {Partition: strings.Repeat("p", control.MaxKeyBytes+1), Sort: "s"},
		"a long sort key":          {Partition: partition, Sort: strings.Repeat("s", control.MaxKeyBytes+1)},
		"a partition not in UTF-8": {Partition: partition + "\xdc", Sort: "s"},
		"a sort key not in UTF-8":  {Partition: partition, Sort: "\xdc"},
	} {
		good := s.key()
		_, err := s.table.Get(t.Context(), key)
		conformance.WantError(t, "get "+name, err, control.ErrLimit)
		_, err = s.table.GetAll(t.Context(), []control.Key{good, key})
		conformance.WantError(t, "get all with "+name, err, control.ErrLimit)
		_, err = s.table.Put(t.Context(), key, []byte("x"), "")
		conformance.WantError(t, "put "+name, err, control.ErrLimit)
		_, err = s.table.PutAll(t.Context(), []control.Write{{Key: good, Body: []byte("x")}, {Key: key, Body: []byte("x")}})
		conformance.WantError(t, "put all with "+name, err, control.ErrLimit)
		s.wantMissing(t, good)
		conformance.WantError(t, "delete "+name, s.table.Delete(t.Context(), key, "version"), control.ErrLimit)
		if key.Sort != "" { // "" lists from the start
			_, err = s.table.List(t.Context(), key.Partition, key.Sort, 1)
			conformance.WantError(t, "list "+name, err, control.ErrLimit)
		}
	}
}

func (s *suite) testListNone(t *testing.T) {
	key := s.key()
	s.put(t, key, "body", "")
	for _, limit := range []int{0, -1} {
		if docs, err := s.table.List(t.Context(), key.Partition, "", limit); err != nil || len(docs) > 0 {
			t.Errorf("list %d: %d documents, %v", limit, len(docs), err)
		}
	}
}

// testRepeatedKeys checks that GetAll returns a repeated key once, and that PutAll
// refuses it.
func (s *suite) testRepeatedKeys(t *testing.T) {
	key, other := s.key(), s.key()
	version := s.put(t, key, "old", "")
	docs, err := s.table.GetAll(t.Context(), []control.Key{key, other, key})
	if err != nil || len(docs) != 1 || docs[0].Version != version {
		t.Fatalf("get all: have %+v, %v", docs, err)
	}
	_, err = s.table.PutAll(t.Context(), []control.Write{
		{Key: other, Body: []byte("x")},
		{Key: key, Body: []byte("x"), Previous: version},
		{Key: key, Body: []byte("y"), Previous: version},
	})
	conformance.WantError(t, "put all", err, control.ErrLimit)
	s.wantStored(t, key, "old", version)
	s.wantMissing(t, other)
}

// testEmptyCancelled checks that calls without keys obey cancelled contexts.
func (s *suite) testEmptyCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, getAll := s.table.GetAll(ctx, nil)
	conformance.WantError(t, "get none", getAll, context.Canceled)
	_, putAll := s.table.PutAll(ctx, nil)
	conformance.WantError(t, "put none", putAll, context.Canceled)
	_, list := s.table.List(ctx, s.partition(), "", 0)
	conformance.WantError(t, "list none", list, context.Canceled)
}
