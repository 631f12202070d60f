package datastoredynamo_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"reprise/integration/engines"
	"reprise/pkg/aws/datastoredynamo"
	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/datastore"
	"reprise/pkg/datastore/datastoretest"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/meter"
)

// TestConformanceUnderFaults lets rows be read and written under every fault: a
// written row is recognized by its content. Marks share PutItem with rows, and
// after a lost answer the contract promises less than the suite's races for a
// mark expect. Puts therefore fail only in those ways after which the caller
// knows that nothing happened; TestLostAnswer has the others.
func TestConformanceUnderFaults(t *testing.T) {
	puts := engines.Random(6, 0.1, engines.Definite(), nil)
	others := engines.Random(7, 0.1, append(engines.All(), engines.Twice), nil)
	faults := &engines.Faults{Choose: func(operation string) engines.Fault {
		if operation == "PutItem" {
			return puts(operation)
		}
		return others(operation)
	}}
	all := prefix()
	datastoretest.Run(t, func(t *testing.T) datastore.Generations { return open(t, all, faults) },
		datastoretest.Features{ModelRuns: 3})
}

func position(n int) event.Position {
	p, err := event.NewPosition(1, fmt.Sprint(1000+n), 0)
	if err != nil {
		panic(err)
	}
	return p
}

func row(entity string, n int) datastore.Row {
	return datastore.Row{Entity: entity, Position: position(n), Count: int64(n), State: fmt.Appendf(nil, `{"n":%d}`, n),
		Version: "1", Buckets: []eventlog.Bucket{"2026-03-01T00"}}
}

