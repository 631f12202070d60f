package datastoretest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// entities are easily confused ids: prefixes of each other, and ids with characters
// that have a meaning in keys.
var entities = []string{"a", "a#", "a#b", "a%", "a%23", "a/", "ab", "A", "ü", "😀", "\uffee", " ", `"\`,
	strings.Repeat("e", event.MaxEntityKeyBytes), strings.Repeat("#", event.MaxEntityKeyBytes/3)}

func (s *suite) testRows(t *testing.T) {
	lane := s.lane()
	wantRows(t, s.shared, lane, entities)
	wantRows(t, s.shared, lane, nil)
	var rows []datastore.Row
	for i, entity := range entities {
		if i%4 != 3 {
			rows = append(rows, row(entity, i))
		}
	}
	write(t, s.shared, lane, "", rows...)
	wantRows(t, s.shared, lane, entities, rows...)
	for _, r := range rows {
		wantRows(t, s.shared, lane, []string{r.Entity}, r)
	}
	wantRows(t, s.shared, s.lane(), entities)
}

// testRowFields looks at every field. The state's bytes must come back as they
// were, or a rebuild could not be compared with it.
func (s *suite) testRowFields(t *testing.T) {
	lane := s.lane()
	full := datastore.Row{
		Entity:        "full",
		Position:      position(1),
		Count:         1 << 40,
		Chain:         event.Digest{Hi: 1<<63 + 1, Lo: 2},
		State:         []byte(`{ "b" : "<&>\u00e9\u2028", "a":[1.0, 1e2,12345678901234567890]}`),
		Duplicates:    3,
		Conflicts:     4,
		Ignored:       5,
		Projection:    "account",
		Version:       "v#1",
		Replay:        "r-1",
		Buckets:       []eventlog.Bucket{"2026-02-01T00", "2026-03-01T00"},
		Filter:        []byte("\x00\xff\x01"),
		Indexed:       position(0),
		IndexedBucket: "2026-02-01T00",
		Skipped:       7,
		Corrections:   8,
		Parked: &datastore.Parked{
			Position: position(0),
			Type:     "account.closed",
			Reason:   "why\n\"so\"",
			Waiting:  6,
			Named:    2,
			Event:    event.Digest{Hi: 3, Lo: 1 << 63},
			Bucket:   "2026-02-01T00",
			Again:    &datastore.Again{After: position(0), Bucket: "2026-03-01T00", Over: true},
		},
	}
	parked := full
	parked.Entity, parked.Parked = "parked", &datastore.Parked{Again: &datastore.Again{After: position(0)}}
	least := datastore.Row{Entity: "least", Position: position(1), IndexedBucket: "2026-02-01T00"}
	indexed := datastore.Row{Entity: "indexed", Position: position(2), Indexed: position(1)}
	write(t, s.shared, lane, "", full, parked, least, indexed)
	want := []datastore.Row{full, parked, least, indexed}
	wantRows(t, s.shared, lane, []string{"full", "parked", "least", "indexed"}, want...)
	rows, err := s.shared.Scan(t.Context(), lane, "", 10)
	if err != nil || !slices.EqualFunc(rows, []datastore.Row{full, indexed, least, parked}, sameRow) {
		t.Fatalf("scan: %+v, %v", rows, err)
	}
	// A field that is gone from the row is gone from the store.
	full.State, full.Parked, full.Filter, full.Replay = nil, nil, nil, ""
	full.Indexed, full.IndexedBucket, full.Skipped, full.Corrections = "", "", 0, 0
	full.Position = position(2)
	write(t, s.shared, lane, position(1), full)
	wantRows(t, s.shared, lane, []string{"full"}, full)
}

// testRowCopies checks that the store and its callers share no memory.
func (s *suite) testRowCopies(t *testing.T) {
	lane := s.lane()
	given, want := row("a", 1), row("a", 1)
	given.Filter, want.Filter = []byte("filter"), []byte("filter")
	write(t, s.shared, lane, "", given)
	spoil(given)
	for range 2 {
		rows, err := s.shared.Rows(t.Context(), lane, []string{"a"})
		if err != nil || !sameRow(rows["a"], want) {
			t.Fatalf("have %+v, %v", rows["a"], err)
		}
		spoil(rows["a"])
		scanned := readPages(t, s.shared.Scan, lane, "", 10)
		if len(scanned) != 1 || !sameRow(scanned[0], want) {
			t.Fatalf("scan gave %+v", scanned)
		}
		spoil(scanned[0])
	}
}

func spoil(r datastore.Row) {
	r.State[0], r.Filter[0] = 'X', 'X'
	r.Buckets[0] = "spoiled"
}

func noise(seed uint64, size int) string {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-"
	rng := rand.New(rand.NewPCG(seed, uint64(size)))
	b := make([]byte, size)
	for i := range b {
		b[i] = letters[rng.Uint32()%64]
	}
	return string(b)
}

func (s *suite) testRowLimits(t *testing.T) {
	lane := s.lane()
	large := row("large", 1)
	large.State = []byte(`"` + noise(s.Seed, datastore.MaxRowBytes-8<<10) + `"`)
	write(t, s.shared, lane, "", large)
	wantRows(t, s.shared, lane, []string{"large"}, large)
	huge := row("huge", 1)
	huge.State = []byte(`"` + noise(s.Seed, 2*datastore.MaxRowBytes) + `"`)
	if _, err := s.shared.WriteRows(t.Context(), lane, []datastore.RowWrite{{Row: huge}}); err == nil {
		t.Fatal("wrote a row above the limit")
	}
	wantRows(t, s.shared, lane, []string{"huge"})
}

func (s *suite) testRowConditions(t *testing.T) {
	lane := s.lane()
	if tryWrite(t, s.shared, lane, row("a", 1), position(0)) {
		t.Fatal("replaced a row that is not there")
	}
	wantRows(t, s.shared, lane, []string{"a"})
	write(t, s.shared, lane, "", row("a", 1))
	for _, previous := range []event.Position{"", position(0), position(2), position(1) + "0"} {
		if tryWrite(t, s.shared, lane, row("a", 9), previous) {
			t.Fatalf("replaced a row at %s on condition of %q", position(1), previous)
		}
	}
	wantRows(t, s.shared, lane, []string{"a"}, row("a", 1))
	write(t, s.shared, lane, position(1), row("a", 2))
	if tryWrite(t, s.shared, lane, row("a", 9), position(1)) {
		t.Fatal("replaced a row on condition of an old position")
	}
	// The same position again is a replacement like any other.
	other := row("a", 2)
	other.Count = 99
	write(t, s.shared, lane, position(2), other)
	wantRows(t, s.shared, lane, []string{"a"}, other)
	if conflicts, err := s.shared.WriteRows(t.Context(), lane, nil); err != nil || len(conflicts) > 0 {
		t.Fatalf("wrote nothing: %q, %v", conflicts, err)
	}
}

// testRowBatch mixes rows whose condition holds with those whose does not, more
// of them than any call of DynamoDB takes.
func (s *suite) testRowBatch(t *testing.T) {
	lane := s.lane()
	var names, wantConflicts []string
	var writes []datastore.RowWrite
	var old, want []datastore.Row
	for i := range 130 {
		name := fmt.Sprintf("e%03d", i)
		names = append(names, name)
		w := datastore.RowWrite{Row: row(name, 2)}
		switch i % 4 {
		case 0: // new
			want = append(want, w.Row)
		case 1: // on the position that is stored
			old = append(old, row(name, 1))
			w.Previous = position(1)
			want = append(want, w.Row)
		case 2: // as new, but it exists
			old = append(old, row(name, 1))
			want = append(want, row(name, 1))
			wantConflicts = append(wantConflicts, name)
		case 3: // on a position, but there is none
			w.Previous = position(1)
			wantConflicts = append(wantConflicts, name)
		}
		writes = append(writes, w)
	}
	write(t, s.shared, lane, "", old...)
	conflicts, err := s.shared.WriteRows(t.Context(), lane, writes)
	slices.Sort(conflicts)
	if err != nil || !slices.Equal(conflicts, wantConflicts) {
		t.Fatalf("conflicts %q, %v; want %q", conflicts, err, wantConflicts)
	}
	wantRows(t, s.shared, lane, names, want...)
}

const writers = 6

func (s *suite) testOneWritesRow(t *testing.T) {
	lane := s.lane()
	previous := event.Position("")
	for n := 1; n <= 5; n++ {
		conflicts := make([]int, writers)
		errs := conformance.Race(writers, func(i int) error {
			r := row("a", n)
			r.Count = int64(100*n + i)
			lost, err := s.shared.WriteRows(t.Context(), lane, []datastore.RowWrite{{Row: r, Previous: previous}})
			conflicts[i] = len(lost)
			return err
		})
		won := slices.Index(conflicts, 0)
		lost := 0
		for i := range writers {
			if errs[i] != nil {
				t.Fatal(errs[i])
			}
			lost += conflicts[i]
		}
		if lost != writers-1 {
			t.Fatalf("%d of %d writers lost", lost, writers)
		}
		want := row("a", n)
		want.Count = int64(100*n + won)
		wantRows(t, s.shared, lane, []string{"a"}, want)
		previous = position(n)
	}
}
