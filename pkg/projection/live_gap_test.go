package projection_test

import (
	"fmt"
	"testing"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/record"
)

// recordOf makes record n, which arrives in the hour given, of any events.
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

// TestWhatIsTakenFromTheLogIsCounted has the last of some records come first, so
// that the others are read from the log: what became of their events is told as
// it is of events that arrive.
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
