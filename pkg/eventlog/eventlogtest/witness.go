package eventlogtest

import (
	"fmt"
	"slices"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/eventlog"
)

func (s *suite) witness(n int) eventlog.Witness {
	return eventlog.Witness{Bucket: s.place().bucket, First: s.at(n), Count: int64(n), Bytes: int64(100 * n)}
}

func (s *suite) testWitness(t *testing.T) {
	lane := s.place().lane
	var want []eventlog.Witness
	for n := range 5 {
		want = append(want, s.witness(n))
	}
	slices.SortFunc(want, func(a, b eventlog.Witness) int { return compare(string(a.Bucket), string(b.Bucket)) })
	for _, w := range slices.Backward(want) {
		for range 2 { // a repetition counts as stored
			must(t, s.log.PutWitness(t.Context(), lane, w))
		}
	}
	other := want[2]
	other.Count++
	conformance.WantError(t, "put another witness", s.log.PutWitness(t.Context(), lane, other), eventlog.ErrChanged)
	noBucket, noPosition := want[0], want[0]
	noBucket.Bucket, noPosition.First = "no bucket", "no position"
	for _, w := range []eventlog.Witness{noBucket, noPosition} {
		conformance.WantError(t, "put no witness", s.log.PutWitness(t.Context(), lane, w), eventlog.ErrLimit)
	}
	before := want[0].Bucket[:len(want[0].Bucket)-1]
	for _, tt := range []struct {
		after eventlog.Bucket
		limit int
		want  []eventlog.Witness
	}{
		{before, 5, want}, {before, 1, want[:1]}, {before, 2, want[:2]}, {want[1].Bucket, 2, want[2:4]}, {before, 0, nil},
	} {
		have, err := s.log.Witnesses(t.Context(), lane, tt.after, tt.limit)
		if err != nil || !slices.Equal(have, tt.want) {
			t.Fatalf("witnesses after %q: %s, %v, want %s", tt.after, fmt.Sprint(have), err, fmt.Sprint(tt.want))
		}
	}
	// A witness is neither an event of its bucket nor quarantined.
	if have := s.read(t, place{lane, want[0].Bucket}, whole); len(have) > 0 {
		t.Fatalf("the bucket has %d entries", len(have))
	}
	if listed := s.list(t, lane, 10); len(listed) > 0 {
		t.Fatalf("quarantine has %+v", listed)
	}
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// testPutLeftover puts an entry that another attempt has left with another
// logged time: it counts as stored and does not change.
func (s *suite) testPutLeftover(t *testing.T) {
	at := s.place()
	left := entry("entity", s.at(1), 5)
	s.put(t, at, left)
	again := left
	again.Logged += 1_000
	s.put(t, at, again, entry("entity", s.at(2), 5))
	wantEntries(t, s.read(t, at, whole), []eventlog.Entry{left, entry("entity", s.at(2), 5)})
}