// generation creates a generation that is dropped at the end of the test.
func generation(t *testing.T, all *datastoredynamo.Generations) datastore.Generation {
	t.Helper()
	if err := all.Create(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	return all.Open("g")
}

// TestLostAnswer loses answers to writes that took effect: a row or mark must
// not conflict with itself.
func TestLostAnswer(t *testing.T) {
	for what, fault := range map[string]engines.Fault{"fail": engines.FailAfter, "reset": engines.ResetAfter,
		"timeout": engines.TimeoutAfter} {
		t.Run(what, func(t *testing.T) {
			var puts atomic.Int32
			faults := &engines.Faults{Choose: func(operation string) engines.Fault {
				if operation == "PutItem" && puts.Add(1)%2 == 1 {
					return fault
				}
				return engines.None
			}}
			all := open(t, prefix(), faults)
			g := generation(t, all)
			for n, previous := range []event.Position{"", position(0)} {
				conflicts, err := g.WriteRows(t.Context(), 1, []datastore.RowWrite{{Row: row("a", n), Previous: previous}})
				if err != nil || len(conflicts) > 0 {
					t.Fatalf("write %d: conflicts %q, %v", n, conflicts, err)
				}
			}
			version := datastore.MarkVersion("")
			for range 2 {
				next, err := g.SetMark(t.Context(), datastore.LiveMark, 1, datastore.Mark{Position: position(1)}, version)
				if err != nil {
					t.Fatal(err)
				}
				version = next
			}
			_, stored, err := g.Mark(t.Context(), datastore.LiveMark, 1)
			if err != nil || stored != version {
				t.Fatalf("have version %q, %v; want %q", stored, err, version)
			}
		})
	}
}

// TestUnsureMark lets another consumer move a mark between a write whose answer
// was lost and its repetition.
func TestUnsureMark(t *testing.T) {
	name := prefix()
	other := generation(t, open(t, name, nil))
	var puts atomic.Int32
	g := open(t, name, &engines.Faults{Choose: func(operation string) engines.Fault {
		if operation != "PutItem" {
			return engines.None
		}
		if puts.Add(1) == 1 {
			return engines.ResetAfter
		}
		_, version, err := other.Mark(t.Context(), datastore.LiveMark, 1)
		if err == nil {
			_, err = other.SetMark(t.Context(), datastore.LiveMark, 1, datastore.Mark{Ordinal: 2}, version)
		}
		if err != nil {
			t.Error(err)
		}
		return engines.None
	}}).Open("g")
	_, err := g.SetMark(t.Context(), datastore.LiveMark, 1, datastore.Mark{Ordinal: 1}, "")
	if !errors.Is(err, dynamostore.ErrUnsure) || errors.Is(err, datastore.ErrConflict) {
		t.Fatalf("have %v", err)
	}
}

// TestClearUnprocessed removes more than fits in a batch, while batches are
// left half undone.
func TestClearUnprocessed(t *testing.T) {
	var batches atomic.Int32
	faults := &engines.Faults{Choose: func(operation string) engines.Fault {
		if operation == "BatchWriteItem" && batches.Add(1)%3 == 1 {
			return engines.Partial
		}
		return engines.None
	}}
	all := open(t, prefix(), faults)
	g := generation(t, all)
	var writes []datastore.RowWrite
	for i := range 120 {
		writes = append(writes, datastore.RowWrite{Row: row(fmt.Sprint(i), 1)})
	}
	if _, err := g.WriteRows(t.Context(), 1, writes); err != nil {
		t.Fatal(err)
	}
	if err := all.Clear(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	if rows, err := g.Scan(t.Context(), 1, "", 10); err != nil || len(rows) > 0 {
		t.Fatalf("left %d rows, %v", len(rows), err)
	}
	if batches.Load() < 6 {
		t.Fatalf("%d batches", batches.Load())
	}
}

// TestThrottled expects the contract's error if a throttle lasts, and an end to
// batches that are never done.
func TestThrottled(t *testing.T) {
	name := prefix()
	generation(t, open(t, name, nil))
	throttled := open(t, name, &engines.Faults{Choose: func(string) engines.Fault { return engines.Throttle }}).Open("g")
	_, err := throttled.WriteRows(t.Context(), 1, []datastore.RowWrite{{Row: row("a", 1)}})
	if !errors.Is(err, datastore.ErrThrottled) {
		t.Fatalf("write: %v", err)
	}
	if _, err := throttled.Scan(t.Context(), 1, "", 1); !errors.Is(err, datastore.ErrThrottled) {
		t.Fatalf("scan: %v", err)
	}
	never := open(t, name, &engines.Faults{Choose: func(string) engines.Fault { return engines.Partial }}).Open("g")
	if _, err := never.Rows(t.Context(), 1, []string{"a"}); !errors.Is(err, datastore.ErrThrottled) {
		t.Fatalf("rows: %v", err)
	}
}

// TestNames refuses a prefix with which no table can be named.
func TestNames(t *testing.T) {
	all := open(t, strings.Repeat("p", 100)+prefix(), nil)
	if err := all.Create(t.Context(), strings.Repeat("g", datastore.MaxIDBytes)); !errors.Is(err, datastore.ErrLimit) {
		t.Errorf("created: %v", err)
	}
}

// TestGoldenCost fixes what a row costs: one write unit with a filter, a replay
// and a month of buckets, and two with a large state that cannot be compressed
// into one.
func TestGoldenCost(t *testing.T) {
	counter := new(meter.Meter).Part("datastore")
	all := datastoredynamo.New(engines.DynamoDB(t, nil), engines.Codec(t), datastoredynamo.Options{Prefix: prefix(),
		Pace: engines.Pace(), Waits: 10_000, Random: rand.Reader, Meter: counter})
	g := generation(t, all)
	usual := row("account-000042", 1)
	usual.State = []byte(`{"balance":"1042.50","currency":"EUR","opened":"2026-03-01T12:00:00Z",` +
		`"owner":"customer-000042"}`)
	usual.Filter, usual.Replay = make([]byte, 64), "20260301-120000-0a1b2c3d"
	for day := range 31 {
		usual.Buckets = append(usual.Buckets, eventlog.Bucket(fmt.Sprintf("2026-03-%02dT00", day+1)))
	}
	repeats := row("repeats", 1)
	repeats.State = []byte(`"` + strings.Repeat("abcdefgh", 4000) + `"`)
	for name, c := range map[string]struct {
		row   datastore.Row
		units float64
	}{"a usual row": {usual, 1}, "a state of 32 KB that repeats": {repeats, 1}} {
		before := counter.Usage()
		if _, err := g.WriteRows(t.Context(), 1, []datastore.RowWrite{{Row: c.row}}); err != nil {
			t.Fatal(err)
		}
		if have := counter.Usage().Sub(before).WriteUnits; have != c.units {
			t.Errorf("%s: %v write units, want %v", name, have, c.units)
		}
	}
	before := counter.Usage()
	if _, err := g.Rows(t.Context(), 1, []string{"account-000042", "repeats", "none"}); err != nil {
		t.Fatal(err)
	}
	// Engines do not agree on the cost of a row that does not exist; the
	// service charges one unit.
	if have := counter.Usage().Sub(before).ReadUnits; have != 3 && have != 2 {
		t.Errorf("%v read units for two rows and one that is not there", have)
	}
	proper := counter.Usage().Sub(before).ReadUnits
	before = counter.Usage()
	rows, err := g.(datastore.Glancer).Glance(t.Context(), 1, []string{"account-000042", "repeats", "none"})
	if err != nil || len(rows) != 2 { // engines have one replica, which never lags
		t.Fatalf("a glance shows %d rows, %v", len(rows), err)
	}
	if have := counter.Usage().Sub(before).ReadUnits; have != proper/2 {
		t.Errorf("a glance takes %v read units, a read %v", have, proper)
	}
	t.Logf("%v read units for two rows and one that is not there", proper)
}
