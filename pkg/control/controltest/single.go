package controltest

import (
	"strings"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/control"
)

func (s *suite) testPutAndGet(t *testing.T) {
	key := s.key()
	s.wantMissing(t, key)
	version := s.put(t, key, "one", "")
	s.wantStored(t, key, "one", version)
	version = s.put(t, key, "", version)
	s.wantStored(t, key, "", version)
	version = s.put(t, key, "\x00\xff not text", version)
	s.wantStored(t, key, "\x00\xff not text", version)
}

func (s *suite) testConditions(t *testing.T) {
	key, other := s.key(), s.key()
	_, err := s.table.Put(t.Context(), key, []byte("x"), "no-such-version")
	conformance.WantError(t, "put on a version of a missing document", err, control.ErrConflict)
	s.wantMissing(t, key)

	first := s.put(t, key, "one", "")
	_, err = s.table.Put(t.Context(), key, []byte("x"), "")
	conformance.WantError(t, "create an existing document", err, control.ErrConflict)
	_, err = s.table.Put(t.Context(), key, []byte("x"), "no-such-version")
	conformance.WantError(t, "put on an unknown version", err, control.ErrConflict)
	foreign := s.put(t, other, "one", "")
	if foreign != first {
		_, err = s.table.Put(t.Context(), key, []byte("x"), foreign)
		conformance.WantError(t, "put on another document's version", err, control.ErrConflict)
	}
	s.wantStored(t, key, "one", first)

	second := s.put(t, key, "two", first)
	_, err = s.table.Put(t.Context(), key, []byte("x"), first)
	conformance.WantError(t, "put on the version before", err, control.ErrConflict)
	s.wantStored(t, key, "two", second)
}

// testVersions looks for the ABA problem: a version must never be used again,
// whatever is written, deleted and written again.
func (s *suite) testVersions(t *testing.T) {
	key := s.key()
	used := make(map[control.Version]bool)
	use := func(version control.Version) control.Version {
		t.Helper()
		if used[version] {
			t.Fatalf("version %q was used before", version)
		}
		used[version] = true
		return version
	}
	for range 3 {
		version := use(s.put(t, key, "same", ""))
		for range 3 {
			version = use(s.put(t, key, "same", version))
		}
		if err := s.table.Delete(t.Context(), key, version); err != nil {
			t.Fatal(err)
		}
		for old := range used {
			_, err := s.table.Put(t.Context(), key, []byte("x"), old)
			conformance.WantError(t, "put on a version before the deletion", err, control.ErrConflict)
		}
	}
	current := use(s.put(t, key, "same", ""))
	for old := range used {
		if old == current {
			continue
		}
		_, err := s.table.Put(t.Context(), key, []byte("x"), old)
		conformance.WantError(t, "put on an old version", err, control.ErrConflict)
		conformance.WantError(t, "delete on an old version", s.table.Delete(t.Context(), key, old), control.ErrConflict)
	}
	s.wantStored(t, key, "same", current)
}

func (s *suite) testDelete(t *testing.T) {
	key, neighbour := s.key(), s.key()
	neighbour.Partition = key.Partition
	neighbour.Sort = key.Sort + "#"
	kept := s.put(t, neighbour, "kept", "")
	err := s.table.Delete(t.Context(), key, "no-such-version")
	conformance.WantError(t, "delete a document that never existed", err, control.ErrNotFound)

	first := s.put(t, key, "one", "")
	second := s.put(t, key, "two", first)
	conformance.WantError(t, "delete on the version before", s.table.Delete(t.Context(), key, first), control.ErrConflict)
	conformance.WantError(t, "delete on no version", s.table.Delete(t.Context(), key, ""), control.ErrConflict)
	s.wantStored(t, key, "two", second)

	if err := s.table.Delete(t.Context(), key, second); err != nil {
		t.Fatal(err)
	}
	s.wantMissing(t, key)
	conformance.WantError(t, "delete twice", s.table.Delete(t.Context(), key, second), control.ErrNotFound)
	s.wantStored(t, neighbour, "kept", kept)
}

// testCopies checks that the table and its callers share no memory.
func (s *suite) testCopies(t *testing.T) {
	key := s.key()
	body := []byte("body")
	version, err := s.table.Put(t.Context(), key, body, "")
	if err != nil {
		t.Fatal(err)
	}
	body[0] = 'X'
	s.wantStored(t, key, "body", version)
	doc, err := s.table.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	doc.Body[0] = 'X'
	s.wantStored(t, key, "body", version)
	all, err := s.table.GetAll(t.Context(), []control.Key{key})
	if err != nil || len(all) != 1 {
		t.Fatalf("get all: %+v, %v", all, err)
	}
	all[0].Body[0] = 'X'
	s.wantStored(t, key, "body", version)
	listed := s.list(t, key.Partition, "", 10)
	listed[0].Body[0] = 'X'
	s.wantStored(t, key, "body", version)
	body = []byte("other")
	if _, err := s.table.PutAll(t.Context(), []control.Write{{Key: key, Body: body, Previous: version}}); err != nil {
		t.Fatal(err)
	}
	body[0] = 'X'
	if doc, err = s.table.Get(t.Context(), key); err != nil || string(doc.Body) != "other" {
		t.Fatalf("have %q, %v", doc.Body, err)
	}
}

func (s *suite) testOddKeys(t *testing.T) {
	texts := []string{"a", "a#", "ab", "a#b", "a/b", "a%23", "A", "\u00e9", "e\u0301", "😀", " ", "\"", "\n"}
	base := s.partition()
	versions := make(map[control.Key]control.Version)
	for _, partition := range texts[:6] {
		for _, sort := range texts {
			key := control.Key{Partition: base + partition, Sort: sort}
			versions[key] = s.put(t, key, partition+" "+sort, "")
		}
	}
	for key, version := range versions {
		s.wantStored(t, key, strings.TrimPrefix(key.Partition, base)+" "+key.Sort, version)
	}
}

func (s *suite) testLimits(t *testing.T) {
	key := control.Key{Partition: pad(s.partition(), control.MaxKeyBytes), Sort: pad("s", control.MaxKeyBytes)}
	body := strings.Repeat("b", control.MaxBodyBytes)
	version := s.put(t, key, body, "")
	s.wantStored(t, key, body, version)

	_, err := s.table.Put(t.Context(), key, []byte(body+"b"), version)
	conformance.WantError(t, "put too large a body", err, control.ErrLimit)
	s.wantStored(t, key, body, version)
}

func pad(text string, size int) string { return text + strings.Repeat("-", size-len(text)) }
