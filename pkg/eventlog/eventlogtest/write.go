package eventlogtest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/eventlog"
)

func (s *suite) testPutTwice(t *testing.T) {
	at, entries := s.place(), s.some(5, 20)
	s.put(t, at, entries...)
	s.put(t, at, entries...)
	wantEntries(t, s.read(t, at, whole), entries)
}

func (s *suite) testPutOverlap(t *testing.T) {
	at, entries := s.place(), s.some(9, 20)
	s.put(t, at, entries[2:5]...)
	s.put(t, at, entries[:4]...)
	s.put(t, at, entries[3:]...)
	wantEntries(t, s.read(t, at, whole), entries)
}

// testPutMany puts more than any call of DynamoDB takes.
func (s *suite) testPutMany(t *testing.T) {
	at, entries := s.place(), s.some(230, 300)
	s.put(t, at, entries...)
	s.put(t, at, entries[100:]...)
	wantEntries(t, s.read(t, at, whole), entries)
}

func (s *suite) testChanged(t *testing.T) {
	at, entries := s.place(), s.some(6, 20)
	s.put(t, at, entries[:3]...)
	for i, other := range entries[:3] { // whatever its position relative to the others
		other.Line = entry(other.Entity, s.at(77), 20).Line
		for _, batch := range [][]eventlog.Entry{{other}, {entries[3], other, entries[4]}, {entries[(i+1)%3], other}} {
			conformance.WantError(t, "put other content", s.log.Put(t.Context(), at.lane, at.bucket, batch), eventlog.ErrChanged)
		}
	}
	// Any other entry of the failed batches may be stored, but none was changed.
	for _, e := range s.read(t, at, whole) {
		if !slices.ContainsFunc(entries, func(w eventlog.Entry) bool { return same(&e, &w) }) {
			t.Fatalf("have %s, which was never put with success", show(&e))
		}
	}
	s.put(t, at, entries...)
	wantEntries(t, s.read(t, at, whole), entries)
}

const writers = 6

// testConcurrentSame lets pumps put the same events at the same time, in
// different batches.
func (s *suite) testConcurrentSame(t *testing.T) {
	at, entries := s.place(), s.some(20, 50)
	results := conformance.Race(writers, func(i int) error {
		if err := s.log.Put(t.Context(), at.lane, at.bucket, entries[i:]); err != nil {
			return err
		}
		return s.log.Put(t.Context(), at.lane, at.bucket, entries[:i+1])
	})
	must(t, errors.Join(results...))
	wantEntries(t, s.read(t, at, whole), entries)
}

// testConcurrentOther lets writers put different contents under one key: one of
// them is stored, and the others get an error.
func (s *suite) testConcurrentOther(t *testing.T) {
	for range 4 {
		at := s.place()
		contents := make([]eventlog.Entry, writers)
		for i := range contents {
			contents[i] = entry("entity", s.at(1), 20)
			contents[i].Line = entry("entity", s.at(i), 20).Line
		}
		put := func(i int) error { return s.log.Put(t.Context(), at.lane, at.bucket, contents[i:i+1]) }
		results := conformance.Race(writers, put)
		have := s.read(t, at, whole)
		if len(have) != 1 {
			t.Fatalf("have %d entries", len(have))
		}
		for i, err := range results {
			if same(&have[0], &contents[i]) {
				if err != nil {
					t.Fatalf("writer %d: %v, but its content is stored", i, err)
				}
				continue
			}
			conformance.WantError(t, "put other content", err, eventlog.ErrChanged)
		}
	}
}

func (s *suite) testCancelled(t *testing.T) {
	at := s.place()
	kept, lost := entry("entity", s.at(1), 5), entry("entity", s.at(2), 5)
	s.put(t, at, kept)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, read := s.log.Read(ctx, at.lane, at.bucket, "", whole, true)
	_, readEntity := s.log.ReadEntity(ctx, at.lane, at.bucket, "entity", "", whole)
	_, has := s.log.Has(ctx, at.lane, at.bucket, "entity", s.at(1))
	_, list := s.log.ListQuarantine(ctx, at.lane, s.before(), 1)
	for what, err := range map[string]error{
		"Put": s.log.Put(ctx, at.lane, at.bucket, []eventlog.Entry{lost}), "Read": read, "ReadEntity": readEntity, "Has": has,
		"Quarantine": s.log.Quarantine(ctx, at.lane, quarantined(s.at(1))), "ListQuarantine": list,
	} {
		if err == nil || errors.Is(err, eventlog.ErrChanged) {
			t.Errorf("%s with a cancelled context: %v", what, err)
		}
	}
	wantEntries(t, s.read(t, at, whole), []eventlog.Entry{kept})
	if listed := s.list(t, at.lane, 10); len(listed) > 0 {
		t.Fatalf("have %d quarantined records", len(listed))
	}
}

func (s *suite) testDurable(t *testing.T) {
	s.MustReopen(t)
	at, entries := s.place(), s.some(30, 100)
	s.put(t, at, entries...)
	q := quarantined(s.at(1))
	must(t, s.log.Quarantine(t.Context(), at.lane, q))
	s.log = s.Reopen(t, s.log)
	wantEntries(t, s.read(t, at, whole), entries)
	if listed := s.list(t, at.lane, 10); len(listed) != 1 || !sameQuarantined(listed[0], q) {
		t.Fatalf("reopened: %+v", listed)
	}
}
