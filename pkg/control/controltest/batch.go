package controltest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/control"
)

// manyKeys is more than any call of DynamoDB accepts.
const manyKeys = 130

func (s *suite) keys(n int) []control.Key {
	partition := s.partition()
	keys := make([]control.Key, n)
	for i := range keys {
		keys[i] = control.Key{Partition: partition, Sort: fmt.Sprintf("%04d", i)}
		if i%2 == 1 {
			keys[i].Partition += "-odd"
		}
	}
	return keys
}

func (s *suite) testGetAll(t *testing.T) {
	keys := s.keys(manyKeys)
	want := make(map[control.Key]control.Version)
	for i, key := range keys {
		if i%3 == 0 {
			want[key] = s.put(t, key, key.Sort, "")
		}
	}
	docs, err := s.table.GetAll(t.Context(), keys)
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) != len(want) {
		t.Fatalf("have %d documents, want %d", len(docs), len(want))
	}
	for _, doc := range docs {
		if version, ok := want[doc.Key]; !ok || version != doc.Version || string(doc.Body) != doc.Sort {
			t.Fatalf("have %+v, want version %q", doc, version)
		}
		delete(want, doc.Key)
	}
	if docs, err := s.table.GetAll(t.Context(), nil); err != nil || len(docs) != 0 {
		t.Fatalf("get no keys: %d documents, %v", len(docs), err)
	}
	_, err = s.table.GetAll(t.Context(), s.keys(control.MaxBatch+1))
	conformance.WantError(t, "get too many", err, control.ErrLimit)
}

// testPutAll mixes writes whose condition holds with writes whose condition fails.
func (s *suite) testPutAll(t *testing.T) {
	keys := s.keys(manyKeys)
	writes := make([]control.Write, len(keys))
	held := make([]bool, len(keys))
	stored := make([]control.Version, len(keys))
	for i, key := range keys {
		writes[i] = control.Write{Key: key, Body: []byte("new " + key.Sort)}
		switch i % 5 {
		case 0, 1: // a new document
			held[i] = true
		case 2: // a change of the stored version
			writes[i].Previous = s.put(t, key, "old", "")
			held[i] = true
		case 3: // a creation, but the document exists
			stored[i] = s.put(t, key, "old", "")
		case 4: // a change, but there is no document
			writes[i].Previous = "no-such-version"
		}
	}
	results, err := s.table.PutAll(t.Context(), writes)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != len(writes) {
		t.Fatalf("have %d results for %d writes", len(results), len(writes))
	}
	for i, w := range writes {
		if held[i] != (results[i] == nil) || (!held[i] && !errors.Is(results[i], control.ErrConflict)) {
			t.Fatalf("write %d: have %v, condition held: %t", i, results[i], held[i])
		}
		switch {
		case held[i]:
			s.wantChanged(t, w)
		case stored[i] != "":
			s.wantStored(t, w.Key, "old", stored[i])
		default:
			s.wantMissing(t, w.Key)
		}
	}
}

// wantChanged checks that w is stored under a new version that can be changed.
func (s *suite) wantChanged(t *testing.T, w control.Write) {
	t.Helper()
	doc, err := s.table.Get(t.Context(), w.Key)
	if err != nil {
		t.Fatal(err)
	}
	if string(doc.Body) != string(w.Body) || doc.Version == "" || doc.Version == w.Previous {
		t.Fatalf("have %+v after writing %q on %q", doc, w.Body, w.Previous)
	}
	version := s.put(t, w.Key, "newer", doc.Version)
	s.wantStored(t, w.Key, "newer", version)
}

func (s *suite) testPutAllLimits(t *testing.T) {
	if results, err := s.table.PutAll(t.Context(), nil); err != nil || len(results) != 0 {
		t.Fatalf("put none: %v, %v", results, err)
	}
	key := s.key()
	_, err := s.table.PutAll(t.Context(), []control.Write{
		{Key: key, Body: []byte(strings.Repeat("b", control.MaxBodyBytes+1))},
	})
	conformance.WantError(t, "put too large a body", err, control.ErrLimit)
	s.wantMissing(t, key)
	keys := s.keys(control.MaxBatch + 1)
	writes := make([]control.Write, len(keys))
	for i := range writes {
		writes[i].Key = keys[i]
	}
	_, err = s.table.PutAll(t.Context(), writes)
	conformance.WantError(t, "put too many", err, control.ErrLimit)
	s.wantMissing(t, keys[0])
}
