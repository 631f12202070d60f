package eventlogtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// entities are easily confused ids: prefixes of each other, and ids with characters
// that have a meaning in keys.
var entities = []string{"a", "a#", "a#b", "a%", "a%23", "a/", "ab", "A", "ü", "😀", "\uffee", " ", `"\`, "a-0001"}

func sorted(entries []eventlog.Entry) []eventlog.Entry {
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b eventlog.Entry) int {
		if c := strings.Compare(event.EscapeEntity(a.Entity), event.EscapeEntity(b.Entity)); c != 0 {
			return c
		}
		return strings.Compare(string(a.Position), string(b.Position))
	})
	return entries
}

var whole = eventlog.PageLimit{Entries: 1000}

func (s *suite) testPutAndRead(t *testing.T) {
	at := s.place()
	if have := s.read(t, at, whole); len(have) > 0 {
		t.Fatalf("a new bucket has %d entries", len(have))
	}
	s.put(t, at)
	first, second := entry("a", s.at(1), 10), entry("a", s.at(2), 10)
	first.Logged, second.Logged = -62135596800000, 253402300799999 // any year that a bucket can have
	s.put(t, at, first)
	wantEntries(t, s.read(t, at, whole), []eventlog.Entry{first})
	s.put(t, at, second)
	wantEntries(t, s.read(t, at, whole), []eventlog.Entry{first, second})
	// Without consistency the newest entries may be missing, but nothing else
	// appears.
	page, err := s.log.Read(t.Context(), at.lane, at.bucket, "", whole, false)
	if err != nil || len(page.Entries) > 2 {
		t.Fatalf("have %d entries, %v", len(page.Entries), err)
	}
}

// testOrder puts entries in random order and expects them sorted by escaped
// entity, then position.
func (s *suite) testOrder(t *testing.T) {
	at := s.place()
	positions := []event.Position{
		s.at(5), s.at(4), position(1, "9", 0), position(1, "10", 0), position(1, "10", 0x1f), position(1, "10", 2),
		position(0, strings.Repeat("9", 56), 0), position(16, "1", 0), position(2, strings.Repeat("7", 129), 65535),
	}
	var entries []eventlog.Entry
	for i := range len(entities) * len(positions) {
		entries = append(entries, entry(entities[i%len(entities)], positions[i/len(entities)], 5))
	}
	half := len(entries) / 2
	s.put(t, at, entries[half:]...)
	s.put(t, at, entries[:half]...)
	want := sorted(entries)
	wantEntries(t, s.read(t, at, whole), want)
	wantEntries(t, s.read(t, at, eventlog.PageLimit{Entries: 7}), want)
}

// testLongKeys uses the longest ids and positions that events can have.
func (s *suite) testLongKeys(t *testing.T) {
	at := s.place()
	last := position(event.MaxEpoch, strings.Repeat("9", event.MaxSequenceDigits), event.MaxIndex)
	var entries []eventlog.Entry
	for _, entity := range []string{
		strings.Repeat("e", event.MaxEntityKeyBytes), strings.Repeat("#", event.MaxEntityKeyBytes/3),
		strings.Repeat("😀", event.MaxEntityKeyBytes/4),
	} {
		entries = append(entries, entry(entity, last, 5), entry(entity, s.at(1), 5))
	}
	s.put(t, at, entries...)
	wantEntries(t, s.read(t, at, eventlog.PageLimit{Entries: 2}), sorted(entries))
	for i := range entries {
		wantEntries(t, s.readEntity(t, at, entries[i].Entity, eventlog.PageLimit{Entries: 1}),
			sorted(entries[i&^1:i&^1+2]))
		s.wantHas(t, at, entries[i].Entity, entries[i].Position, true)
	}
}

// testCopies checks that the log and its callers share no memory.
func (s *suite) testCopies(t *testing.T) {
	at := s.place()
	want := []eventlog.Entry{entry("a", s.at(1), 10), entry("b", s.at(2), 10)}
	given := []eventlog.Entry{entry("a", s.at(1), 10), entry("b", s.at(2), 10)}
	s.put(t, at, given...)
	for i := range given {
		given[i].Line[0] = 'X'
	}
	for range 2 {
		have := s.read(t, at, whole)
		wantEntries(t, have, want)
		have[0].Line = append(have[0].Line, "longer than it was"...)
		wantEntries(t, have[1:], want[1:])
		have[1].Line[0] = 'X'
	}
}

func (s *suite) testIsolation(t *testing.T) {
	at := s.place()
	places := []place{at, {at.lane + 1, at.bucket}, {at.lane, s.place().bucket}, {at.lane - 500, at.bucket}}
	for i, p := range places {
		s.put(t, p, entry("entity", s.at(i), 5))
	}
	for i, p := range places {
		want := []eventlog.Entry{entry("entity", s.at(i), 5)}
		wantEntries(t, s.read(t, p, whole), want)
		wantEntries(t, s.readEntity(t, p, "entity", whole), want)
		s.wantHas(t, p, "entity", s.at(i), true)
		s.wantHas(t, p, "entity", s.at(i+1), false)
	}
}

func (s *suite) some(n, size int) []eventlog.Entry {
	var entries []eventlog.Entry
	for i := range n {
		entries = append(entries, entry(fmt.Sprintf("entity-%d", i%3), s.at(i), size))
	}
	return sorted(entries)
}

func (s *suite) testPageEntries(t *testing.T) {
	at, entries := s.place(), s.some(12, 5)
	s.put(t, at, entries...)
	for _, limit := range []int{1, 5, 6, 12, 13} {
		wantEntries(t, s.read(t, at, eventlog.PageLimit{Entries: limit}), entries)
	}
	page, err := s.log.Read(t.Context(), at.lane, at.bucket, "", eventlog.PageLimit{Entries: 1}, true)
	if err != nil || len(page.Entries) != 1 || page.Next == "" {
		t.Fatalf("first of twelve: %d entries, next %q, %v", len(page.Entries), page.Next, err)
	}
}

func (s *suite) testPageBytes(t *testing.T) {
	at, entries := s.place(), s.some(9, 1000)
	s.put(t, at, entries...)
	size := len(entries[0].Line)
	for _, limit := range []int{1, size - 1, size, size + 1, 3 * size, 100 * size} {
		wantEntries(t, s.read(t, at, eventlog.PageLimit{Entries: 1000, Bytes: limit}), entries)
	}
}

func (s *suite) testPageAfter(t *testing.T) {
	at, entries := s.place(), s.some(9, 5)
	s.put(t, at, entries...)
	for i, e := range entries {
		// After the key itself, and after a key that does not exist.
		for _, after := range []string{e.SortKey(), e.SortKey() + "#"} {
			have := pages(t, whole, after, func(after string) (eventlog.Page, error) {
				return s.log.Read(t.Context(), at.lane, at.bucket, after, whole, true)
			})
			wantEntries(t, have, entries[i+1:])
		}
	}
}

// testLargeLines reads events of the largest size, more than one call of
// DynamoDB returns.
func (s *suite) testLargeLines(t *testing.T) {
	at := s.place()
	var entries []eventlog.Entry
	for i := range 6 {
		entries = append(entries, entry("entity", s.at(i), event.MaxDataBytes-200))
	}
	s.put(t, at, entries...)
	wantEntries(t, s.read(t, at, whole), entries)
	wantEntries(t, s.read(t, at, eventlog.PageLimit{Entries: 10, Bytes: 10}), entries)
	wantEntries(t, s.readEntity(t, at, "entity", eventlog.PageLimit{Entries: 4, Bytes: 8 << 20}), entries)
}

func (s *suite) testReadEntity(t *testing.T) {
	at := s.place()
	var all []eventlog.Entry
	for i := range 4 * len(entities) {
		all = append(all, entry(entities[i%len(entities)], s.at(i), 5))
	}
	s.put(t, at, all...)
	for i, entity := range entities {
		var want []eventlog.Entry
		for n := i; n < len(all); n += len(entities) {
			want = append(want, all[n])
		}
		for _, limit := range []int{1, 3, 4, 5} {
			wantEntries(t, s.readEntity(t, at, entity, eventlog.PageLimit{Entries: limit}), want)
		}
		have := pages(t, whole, want[1].SortKey(), func(after string) (eventlog.Page, error) {
			return s.log.ReadEntity(t.Context(), at.lane, at.bucket, entity, after, whole)
		})
		wantEntries(t, have, want[2:])
	}
	if have := s.readEntity(t, at, "nobody", whole); len(have) > 0 {
		t.Fatalf("an entity without events has %d", len(have))
	}
}

func (s *suite) wantHas(t *testing.T, at place, entity string, position event.Position, want bool) {
	t.Helper()
	have, err := s.log.Has(t.Context(), at.lane, at.bucket, entity, position)
	if err != nil || have != want {
		t.Fatalf("has %.50q at %s: %t, %v", entity, position, have, err)
	}
}

func (s *suite) testHas(t *testing.T) {
	at := s.place()
	s.put(t, at, entry("a#", s.at(1), 5))
	s.wantHas(t, at, "a#", s.at(1), true)
	s.wantHas(t, at, "a#", s.at(2), false)
	s.wantHas(t, at, "a", s.at(1), false)
	s.wantHas(t, at, "a%23", s.at(1), false)
	s.wantHas(t, s.place(), "a#", s.at(1), false)
}
