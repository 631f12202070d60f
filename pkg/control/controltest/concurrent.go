package controltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/control"
)

const writers = 8

func (s *suite) testOneCreates(t *testing.T) {
	for range 5 {
		key := s.key()
		versions := make([]control.Version, writers)
		results := conformance.Race(writers, func(i int) (err error) {
			versions[i], err = s.table.Put(t.Context(), key, []byte(strconv.Itoa(i)), "")
			return err
		})
		won := conformance.Winner(t, results, control.ErrConflict)
		s.wantStored(t, key, strconv.Itoa(won), versions[won])
	}
}

// testOneChanges races single writes and batches on one version.
func (s *suite) testOneChanges(t *testing.T) {
	key := s.key()
	version := s.put(t, key, "old", "")
	for round := range 5 {
		body := func(i int) string { return fmt.Sprint(round, i) }
		results := conformance.Race(writers, func(i int) error {
			if i%2 == 0 {
				_, err := s.table.Put(t.Context(), key, []byte(body(i)), version)
				return err
			}
			errs, err := s.table.PutAll(t.Context(), []control.Write{{Key: key, Body: []byte(body(i)), Previous: version}})
			if err != nil {
				return err
			}
			return errs[0]
		})
		won := conformance.Winner(t, results, control.ErrConflict)
		doc, err := s.table.Get(t.Context(), key)
		if err != nil || string(doc.Body) != body(won) || doc.Version == version {
			t.Fatalf("have %+v, %v; want what writer %d wrote", doc, err, won)
		}
		version = doc.Version
	}
}

func (s *suite) testOneDeletes(t *testing.T) {
	for range 5 {
		key := s.key()
		version := s.put(t, key, "old", "")
		results := conformance.Race(writers, func(i int) error {
			if i%2 == 0 {
				return s.table.Delete(t.Context(), key, version)
			}
			_, err := s.table.Put(t.Context(), key, []byte("new"), version)
			return err
		})
		if won := conformance.Winner(t, results, control.ErrConflict, control.ErrNotFound); won%2 == 0 {
			s.wantMissing(t, key)
			continue
		}
		if doc, err := s.table.Get(t.Context(), key); err != nil || string(doc.Body) != "new" {
			t.Fatalf("have %+v, %v", doc, err)
		}
	}
}

func (s *suite) testNoUpdateLost(t *testing.T) {
	const each = 5
	key := s.key()
	results := conformance.Race(writers, func(int) error {
		for range each {
			if err := increment(t.Context(), s.table, key); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(results...); err != nil {
		t.Fatal(err)
	}
	doc, err := s.table.Get(t.Context(), key)
	if err != nil || string(doc.Body) != strconv.Itoa(writers*each) {
		t.Fatalf("have %q, %v; want %d", doc.Body, err, writers*each)
	}
}

// increment retries until it has counted one more.
func increment(ctx context.Context, table control.Table, key control.Key) error {
	for {
		n := 0
		doc, err := table.Get(ctx, key)
		if err == nil {
			err = json.Unmarshal(doc.Body, &n)
		} else if errors.Is(err, control.ErrNotFound) {
			err = nil
		}
		if err != nil {
			return err
		}
		_, err = table.Put(ctx, key, []byte(strconv.Itoa(n+1)), doc.Version)
		if !errors.Is(err, control.ErrConflict) {
			return err
		}
	}
}

func (s *suite) testCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	key, missing := s.key(), s.key()
	version := s.put(t, key, "old", "")
	_, get := s.table.Get(ctx, key)
	_, getAll := s.table.GetAll(ctx, []control.Key{key})
	_, put := s.table.Put(ctx, key, []byte("new"), version)
	_, create := s.table.Put(ctx, missing, []byte("new"), "")
	_, putAll := s.table.PutAll(ctx, []control.Write{{Key: missing, Body: []byte("new")}})
	_, list := s.table.List(ctx, key.Partition, "", 1)
	for name, err := range map[string]error{
		"Get":                   get,
		"GetAll":                getAll,
		"Put":                   put,
		"Put of a new document": create,
		"PutAll":                putAll,
		"List":                  list,
		"Delete":                s.table.Delete(ctx, key, version),
	} {
		if err == nil || errors.Is(err, control.ErrNotFound) || errors.Is(err, control.ErrConflict) {
			t.Errorf("%s with a cancelled context: %v", name, err)
		}
	}
	s.wantStored(t, key, "old", version)
	s.wantMissing(t, missing)
}

func (s *suite) testDurable(t *testing.T) {
	s.MustReopen(t)
	kept, changed, deleted, batch := s.key(), s.key(), s.key(), s.key()
	keptVersion := s.put(t, kept, "kept", "")
	changedVersion := s.put(t, changed, "new", s.put(t, changed, "old", ""))
	deletedVersion := s.put(t, deleted, "gone", "")
	if err := s.table.Delete(t.Context(), deleted, deletedVersion); err != nil {
		t.Fatal(err)
	}
	if _, err := s.table.PutAll(t.Context(), []control.Write{{Key: batch, Body: []byte("batch")}}); err != nil {
		t.Fatal(err)
	}
	s.table = s.Reopen(t, s.table)
	s.wantStored(t, kept, "kept", keptVersion)
	s.wantStored(t, changed, "new", changedVersion)
	s.wantMissing(t, deleted)
	s.wantChanged(t, control.Write{Key: batch, Body: []byte("batch")})
	if again := s.put(t, deleted, "gone", ""); again == deletedVersion {
		t.Fatalf("version %q was used again", again)
	}
	_, err := s.table.Put(t.Context(), deleted, []byte("x"), deletedVersion)
	conformance.WantError(t, "put on the version before the deletion", err, control.ErrConflict)
}
