package eventlogtest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"reprise/pkg/conformance"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// Features says what a log offers besides the contract.
type Features = conformance.Features[eventlog.Log]

// Run opens one log and tests it. The log need not be empty: every test works
// in lanes of the upper half and buckets of its own.
func Run(t *testing.T, open func(t *testing.T) eventlog.Log, features Features) {
	s := &suite{Suite: conformance.Begin(t, features), log: open(t)}
	tests := []struct {
		name string
		test func(*testing.T)
	}{
		{"PutAndRead", s.testPutAndRead},
		{"Order", s.testOrder},
		{"LongKeys", s.testLongKeys},
		{"Copies", s.testCopies},
		{"Isolation", s.testIsolation},
		{"PageEntries", s.testPageEntries},
		{"PageBytes", s.testPageBytes},
		{"PageAfter", s.testPageAfter},
		{"LargeLines", s.testLargeLines},
		{"ReadEntity", s.testReadEntity},
		{"Has", s.testHas},
		{"PutTwice", s.testPutTwice},
		{"PutOverlap", s.testPutOverlap},
		{"PutMany", s.testPutMany},
		{"Changed", s.testChanged},
		{"ConcurrentSame", s.testConcurrentSame},
		{"ConcurrentOther", s.testConcurrentOther},
		{"Quarantine", s.testQuarantine},
		{"QuarantineOnce", s.testQuarantineOnce},
		{"QuarantinePages", s.testQuarantinePages},
		{"QuarantineLarge", s.testQuarantineLarge},
		{"Witness", s.testWitness},
		{"PutLeftover", s.testPutLeftover},
		{"QuarantineFields", s.testQuarantineFields},
		{"NoEntries", s.testNoEntries},
		{"NoBuckets", s.testNoBuckets},
		{"After", s.testAfter},
		{"NoLimits", s.testNoLimits},
		{"TwiceInACall", s.testTwiceInACall},
		{"Cancelled", s.testCancelled},
		{"Model", s.testModel},
		{"Durable", s.testDurable},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.test)
	}
}

type suite struct {
	*conformance.Suite[eventlog.Log]
	log eventlog.Log
}

// place is a lane-bucket.
type place struct {
	lane   event.Lane
	bucket eventlog.Bucket
}

// place returns a lane-bucket that nobody has used: the lanes of two runs may
// be the same, but hours drawn from some centuries hardly ever are.
func (s *suite) place() place {
	n := uint64(s.Next())
	hour := (s.Seed>>16 + n) % (300 * 365 * 24)
	lane := event.Lane(512 + (s.Seed+n)%511)
	at := time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(hour) * time.Hour)
	return place{lane, eventlog.Hour.Of(at.UnixMilli())}
}

// base is a number of the run, from which its positions ascend.
func (s *suite) base() uint64 { return s.Seed>>1 | 1<<62 }

// at is position n of the run.
func (s *suite) at(n int) event.Position {
	return position(1, strconv.FormatUint(s.base()+uint64(n), 10), 0)
}

func position(epoch int, sequence string, index int) event.Position {
	p, err := event.NewPosition(epoch, sequence, index)
	if err != nil {
		panic(err)
	}
	return p
}

// entry makes a valid event of about size bytes.
func entry(entity string, at event.Position, size int) eventlog.Entry {
	e := event.Event{
		ID:      "id-" + string(at),
		Source:  "/test",
		Type:    "thing.happened",
		Subject: entity,
		Data:    `{"at":"` + string(at) + `","text":"` + noise(at, size) + `"}`,
	}
	return eventlog.Entry{
		Entity:   entity,
		Position: at,
		Logged:   1_700_000_000_000 + int64(len(entity)),
		Line:     e.AppendJSON(nil),
	}
}

// noise is text that cannot be compressed much, and always the same for a
// position.
func noise(at event.Position, size int) string {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-"
	var seed [32]byte
	copy(seed[:], at[max(0, len(at)-32):])
	rng := rand.NewChaCha8(seed)
	b := make([]byte, size)
	for i := range b {
		b[i] = letters[rng.Uint64()%64]
	}
	return string(b)
}

func (s *suite) put(t conformance.T, at place, entries ...eventlog.Entry) {
	t.Helper()
	if err := s.log.Put(t.Context(), at.lane, at.bucket, entries); err != nil {
		t.Fatalf("put: %v", err)
	}
}

type readPage func(after string) (eventlog.Page, error)

// pages reads to the end and checks what every page promises.
func pages(t conformance.T, limit eventlog.PageLimit, after string, read readPage) []eventlog.Entry {
	t.Helper()
	bytes := limit.Bytes
	if bytes == 0 {
		bytes = 1 << 20
	}
	var all []eventlog.Entry
	for {
		page, err := read(after)
		if err != nil {
			t.Fatalf("read after %q: %v", after, err)
		}
		if len(page.Entries) > limit.Entries {
			t.Fatalf("page of %d entries, the limit is %d", len(page.Entries), limit.Entries)
		}
		before := 0
		for i := range page.Entries {
			if key := page.Entries[i].SortKey(); key <= after {
				t.Fatalf("page has %q behind %q", key, after)
			} else {
				after = key
			}
			if i > 0 && before >= bytes {
				t.Fatalf("the page continues after %d bytes, the limit is %d", before, bytes)
			}
			before += len(page.Entries[i].Line)
		}
		all = append(all, page.Entries...)
		if page.Next == "" {
			return all
		}
		if page.Next < after {
			t.Fatalf("next page begins after %q, this one ended with %q", page.Next, after)
		}
		after = page.Next
	}
}

func (s *suite) read(t conformance.T, at place, limit eventlog.PageLimit) []eventlog.Entry {
	t.Helper()
	return pages(t, limit, "", func(after string) (eventlog.Page, error) {
		return s.log.Read(t.Context(), at.lane, at.bucket, after, limit, true)
	})
}

func (s *suite) readEntity(t conformance.T, at place, entity string, limit eventlog.PageLimit) []eventlog.Entry {
	t.Helper()
	return pages(t, limit, "", func(after string) (eventlog.Page, error) {
		return s.log.ReadEntity(t.Context(), at.lane, at.bucket, entity, after, limit)
	})
}

func same(a, b *eventlog.Entry) bool {
	return a.Entity == b.Entity && a.Position == b.Position && a.Logged == b.Logged && bytes.Equal(a.Line, b.Line)
}

func wantEntries(t conformance.T, have, want []eventlog.Entry) {
	t.Helper()
	if len(have) != len(want) {
		t.Fatalf("have %d entries, want %d", len(have), len(want))
	}
	for i := range want {
		if !same(&have[i], &want[i]) {
			t.Fatalf("entry %d is %s, want %s", i, show(&have[i]), show(&want[i]))
		}
	}
}

func show(e *eventlog.Entry) string {
	return fmt.Sprintf("%.100q at %s, logged %d, %d bytes", e.Entity, e.Position, e.Logged, len(e.Line))
}

func must(t conformance.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}
