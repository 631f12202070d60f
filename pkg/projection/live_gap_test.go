package projection_test

import (
	"fmt"
	"testing"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// recordOf makes record n, which arrives in the given hour, of any events.
func (b *liveBench) recordOf(n, hour int, events ...event.Event) eventlog.Incoming {
	b.t.Helper()
	var lines [][]byte
	for _, e := range events {
		lines = append(lines, e.AppendJSON(nil))
	}
	data, err := b.live.Decoder.Codec.Pack(record.Header{}, lines)
	if err != nil {
		b.t.Fatal(err)
	}
	return eventlog.Incoming{Sequence: fmt.Sprint(100 + n), Data: data,
		Arrival: time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC).UnixMilli()}
}

// TestWhatIsTakenFromTheLogIsCounted delivers the last of some records first, so that
// the others are read from the log: their events are counted like those that arrive.
func TestWhatIsTakenFromTheLogIsCounted(t *testing.T) {
	of := func(id, kind, data string) event.Event {
		return event.Event{ID: id, Source: "test", Type: kind, Subject: "x", Data: data}
	}
	b := newLiveBench(t)
	var records []eventlog.Incoming
	for i, e := range []event.Event{
		of("a", "it.happened", "1"), of("b", "it.happened", "2"), of("c", "it.happened", "3"),
		of("a", "it.happened", "1"), of("b", "it.happened", "9"),
		of("d", "nobody.wants", "4"), of("e", "is.wrong", "5"), of("f", "it.happened", "6"),
	} {
		records = append(records, b.recordOf(i+1, 12+i/3, e))
	}
	b.commit(records...)
	written, err := b.live.Write(t.Context(), "g0001", 0, records[len(records)-1:])
	want := projection.Tally{Applied: 3, Duplicates: 2, Conflicts: 1, Ignored: 1, Parked: 1}
	if err != nil || written.Tally != want {
		t.Errorf("%+v, %v; want %+v", written.Tally, err, want)
	}
	again, err := b.live.Write(t.Context(), "g0001", 0, records)
	if err != nil || again.Done != len(records) || again.Tally != (projection.Tally{}) {
		t.Errorf("again: %+v, %v", again, err)
	}
}

// TestLoggedTimeGoesOnBehindAGap delivers a record that arrived earlier than those read
// from the log: it belongs to their bucket, and its row says so.
func TestLoggedTimeGoesOnBehindAGap(t *testing.T) {
	b := newLiveBench(t)
	hours := map[int]int{1: 12, 2: 15, 3: 13, 4: 14}
	for n := 1; n <= 4; n++ {
		b.commit(b.record(n, hours[n]))
	}
	for _, batch := range [][]int{{2}, {3, 4}} { // record 1 is read from the log
		var records []eventlog.Incoming
		for _, n := range batch {
			records = append(records, b.record(n, hours[n]))
		}
		if _, err := b.live.Write(t.Context(), "g0001", 0, records); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := b.live.Generations.Open("g0001").Rows(t.Context(), 0, []string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(rows["x"].Buckets); got != "[2026-03-01T12 2026-03-01T15]" || b.history() != seen(1, 4) {
		t.Errorf("buckets %s, which hold %s", got, b.history())
	}
}
