package datastoretest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// noEntities are invalid entity ids.
func noEntities() []string {
	return []string{"", "\xdc-1", strings.Repeat("e", event.MaxEntityKeyBytes+1),
		strings.Repeat("#", event.MaxEntityKeyBytes/3+1)}
}

// testNoEntities uses invalid ids: one that is not UTF-8 would be read back as
// another entity, and the service would refuse to look up one that is too long.
func (s *suite) testNoEntities(t *testing.T) {
	lane := s.lane()
	write(t, s.shared, lane, "", row("a", 1))
	for _, entity := range noEntities() {
		bad, other := row("b", 1), row("c", 1)
		bad.Entity = entity
		_, err := s.shared.WriteRows(t.Context(), lane, []datastore.RowWrite{{Row: other}, {Row: bad}})
		conformance.WantError(t, fmt.Sprintf("write a row of %.20q", entity), err, datastore.ErrLimit)
		wantRows(t, s.shared, lane, []string{entity})
		wantRows(t, s.shared, lane, []string{"c", entity, "a"}, row("a", 1))
		if entity != "" { // which scans from the start
			_, err = s.shared.Scan(t.Context(), lane, entity, 10)
			conformance.WantError(t, fmt.Sprintf("scan after %.20q", entity), err, datastore.ErrLimit)
		}
	}
	wantScan(t, readPages(t, s.shared.Scan, lane, "", 10), []datastore.Row{row("a", 1)})
}

// testRowBytes tests the limit to the byte, whatever a store adds.
func (s *suite) testRowBytes(t *testing.T) {
	lane := s.lane()
	full := datastore.Row{
		Entity:     strings.Repeat("#", event.MaxEntityKeyBytes/3),
		Position:   position(1),
		Projection: "p",
		Version:    "v",
		Replay:     "r",
		Filter:     []byte(noise(1, 2000)),
		Parked:     &datastore.Parked{Position: position(0), Type: "t", Reason: noise(2, 3000)},
	}
	for hour := range 500 {
		full.Buckets = append(full.Buckets, eventlog.Hour.Of(int64(hour)*3_600_000))
	}
	full.State = []byte(`"` + noise(s.Seed, datastore.MaxRowBytes-full.Bytes()-2) + `"`)
	if full.Bytes() != datastore.MaxRowBytes {
		t.Fatalf("a row of %d bytes", full.Bytes())
	}
	write(t, s.shared, lane, "", full)
	wantRows(t, s.shared, lane, []string{full.Entity}, full)
	over := full
	over.Version += "v"
	_, err := s.shared.WriteRows(t.Context(), lane, []datastore.RowWrite{{Row: over, Previous: position(1)}})
	conformance.WantError(t, "write one byte more", err, datastore.ErrLimit)
	wantRows(t, s.shared, lane, []string{full.Entity}, full)
}

// testPageBytes lists rows that are too large for one page, all of them parked.
func (s *suite) testPageBytes(t *testing.T) {
	const n, size = 9, 300_000
	lane := s.lane()
	var rows []datastore.Row
	for i := range n {
		r := row(fmt.Sprint(i), i)
		r.State = []byte(`"` + noise(uint64(i), size) + `"`)
		r.Parked = &datastore.Parked{Position: position(i), Type: "t", Reason: "why"}
		rows = append(rows, r)
		write(t, s.shared, lane, "", r)
	}
	const fit = 1 + (datastore.PageBytes-1)/size
	for what, list := range map[string]lister{"scan": s.shared.Scan, "parked": s.shared.Parked} {
		page, err := list(t.Context(), lane, "", n)
		if err != nil || len(page) != fit {
			t.Errorf("%s: a page of %d rows, want %d: %v", what, len(page), fit, err)
		}
		wantScan(t, readPages(t, list, lane, "", n), rows)
	}
}

func (s *suite) testCallLimits(t *testing.T) {
	lane := s.lane()
	writes := make([]datastore.RowWrite, datastore.MaxBatch+1)
	names := make([]string, len(writes))
	for i := range writes {
		names[i] = fmt.Sprint(i)
		writes[i].Row = row(names[i], 1)
	}
	_, err := s.shared.Rows(t.Context(), lane, names)
	conformance.WantError(t, "read too many rows", err, datastore.ErrLimit)
	_, err = s.shared.WriteRows(t.Context(), lane, writes)
	conformance.WantError(t, "write too many rows", err, datastore.ErrLimit)
	_, err = s.shared.WriteRows(t.Context(), lane, []datastore.RowWrite{writes[1], writes[2], writes[1]})
	conformance.WantError(t, "write a row twice", err, datastore.ErrLimit)
	for _, limit := range []int{0, -1} {
		if rows, err := s.shared.Scan(t.Context(), lane, "", limit); err != nil || len(rows) > 0 {
			t.Errorf("scan %d: %d rows, %v", limit, len(rows), err)
		}
	}
	wantScan(t, readPages(t, s.shared.Scan, lane, "", 10), nil)
	write(t, s.shared, lane, "", row("a", 1))
	wantRows(t, s.shared, lane, []string{"a", "b", "a"}, row("a", 1)) // asked for twice, there once
}

func (s *suite) testMarkLimits(t *testing.T) {
	_, g := s.create(t)
	large := mark(1)
	large.Place = []byte(`"` + noise(s.Seed, datastore.MaxPlaceBytes-2) + `"`)
	version := setMark(t, g, datastore.ReplayMark, large, "")
	wantMark(t, g, datastore.ReplayMark, large, version)
	huge := large
	huge.Place = []byte(`"` + noise(s.Seed, datastore.MaxPlaceBytes) + `"`)
	_, err := g.SetMark(t.Context(), datastore.ReplayMark, markLane, huge, version)
	conformance.WantError(t, "set a mark with a long place", err, datastore.ErrLimit)
	wantMark(t, g, datastore.ReplayMark, large, version)
}

// testNoIDs uses invalid ids: they cannot be created, and otherwise behave like ids of
// generations that are gone.
func (s *suite) testNoIDs(t *testing.T) {
	for _, id := range []string{"", "a/b", "a b", "\xdc", "ü", "a\n", strings.Repeat("g", datastore.MaxIDBytes+1)} {
		conformance.WantError(t, fmt.Sprintf("create %.20q", id), s.all.Create(t.Context(), id), datastore.ErrLimit)
		s.wantMissing(t, id)
		if err := s.all.Drop(t.Context(), id); err != nil {
			t.Errorf("drop %.20q: %v", id, err)
		}
	}
}

// testNothing makes empty calls, which succeed unless they are cancelled.
func (s *suite) testNothing(t *testing.T) {
	gone, lane := s.all.Open(s.Name()), s.lane()
	if rows, err := gone.Rows(t.Context(), lane, nil); err != nil || len(rows) > 0 {
		t.Errorf("rows of no entities: %v, %v", rows, err)
	}
	if conflicts, err := gone.WriteRows(t.Context(), lane, nil); err != nil || len(conflicts) > 0 {
		t.Errorf("write none: %q, %v", conflicts, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, rows := s.shared.Rows(ctx, lane, nil)
	conformance.WantError(t, "rows of none", rows, context.Canceled)
	_, writes := s.shared.WriteRows(ctx, lane, nil)
	conformance.WantError(t, "write none", writes, context.Canceled)
	_, scan := s.shared.Scan(ctx, lane, "", 0)
	conformance.WantError(t, "scan none", scan, context.Canceled)
}
