package eventlogdynamo_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"reprise/integration/engines"
	"reprise/pkg/aws/eventlogdynamo"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/meter"
)

// goldenBytes is the size of the events that figures are given for.
const goldenBytes = 321

// golden is an event of goldenBytes at a position as Kinesis gives them: a
// sequence number of 56 digits.
func golden(n int) eventlog.Entry { return sized(n, goldenBytes) }

func sized(n, size int) eventlog.Entry {
	at, err := event.NewPosition(1, fmt.Sprintf("4959033827149025660855969200000%025d", n), 0)
	if err != nil {
		panic(err)
	}
	e := event.Event{ID: fmt.Sprintf("0198f3a2-0000-7000-8000-%012d", n), Source: "/accounts", Type: "account.deposited",
		Subject: fmt.Sprintf("account-%06d", n%50), Time: "2026-03-01T12:00:00Z", DataContentType: "application/json"}
	e.Data = `{"text":""}`
	fill := size - len(e.AppendJSON(nil))
	e.Data = `{"text":"` + string(letters(uint64(n), fill)) + `"}`
	line := e.AppendJSON(nil)
	if len(line) != size {
		panic(fmt.Sprintf("event of %d bytes", len(line)))
	}
	return eventlog.Entry{Entity: e.Subject, Position: at, Logged: 1_772_366_400_000, Line: line}
}

func letters(seed uint64, size int) []byte {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-"
	b := noise(seed, size)
	for i, c := range b {
		b[i] = alphabet[c%64]
	}
	return b
}

func noise(seed uint64, size int) []byte {
	rng := rand.New(rand.NewPCG(seed, 9))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// metered returns a log with a table of its own, and the meter of its costs.
func metered(t *testing.T) (*eventlogdynamo.Log, *meter.Counter) {
	t.Helper()
	counter := new(meter.Meter).Part("log")
	return eventlogdynamo.New(engines.DynamoDB(t, nil), engines.Codec(t),
		eventlogdynamo.Options{Table: engines.Table(t), Pace: engines.Pace(), Meter: counter}), counter
}

func write(t *testing.T, log *eventlogdynamo.Log, entries ...eventlog.Entry) {
	t.Helper()
	if err := log.Put(t.Context(), 42, "2026-03-01T00", entries); err != nil {
		t.Fatal(err)
	}
}

// TestGoldenCost fixes what events cost, as the engine charges for them.
func TestGoldenCost(t *testing.T) {
	log, counter := metered(t)
	for _, c := range []struct {
		name  string
		entry eventlog.Entry
		units float64
	}{
		{"321 bytes", golden(1), 1},
		{"the largest of one unit", sized(2, 1024-oneUnitKeys), 1},
		{"one more byte, not worth compressing", sized(3, 1024-oneUnitKeys+1), 1},
		{"two units of letters without order", sized(4, 2000), 2},
		{"4 KB of text that repeats", repetitive(5, 4096), 1},
		{"a large event of letters without order", sized(6, 250<<10), 189},
	} {
		before := counter.Usage()
		write(t, log, c.entry)
		if have := counter.Usage().Sub(before).WriteUnits; have != c.units {
			t.Errorf("%s: %v write units, want %v", c.name, have, c.units)
		}
		before = counter.Usage()
		write(t, log, c.entry) // a repetition is charged, and the stored entry is read
		if have := counter.Usage().Sub(before); have.WriteUnits != c.units || have.ReadUnits == 0 {
			t.Errorf("%s, again: %+v", c.name, have)
		}
	}
}

// oneUnitKeys is what the keys and the logged time of a golden event take:
// pk 2+18, sk 2+14+1+68, t 1+8, b 1.
const oneUnitKeys = 2 + 18 + 2 + 14 + 1 + 68 + 1 + 8 + 1

func repetitive(n, size int) eventlog.Entry {
	e := golden(n)
	tail := `"}}`
	head, _ := bytes.CutSuffix(e.Line, []byte(`"}}`))
	e.Line = append(bytes.Clone(head), strings.Repeat("abcdefgh", (size-len(head))/8)+tail...)
	return e
}

// TestPageCost reads a lane-bucket of several MB and fixes what that costs: an
// event of 321 bytes takes about 437 in the table, so a consistent read unit
// returns about 9 events, and a query that finds too much is rare.
func TestPageCost(t *testing.T) {
	log, counter := metered(t)
	const count = 3000
	entries := make([]eventlog.Entry, count)
	for i := range entries {
		entries[i] = golden(i)
	}
	write(t, log, entries...)
	if units := counter.Usage().WriteUnits; units != count {
		t.Fatalf("%v write units for %d events", units, count)
	}
	for _, consistent := range []bool{true, false} {
		before := counter.Usage()
		n, pages := readAll(t, log, consistent)
		units := counter.Usage().Sub(before).ReadUnits
		if n != count {
			t.Fatalf("read %d events, want %d", n, count)
		}
		want := float64(count) * itemBytes / 4096
		if !consistent {
			want /= 2
		}
		t.Logf("consistent %t: %d pages, %.4f read units an event, %.2f at best", consistent, pages, units/count, want/count)
		if units > 1.15*want+float64(pages) {
			t.Errorf("consistent %t: %v read units, want about %v", consistent, units, want)
		}
	}
}

const itemBytes = goldenBytes + oneUnitKeys

func readAll(t *testing.T, log *eventlogdynamo.Log, consistent bool) (events, pages int) {
	t.Helper()
	after := ""
	for {
		page, err := log.Read(t.Context(), 42, "2026-03-01T00", after, eventlog.PageLimit{Entries: 10_000}, consistent)
		if err != nil {
			t.Fatal(err)
		}
		events, pages = events+len(page.Entries), pages+1
		if after = page.Next; after == "" {
			return events, pages
		}
	}
}

// TestCompressedPages reads events that are small in the table and large in a
// page: a query must not return far more than fits in the page, since all of it
// is charged.
func TestCompressedPages(t *testing.T) {
	log, counter := metered(t)
	const count, size = 300, 20 << 10
	entries := make([]eventlog.Entry, count)
	for i := range entries {
		entries[i] = repetitive(i, size)
	}
	write(t, log, entries...)
	if units := counter.Usage().WriteUnits; units != count {
		t.Fatalf("%v write units for %d events of %d bytes", units, count, size)
	}
	before := counter.Usage()
	n, pages := readAll(t, log, true)
	if n != count {
		t.Fatalf("read %d events, want %d", n, count)
	}
	used := counter.Usage().Sub(before).ReadUnits
	once := float64(count) * 600 / 4096
	t.Logf("%d pages, %v read units, about %.0f for each item once", pages, used, once)
	if used > 2*once+float64(pages) {
		t.Errorf("%v read units for %d pages", used, pages)
	}
}

// TestLookUpCost finds an event at the price of an eventually consistent read.
// Only a consistent read may say that an event is missing.
func TestLookUpCost(t *testing.T) {
	log, counter := metered(t)
	e := golden(1)
	for _, want := range []struct {
		found bool
		units float64
	}{{false, 1.5}, {true, 0.5}} {
		before := counter.Usage()
		found, err := log.Has(t.Context(), 42, "2026-03-01T00", e.Entity, e.Position)
		if err != nil {
			t.Fatal(err)
		}
		if units := counter.Usage().Sub(before).ReadUnits; found != want.found || units != want.units {
			t.Errorf("found %v for %v read units, want %v for %v", found, units, want.found, want.units)
		}
		write(t, log, e)
	}
}
