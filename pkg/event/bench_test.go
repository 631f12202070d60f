package event_test

import (
	"testing"

	"reprise/pkg/event"
)

// deposit is a typical event of about 300 bytes.
const deposit = `{"specversion":"1.0","id":"01JNX4M9Q3T7K2V8W5Z6Y0ABCD","source":"/bank/teller/7",` +
	`"type":"account.deposited","subject":"account-000042","time":"2026-03-01T09:30:00.123Z",` +
	`"datacontenttype":"application/json","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",` +
	`"data":{"amount":1250,"currency":"EUR"}}`

func benchmarkEvent(b *testing.B) (event.Event, event.Position, []byte) {
	e, err := event.Parse(deposit)
	if err != nil {
		b.Fatal(err)
	}
	at, err := event.NewPosition(1, "49590338271490256608559692538361571095921575989136588898", 3)
	if err != nil {
		b.Fatal(err)
	}
	return e, at, e.AppendJSON(nil)
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(deposit)))
	for b.Loop() {
		if _, err := event.Parse(deposit); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	e, _, line := benchmarkEvent(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	buffer := make([]byte, 0, 2*len(line))
	for b.Loop() {
		buffer = e.AppendJSON(buffer[:0])
	}
}

func BenchmarkDigestOf(b *testing.B) {
	_, at, line := benchmarkEvent(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		event.DigestOf(at, line)
	}
}

func BenchmarkIdentity(b *testing.B) {
	e, _, _ := benchmarkEvent(b)
	b.ReportAllocs()
	for b.Loop() {
		e.Identity()
	}
}

func BenchmarkSortKey(b *testing.B) {
	e, at, _ := benchmarkEvent(b)
	b.ReportAllocs()
	for b.Loop() {
		event.SortKey(e.Subject, at)
	}
}

func BenchmarkParseSortKey(b *testing.B) {
	e, at, _ := benchmarkEvent(b)
	key := event.SortKey(e.Subject, at)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := event.ParseSortKey(key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLanesOf(b *testing.B) {
	lanes, err := event.NewLanes(64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		lanes.Of("account-000042")
	}
}

func BenchmarkSplitPlaced(b *testing.B) {
	_, at, line := benchmarkEvent(b)
	placed := event.AppendPlaced(nil, line, at, 1772357400123)
	b.ReportAllocs()
	b.SetBytes(int64(len(placed)))
	for b.Loop() {
		if _, _, _, err := event.SplitPlaced(placed); err != nil {
			b.Fatal(err)
		}
	}
}

// NewLanes runs once per start of a function.
func BenchmarkNewLanes(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.NewLanes(64); err != nil {
			b.Fatal(err)
		}
	}
}

// Code that runs for each event on the way to a consumer allocates nothing.
func TestHotPathDoesNotAllocate(t *testing.T) {
	e := parse(t, deposit)
	line := e.AppendJSON(nil)
	at, _ := event.NewPosition(1, "49590338271490256608559692538361571095921575989136588898", 3)
	lanes := newLanes(t, 64)
	buffer := make([]byte, 0, 2*len(line))
	for name, run := range map[string]func(){
		"AppendJSON": func() { e.AppendJSON(buffer) },
		"DigestOf":   func() { event.DigestOf(at, line) },
		"ContentOf":  func() { event.ContentOf(line) },
		"Identity":   func() { e.Identity() },
		"Chain":      func() { event.Digest{}.Chain(event.Digest{}) },
		"Lanes.Of":   func() { lanes.Of(e.Subject) },
	} {
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s allocates %.0f times", name, n)
		}
	}
}
