package datastoretest

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// Features says what a Data Store offers besides the contract.
type Features = conformance.Features[datastore.Generations]

// Run opens one Data Store and tests it. It need not be empty: every test works
// on generations of its own. Since creating a table may take long, most tests
// share one, each in a lane of its own.
func Run(t *testing.T, open func(t *testing.T) datastore.Generations, features Features) {
	s := &suite{Suite: conformance.Begin(t, features), all: open(t)}
	s.id, s.shared = s.create(t)
	tests := []struct {
		name string
		test func(*testing.T)
	}{
		{"Generations", s.testGenerations},
		{"Missing", s.testMissing},
		{"Clear", s.testClear},
		{"Drop", s.testDrop},
		{"Isolation", s.testIsolation},
		{"Rows", s.testRows},
		{"RowFields", s.testRowFields},
		{"RowCopies", s.testRowCopies},
		{"RowLimits", s.testRowLimits},
		{"RowBytes", s.testRowBytes},
		{"NoEntities", s.testNoEntities},
		{"CallLimits", s.testCallLimits},
		{"MarkLimits", s.testMarkLimits},
		{"NoIDs", s.testNoIDs},
		{"Nothing", s.testNothing},
		{"RowConditions", s.testRowConditions},
		{"RowBatch", s.testRowBatch},
		{"OneWritesRow", s.testOneWritesRow},
		{"Scan", s.testScan},
		{"ScanLarge", s.testScanLarge},
		{"Identify", s.testIdentify},
		{"IdentityNeighbours", s.testIdentityNeighbours},
		{"IdentitiesAndRows", s.testIdentitiesAndRows},
		{"IdentityLimits", s.testIdentityLimits},
		{"IdentitiesRead", s.testIdentitiesRead},
		{"OneIsFirst", s.testOneIsFirst},
		{"IdentitiesGo", s.testIdentitiesGo},
		{"PageBytes", s.testPageBytes},
		{"Parked", s.testParked},
		{"ParkedAmongMany", s.testParkedAmongMany},
		{"Mark", s.testMark},
		{"MarkCopies", s.testMarkCopies},
		{"MarkVersions", s.testMarkVersions},
		{"OneSetsMark", s.testOneSetsMark},
		{"Cancelled", s.testCancelled},
		{"Model", s.testModel},
		{"Durable", s.testDurable},
		{"IdentitiesLast", s.testIdentitiesLast},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.test)
	}
}

type suite struct {
	*conformance.Suite[datastore.Generations]
	all    datastore.Generations
	lanes  atomic.Int64
	id     string
	shared datastore.Generation
}

// create makes a generation that is dropped at the end of the test.
func (s *suite) create(t *testing.T) (string, datastore.Generation) {
	t.Helper()
	id := s.Name()
	must(t, s.all.Create(t.Context(), id))
	t.Cleanup(func() {
		if err := s.all.Drop(context.Background(), id); err != nil {
			t.Error(err)
		}
	})
	return id, s.all.Open(id)
}

// lane returns a lane that no other test uses.
func (s *suite) lane() event.Lane { return event.Lane(s.lanes.Add(1) % event.MaxLanes) }

func position(n int) event.Position {
	p, err := event.NewPosition(1, strconv.Itoa(1000+n), 0)
	if err != nil {
		panic(err)
	}
	return p
}

// row is a small row with a state that tells its entity and position.
func row(entity string, n int) datastore.Row {
	return datastore.Row{
		Entity:   entity,
		State:    fmt.Appendf(nil, `{"n":%d}`, n),
		Position: position(n),
		Count:    int64(n),
		Version:  "1",
		Buckets:  []eventlog.Bucket{"2026-03-01T00"},
	}
}

// write expects no conflicts.
func write(t conformance.T, g datastore.Generation, lane event.Lane, previous event.Position, rows ...datastore.Row) {
	t.Helper()
	writes := make([]datastore.RowWrite, len(rows))
	for i := range rows {
		writes[i] = datastore.RowWrite{Row: rows[i], Previous: previous}
	}
	conflicts, err := g.WriteRows(t.Context(), lane, writes)
	if err != nil || len(conflicts) > 0 {
		t.Fatalf("write rows: conflicts %q, %v", conflicts, err)
	}
}

// tryWrite reports whether the condition held.
func tryWrite(t conformance.T, g datastore.Generation, lane event.Lane, r datastore.Row, previous event.Position) bool {
	t.Helper()
	conflicts, err := g.WriteRows(t.Context(), lane, []datastore.RowWrite{{Row: r, Previous: previous}})
	if err != nil {
		t.Fatalf("write row: %v", err)
	}
	if len(conflicts) > 0 && (len(conflicts) > 1 || conflicts[0] != r.Entity) {
		t.Fatalf("conflicts %q of a write of %q", conflicts, r.Entity)
	}
	return len(conflicts) == 0
}

// wantRows checks that, among entities, exactly the rows given are stored.
func wantRows(t conformance.T, g datastore.Generation, lane event.Lane, entities []string, want ...datastore.Row) {
	t.Helper()
	have, err := g.Rows(t.Context(), lane, entities)
	if err != nil {
		t.Fatalf("read rows: %v", err)
	}
	if len(have) != len(want) {
		t.Fatalf("have %d rows, want %d", len(have), len(want))
	}
	for _, w := range want {
		if h, found := have[w.Entity]; !found || !sameRow(h, w) {
			t.Fatalf("have row %+.300v, want %+.300v", h, w)
		}
	}
}

// sameRow takes nil and empty for the same.
func sameRow(a, b datastore.Row) bool { return reflect.DeepEqual(plain(a), plain(b)) }

func plain(r datastore.Row) datastore.Row {
	if len(r.State) == 0 {
		r.State = nil
	}
	if len(r.Filter) == 0 {
		r.Filter = nil
	}
	if len(r.Buckets) == 0 {
		r.Buckets = nil
	}
	return r
}

func sameMark(a, b datastore.Mark) bool {
	place := bytes.Equal(a.Place, b.Place)
	a.Place, b.Place = nil, nil
	return place && reflect.DeepEqual(a, b)
}

func sorted(rows []datastore.Row) []datastore.Row {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b datastore.Row) int {
		return strings.Compare(event.EscapeEntity(a.Entity), event.EscapeEntity(b.Entity))
	})
	return rows
}

func must(t conformance.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}
