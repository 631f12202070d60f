package eventlogtest

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"reprise/pkg/eventlog"
)

// testModel puts random batches that overlap, and reads them in random pages.
func (s *suite) testModel(t *testing.T) {
	rapid.Check(t, s.Bounded(func(t *rapid.T) {
		at := s.place()
		stored := make(map[string]eventlog.Entry)
		draw := rapid.Custom(func(t *rapid.T) eventlog.Entry {
			entity := rapid.SampledFrom(entities[:6]).Draw(t, "entity")
			return entry(entity, s.at(rapid.IntRange(0, 8).Draw(t, "at")), rapid.IntRange(0, 40).Draw(t, "size"))
		})
		t.Repeat(map[string]func(*rapid.T){
			"put":  func(t *rapid.T) { s.putSome(t, at, stored, rapid.SliceOfN(draw, 1, 6).Draw(t, "entries")) },
			"read": func(t *rapid.T) { s.compare(t, at, stored) },
		})
		s.compare(t, at, stored)
	}))
}

// putSome puts the entries whose keys are new or that are stored with the same
// content.
func (s *suite) putSome(t *rapid.T, at place, stored map[string]eventlog.Entry, entries []eventlog.Entry) {
	batch := make(map[string]bool)
	entries = slices.DeleteFunc(entries, func(e eventlog.Entry) bool {
		key := e.SortKey()
		old, known := stored[key]
		repeated := batch[key]
		batch[key] = true
		return repeated || (known && !same(&old, &e))
	})
	s.put(t, at, entries...)
	for _, e := range entries {
		stored[e.SortKey()] = e
	}
}

func (s *suite) compare(t *rapid.T, at place, stored map[string]eventlog.Entry) {
	var want []eventlog.Entry
	for _, e := range stored {
		want = append(want, e)
	}
	want = sorted(want)
	limit := eventlog.PageLimit{Entries: rapid.IntRange(1, 20).Draw(t, "entries"),
		Bytes: rapid.IntRange(0, 2000).Draw(t, "bytes")}
	wantEntries(t, s.read(t, at, limit), want)
	if len(want) == 0 {
		return
	}
	entity := rapid.SampledFrom(want).Draw(t, "entity").Entity
	mine := slices.DeleteFunc(want, func(e eventlog.Entry) bool { return e.Entity != entity })
	wantEntries(t, s.readEntity(t, at, entity, limit), mine)
}
