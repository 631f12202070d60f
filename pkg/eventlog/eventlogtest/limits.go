package eventlogtest

import (
	"fmt"
	"strings"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// testNoEntries puts invalid entries. If one were stored, it could not be
// decoded and would make its whole lane-bucket unreadable.
func (s *suite) testNoEntries(t *testing.T) {
	at, good := s.place(), entry("a", s.at(1), 5)
	for name, spoil := range map[string]func(*eventlog.Entry){
		"no entity":              func(e *eventlog.Entry) { e.Entity = "" },
		"an entity not in UTF-8": func(e *eventlog.Entry) { e.Entity = "\xdc-1" },
		"a long entity":          func(e *eventlog.Entry) { e.Entity = strings.Repeat("e", event.MaxEntityKeyBytes+1) },
		"a long escaped entity":  func(e *eventlog.Entry) { e.Entity = strings.Repeat("#", event.MaxEntityKeyBytes/3+1) },
		"no position":            func(e *eventlog.Entry) { e.Position = "" },
		"half a position":        func(e *eventlog.Entry) { e.Position = "0001-" },
		"a long line":            func(e *eventlog.Entry) { e.Line = []byte(noise(e.Position, eventlog.MaxLineBytes+1)) },
	} {
		bad := entry("b", s.at(2), 5)
		spoil(&bad)
		err := s.log.Put(t.Context(), at.lane, at.bucket, []eventlog.Entry{good, bad})
		conformance.WantError(t, "put an entry with "+name, err, eventlog.ErrLimit)
		wantEntries(t, s.read(t, at, whole), nil)
		if name == "a long line" {
			continue
		}
		s.wantHas(t, at, bad.Entity, bad.Position, false)
		if bad.Entity != "b" {
			wantEntries(t, s.readEntity(t, at, bad.Entity, whole), nil)
		}
	}
	last := entry("b", s.at(2), 5)
	last.Line = []byte(noise(last.Position, eventlog.MaxLineBytes))
	s.put(t, at, good, last)
	wantEntries(t, s.read(t, at, whole), []eventlog.Entry{good, last})
}

func (s *suite) testNoBuckets(t *testing.T) {
	lane := s.place().lane
	for _, bucket := range []eventlog.Bucket{"", "2026-03-01", "2026-03-01T00#a", "2026-13-01T00", "\xdc"} {
		name := fmt.Sprintf(" in bucket %q", string(bucket))
		err := s.log.Put(t.Context(), lane, bucket, []eventlog.Entry{entry("a", s.at(1), 5)})
		conformance.WantError(t, "put"+name, err, eventlog.ErrLimit)
		_, err = s.log.Read(t.Context(), lane, bucket, "", whole, true)
		conformance.WantError(t, "read"+name, err, eventlog.ErrLimit)
		_, err = s.log.ReadEntity(t.Context(), lane, bucket, "a", "", whole)
		conformance.WantError(t, "read an entity"+name, err, eventlog.ErrLimit)
		_, err = s.log.Has(t.Context(), lane, bucket, "a", s.at(1))
		conformance.WantError(t, "look up"+name, err, eventlog.ErrLimit)
	}
}

// testAfter continues after keys that do not exist, some of them far away.
func (s *suite) testAfter(t *testing.T) {
	at := s.place()
	entries := []eventlog.Entry{entry("a", s.at(1), 5), entry("b", s.at(2), 5), entry("b", s.at(3), 5),
		entry("c", s.at(4), 5)}
	s.put(t, at, entries...)
	for _, after := range []string{strings.Repeat("a", eventlog.MaxAfterBytes+1), "\xdc"} {
		_, err := s.log.Read(t.Context(), at.lane, at.bucket, after, whole, true)
		conformance.WantError(t, "read", err, eventlog.ErrLimit)
		_, err = s.log.ReadEntity(t.Context(), at.lane, at.bucket, "b", after, whole)
		conformance.WantError(t, "read an entity", err, eventlog.ErrLimit)
		_, err = s.log.ListQuarantine(t.Context(), at.lane, event.Position(after), 1)
		conformance.WantError(t, "list the quarantine", err, eventlog.ErrLimit)
	}
	for after, want := range map[string][]eventlog.Entry{
		"A": entries[1:3], "a#z": entries[1:3], "b": entries[1:3], "b#": entries[1:3], entries[1].SortKey(): entries[2:3],
		entries[2].SortKey(): nil, "b$": nil, "c": nil, "\U0010ffff": nil,
	} {
		page, err := s.log.ReadEntity(t.Context(), at.lane, at.bucket, "b", after, whole)
		if err != nil {
			t.Fatalf("after %q: %v", after, err)
		}
		wantEntries(t, page.Entries, want)
	}
}

// testNoLimits checks that a limit below one entry counts as one.
func (s *suite) testNoLimits(t *testing.T) {
	at, entries := s.place(), s.some(3, 5)
	s.put(t, at, entries...)
	q := quarantined(s.at(1))
	s.quarantine(t, at.lane, q)
	for _, limit := range []int{0, -1} {
		least := eventlog.PageLimit{Entries: limit, Bytes: limit}
		page, err := s.log.Read(t.Context(), at.lane, at.bucket, "", least, true)
		if err != nil || len(page.Entries) != 1 || page.Next == "" {
			t.Errorf("read %d: %d entries, next %q, %v", limit, len(page.Entries), page.Next, err)
		}
		page, err = s.log.ReadEntity(t.Context(), at.lane, at.bucket, entries[0].Entity, "", least)
		if err != nil || len(page.Entries) != 1 {
			t.Errorf("read an entity by %d: %d entries, %v", limit, len(page.Entries), err)
		}
		if listed, err := s.log.ListQuarantine(t.Context(), at.lane, s.before(), limit); err != nil || len(listed) > 0 {
			t.Errorf("list %d: %d quarantined records, %v", limit, len(listed), err)
		}
	}
}

// testTwiceInACall puts an entry twice in one call, with the same content and
// with another.
func (s *suite) testTwiceInACall(t *testing.T) {
	at, one := s.place(), entry("a", s.at(1), 20)
	s.put(t, at, one, entry("b", s.at(2), 20), one)
	wantEntries(t, s.read(t, at, whole), []eventlog.Entry{one, entry("b", s.at(2), 20)})
	other := s.place()
	changed := one
	changed.Line = entry("a", s.at(3), 20).Line
	err := s.log.Put(t.Context(), other.lane, other.bucket, []eventlog.Entry{one, changed})
	conformance.WantError(t, "put two contents", err, eventlog.ErrChanged)
	if have := s.read(t, other, whole); len(have) > 1 {
		t.Errorf("have %d entries", len(have))
	}
}

// testQuarantineFields quarantines a record with few fields and one with large fields.
func (s *suite) testQuarantineFields(t *testing.T) {
	lane := s.place().lane
	want := []eventlog.Quarantined{{Position: s.at(1)}, {Position: s.at(2), Reason: "late",
		Detail: "ü\n\"\x00" + strings.Repeat("d", 400<<10), Arrival: -1, Data: []byte("\n{}\n")}}
	for _, q := range want {
		s.quarantine(t, lane, q)
	}
	for range 2 { // what was listed belongs to the caller
		listed := s.list(t, lane, 10)
		if len(listed) != 2 || !sameQuarantined(listed[0], want[0]) || !sameQuarantined(listed[1], want[1]) {
			t.Fatalf("have %.300v", listed)
		}
		listed[1].Data[0] = 'X'
	}
	for _, at := range []event.Position{"", "0001-", "\xdc"} {
		err := s.log.Quarantine(t.Context(), lane, eventlog.Quarantined{Position: at})
		conformance.WantError(t, "set aside at no position", err, eventlog.ErrLimit)
	}
}
