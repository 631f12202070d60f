package eventlogtest

import (
	"bytes"
	"slices"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

func quarantined(at event.Position) eventlog.Quarantined {
	return eventlog.Quarantined{
		Position: at,
		Reason:   "undecodable",
		Detail:   "detail of " + string(at),
		Arrival:  1_700_000_000_123,
		Data:     []byte("\x00\xff raw " + string(at)),
	}
}

func sameQuarantined(a, b eventlog.Quarantined) bool {
	return a.Position == b.Position && a.Reason == b.Reason && a.Detail == b.Detail && a.Arrival == b.Arrival &&
		bytes.Equal(a.Data, b.Data)
}

// before is before every position of the run, but after those of most other
// runs, because the quarantine of a lane is shared.
func (s *suite) before() event.Position { return s.at(-1) }

func (s *suite) list(t conformance.T, lane event.Lane, limit int) []eventlog.Quarantined {
	t.Helper()
	var all []eventlog.Quarantined
	after := s.before()
	for {
		listed, err := s.log.ListQuarantine(t.Context(), lane, after, limit)
		if err != nil {
			t.Fatalf("list quarantine after %s: %v", after, err)
		}
		if len(listed) > limit {
			t.Fatalf("have %d quarantined records, the limit is %d", len(listed), limit)
		}
		for _, q := range listed {
			if q.Position <= after {
				t.Fatalf("quarantine has %s behind %s", q.Position, after)
			}
			after = q.Position
		}
		all = append(all, listed...)
		if len(listed) == 0 {
			return all
		}
	}
}

func (s *suite) quarantine(t *testing.T, lane event.Lane, q eventlog.Quarantined) {
	t.Helper()
	must(t, s.log.Quarantine(t.Context(), lane, q))
}

func (s *suite) testQuarantine(t *testing.T) {
	at := s.place()
	q := quarantined(s.at(1))
	s.quarantine(t, at.lane, q)
	if listed := s.list(t, at.lane, 10); len(listed) != 1 || !sameQuarantined(listed[0], q) {
		t.Fatalf("have %+v", listed)
	}
	if listed := s.list(t, at.lane+1, 10); len(listed) > 0 {
		t.Fatalf("another lane has %+v", listed)
	}
	// A quarantined record is not in the log.
	if have := s.read(t, at, whole); len(have) > 0 {
		t.Fatalf("the bucket has %d entries", len(have))
	}
	s.put(t, at, entry("entity", s.at(1), 5))
	wantEntries(t, s.read(t, at, whole), []eventlog.Entry{entry("entity", s.at(1), 5)})
}

func (s *suite) testQuarantineOnce(t *testing.T) {
	lane := s.place().lane
	first := quarantined(s.at(1))
	late := first
	late.Reason, late.Detail = "late", "another detail"
	for _, q := range []eventlog.Quarantined{first, first, late} {
		s.quarantine(t, lane, q)
	}
	listed := s.list(t, lane, 10)
	if len(listed) != 1 || listed[0].Position != first.Position || !bytes.Equal(listed[0].Data, first.Data) {
		t.Fatalf("have %+v", listed)
	}
}

func (s *suite) testQuarantinePages(t *testing.T) {
	lane := s.place().lane
	var want []eventlog.Quarantined
	for i := range 7 {
		want = append(want, quarantined(s.at(i)))
	}
	for _, q := range slices.Backward(want) {
		s.quarantine(t, lane, q)
	}
	for _, limit := range []int{1, 3, 7, 8} {
		listed := s.list(t, lane, limit)
		if !slices.EqualFunc(listed, want, sameQuarantined) {
			t.Fatalf("pages of %d: have %+v", limit, listed)
		}
		first, err := s.log.ListQuarantine(t.Context(), lane, s.before(), limit)
		if err != nil || len(first) != min(limit, len(want)) {
			t.Fatalf("first of pages of %d: have %d, %v", limit, len(first), err)
		}
	}
}

// testQuarantineLarge quarantines records as large as a stream can deliver:
// they must be kept whole, because nobody else keeps them.
func (s *suite) testQuarantineLarge(t *testing.T) {
	lane := s.place().lane
	var want []eventlog.Quarantined
	for i := range 3 {
		q := quarantined(s.at(i))
		q.Data = []byte(noise(q.Position, 1<<20))
		s.quarantine(t, lane, q)
		want = append(want, q)
	}
	if listed := s.list(t, lane, 10); !slices.EqualFunc(listed, want, sameQuarantined) {
		t.Fatalf("have %d other records", len(listed))
	}
}
