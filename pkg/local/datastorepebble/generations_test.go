package datastorepebble_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/datastore"
	"reprise/pkg/datastore/datastoretest"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/datastorepebble"
	"reprise/pkg/local/localstore/localstoretest"
)

type store = localstoretest.Adapter[*datastorepebble.Generations]

// openGenerations opens generations in a directory of a file system, nil for the
// disk.
func openGenerations(t testing.TB, fsys vfs.FS) (*store, *datastorepebble.Generations) {
	t.Helper()
	return localstoretest.OpenAdapter(t, fsys, "datastore", datastorepebble.New)
}

func TestConformance(t *testing.T) {
	var s *store
	datastoretest.Run(t, func(t *testing.T) (all datastore.Generations) {
		s, all = openGenerations(t, vfs.NewMem())
		return all
	}, datastoretest.Features{Reopen: func(t *testing.T, _ datastore.Generations) datastore.Generations {
		return s.Reopen()
	}})
}

// rows makes a batch of typical rows: 300 bytes of state, a filter of 64.
func rows(from, n int) []datastore.RowWrite {
	writes := make([]datastore.RowWrite, n)
	for i := range writes {
		writes[i].Row = datastore.Row{Entity: fmt.Sprintf("account-%06d", from+i), State: make([]byte, 300),
			Position: event.Position(fmt.Sprintf("0001-12%012d-0000", from+i)), Count: 12, Projection: "account", Version: "1",
			Buckets: []eventlog.Bucket{"2026-02-28T00", "2026-03-01T00"}, Filter: make([]byte, 64)}
	}
	return writes
}

const lane = event.Lane(3)

// TestCrash loses everything that was not synced.
func TestCrash(t *testing.T) {
	fsys := vfs.NewCrashableMem()
	_, all := openGenerations(t, fsys)
	for _, id := range []string{"kept", "dropped", "cleared"} {
		if err := all.Create(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if _, err := all.Open(id).WriteRows(t.Context(), lane, rows(0, 10)); err != nil {
			t.Fatal(err)
		}
	}
	version, err := all.Open("kept").SetMark(t.Context(), datastore.LiveMark, lane, datastore.Mark{Ordinal: 7}, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := all.Drop(t.Context(), "dropped"); err != nil {
		t.Fatal(err)
	}
	if err := all.Clear(t.Context(), "cleared"); err != nil {
		t.Fatal(err)
	}
	_, after := openGenerations(t, fsys.CrashClone(vfs.CrashCloneCfg{}))
	ids, err := after.List(t.Context())
	if err != nil || fmt.Sprint(ids) != "[cleared kept]" {
		t.Fatalf("after the crash: generations %q, %v", ids, err)
	}
	for id, want := range map[string]int{"kept": 10, "cleared": 0} {
		found, err := after.Open(id).Scan(t.Context(), lane, "", 100)
		if err != nil || len(found) != want {
			t.Fatalf("after the crash: %d rows in %s, %v", len(found), id, err)
		}
	}
	mark, at, err := after.Open("kept").Mark(t.Context(), datastore.LiveMark, lane)
	if err != nil || mark.Ordinal != 7 || at != version {
		t.Fatalf("after the crash: mark %+v, version %q, %v", mark, at, err)
	}
	next, err := after.Open("kept").SetMark(t.Context(), datastore.LiveMark, lane, mark, at)
	if err != nil || next == version {
		t.Fatalf("after the crash: version %q was reused, %v", next, err)
	}
}

// TestCrashKeepsWhatARowRestsOn loses everything that was not synced after a
// row was written: the identities that were entered before the row are still
// there.
func TestCrashKeepsWhatARowRestsOn(t *testing.T) {
	fsys := vfs.NewCrashableMem()
	_, all := openGenerations(t, fsys)
	if err := all.Create(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	g := all.Open("g")
	var events []datastore.Identity
	for i := range 500 {
		events = append(events, datastore.Identity{Entity: "a", Key: event.Digest{Lo: uint64(i)},
			Position: event.Position(fmt.Sprintf("0001-09%09d-0000", i))})
	}
	if _, err := g.Identify(t.Context(), lane, events); err != nil {
		t.Fatal(err)
	}
	if _, err := g.WriteRows(t.Context(), lane, rows(0, 1)); err != nil {
		t.Fatal(err)
	}
	_, after := openGenerations(t, fsys.CrashClone(vfs.CrashCloneCfg{}))
	late := slices.Clone(events)
	for i := range late {
		late[i].Position = "0001-09999999999-0000"
	}
	first, err := after.Open("g").Identify(t.Context(), lane, late)
	if err != nil || !slices.Equal(first, events) {
		t.Fatalf("after the crash %d events are first, %v", len(first), err)
	}
}

func openOnDisk(b *testing.B) datastore.Generation {
	b.Helper()
	_, all := openGenerations(b, nil)
	if err := all.Create(b.Context(), "g0001"); err != nil {
		b.Fatal(err)
	}
	return all.Open("g0001")
}

// BenchmarkWriteRows replaces 500 of 20,000 rows; its figures are for one batch.
func BenchmarkWriteRows(b *testing.B) {
	g := openOnDisk(b)
	const batches = 40
	all := make([][]datastore.RowWrite, batches)
	for i := range all {
		all[i] = rows(i*500, 500)
		if _, err := g.WriteRows(b.Context(), lane, all[i]); err != nil {
			b.Fatal(err)
		}
		for j := range all[i] {
			all[i][j].Previous = all[i][j].Row.Position
		}
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		conflicts, err := g.WriteRows(b.Context(), lane, all[n%batches])
		if err != nil || len(conflicts) > 0 {
			b.Fatal(len(conflicts), err)
		}
		n++
	}
	b.ReportMetric(float64(n*500)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkRows reads 500 of 20,000 rows; its figures are for one batch.
func BenchmarkRows(b *testing.B) {
	g := openOnDisk(b)
	const batches = 40
	names := make([][]string, batches)
	for i := range names {
		batch := rows(i*500, 500)
		if _, err := g.WriteRows(b.Context(), lane, batch); err != nil {
			b.Fatal(err)
		}
		for j := range batch {
			names[i] = append(names[i], batch[j].Row.Entity)
		}
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		found, err := g.Rows(b.Context(), lane, names[n%batches])
		if err != nil || len(found) != 500 {
			b.Fatal(len(found), err)
		}
		n++
	}
	b.ReportMetric(float64(n*500)/b.Elapsed().Seconds(), "rows/s")
}
