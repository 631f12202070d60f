package eventlog_test

import (
	"errors"
	"testing"
	"time"

	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
)

// foreign is a record that was put into the stream by something other than the
// edge.
func (w *world) foreign(keepTime bool, line string) eventlog.Incoming {
	w.t.Helper()
	data, err := w.codec.Pack(record.Header{Lane: w.lanes.Of("e"), KeepTime: keepTime}, [][]byte{[]byte(line)})
	if err != nil {
		w.t.Fatal(err)
	}
	return eventlog.Incoming{Sequence: "7", Arrival: noon.UnixMilli(), Data: data}
}

// However a writer spells an event, the log has its canonical line: the lines
// of a playback record end with their object.
func TestDecodedLinesAreCanonical(t *testing.T) {
	w := newWorld(t)
	const want = `{"specversion":"1.0","id":"é","source":"/s","type":"t","subject":"e","data":{"a":1}}`
	for _, line := range []string{
		want, want + " ", " " + want,
		`{"subject":"e","data":{ "a":1},"type":"t","id":"\u00e9","source":"\/s","specversion":"1.0","time":null}`,
	} {
		decoded, err := w.pump.Decoder.Decode(w.lanes.Of("e"), w.foreign(false, line))
		if err != nil || len(decoded.Events) != 1 || string(decoded.Events[0].Line) != want {
			t.Errorf("%s: %+v, %v", line, decoded, err)
		}
	}
}

// A kept time in the far future would carry its lane there for ever. The limit
// is wider than the edge's, whose clock may differ.
func TestKeptTimesOfTheFarFutureAreUndecodable(t *testing.T) {
	w := newWorld(t)
	for ahead, sound := range map[time.Duration]bool{-time.Hour: true, 5 * time.Minute: true, time.Hour: true,
		time.Hour + time.Millisecond: false} {
		line := `{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"e","time":"` +
			noon.Add(ahead).Format(time.RFC3339Nano) + `"}`
		_, err := w.pump.Decoder.Decode(w.lanes.Of("e"), w.foreign(true, line))
		var undecodable *eventlog.Undecodable
		if (err == nil) != sound || !sound && !errors.As(err, &undecodable) {
			t.Errorf("%s ahead: %v", ahead, err)
		}
		if _, err := w.pump.Decoder.Decode(w.lanes.Of("e"), w.foreign(false, line)); err != nil {
			t.Errorf("%s ahead, not kept: %v", ahead, err)
		}
	}
}

// The arrivals of a copied record are those of its events, one each, and not in the far
// future.
func TestArrivalsOfACopyAreItsEvents(t *testing.T) {
	w := newWorld(t)
	line := []byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"e"}`)
	for _, c := range []struct {
		arrivals []int64
		sound    bool
	}{
		{[]int64{5, 7}, true}, {[]int64{5}, false}, {[]int64{5, 6, 7}, false}, {[]int64{-1, 7}, false},
		{[]int64{5, noon.Add(time.Hour).UnixMilli()}, true}, {[]int64{5, noon.Add(time.Hour).UnixMilli() + 1}, false},
	} {
		header := record.Header{Lane: w.lanes.Of("e"), Arrivals: c.arrivals}
		data, err := w.codec.Pack(header, [][]byte{line, line})
		if err != nil {
			t.Fatal(err)
		}
		in := eventlog.Incoming{Sequence: "7", Arrival: noon.UnixMilli(), Data: data}
		decoded, err := w.pump.Decoder.Decode(w.lanes.Of("e"), in)
		var undecodable *eventlog.Undecodable
		if (err == nil) != c.sound || !c.sound && !errors.As(err, &undecodable) {
			t.Errorf("%v: %v", c.arrivals, err)
		}
		for i := range decoded.Events {
			if decoded.Events[i].Arrival != c.arrivals[i] {
				t.Errorf("%v: event %d arrived at %d", c.arrivals, i, decoded.Events[i].Arrival)
			}
		}
	}
}
