package segment_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/segment"
)

// sendAtOnce logs n events of an entity in one record.
func sendAtOnce(t *testing.T, w *replaytest.World, entity string, n int) {
	t.Helper()
	lines := make([][]byte, n)
	for i := range lines {
		e := event.Event{ID: "many-" + strconv.Itoa(i), Source: "test", Type: "it.happened", Subject: entity}
		lines[i] = e.AppendJSON(nil)
	}
	lane := w.Lanes.Of(entity)
	data, err := w.Codec.Pack(record.Header{Lane: lane}, lines)
	w.Must(err)
	pump := eventlog.Pump{
		Log:     w.Log,
		Heads:   w.Heads,
		Width:   eventlog.Hour,
		Decoder: &eventlog.Decoder{Codec: w.Codec, Lanes: w.Lanes, Epoch: 1},
	}
	_, err = pump.Commit(t.Context(), lane, []eventlog.Incoming{
		{Sequence: "1", Arrival: w.Now.UnixMilli(), Data: data}})
	w.Must(err)
}

// A record ends with the event that brings its lines to RecordBytes, or at the
// maximum number of events.
func TestRecordsEndAtTheirLimits(t *testing.T) {
	w := replaytest.New(t)
	a := w.EntitiesIn(0, 1)[0]
	line := len((&event.Event{ID: "1", Source: "test", Type: "it.happened", Subject: a}).AppendJSON(nil))
	for _, tt := range []struct {
		bytes  int
		before func()
		want   [][2]int64
	}{
		{2 * line, func() { w.Send(a, a, a, a, a) }, [][2]int64{{0, 2}, {2, 4}, {4, 5}}},
		{2*line + 1, func() {}, [][2]int64{{0, 3}, {3, 5}}},
		{1 << 30, func() {}, [][2]int64{{0, 5}}},
	} {
		tt.before()
		id := "r" + strconv.Itoa(tt.bytes)
		w.Plan(id, replay.Request{})
		tap := &replaytest.Tap{Stream: w.Playback, Codec: w.Codec}
		reader := w.Reader()
		reader.Playback, reader.RecordBytes = tap, tt.bytes
		_, err := reader.Read(t.Context(), id, 0, w.Soon())
		if err != nil || !slices.Equal(tap.Spans(), tt.want) {
			t.Errorf("records of %d bytes hold %v, want %v; %v", tt.bytes, tap.Spans(), tt.want, err)
		}
	}

	w = replaytest.New(t)
	sendAtOnce(t, w, a, record.MaxEvents)
	w.Send(a)
	w.Plan("r", replay.Request{})
	tap := &replaytest.Tap{Stream: w.Playback, Codec: w.Codec}
	reader := w.Reader()
	reader.Playback, reader.RecordBytes = tap, 1<<30
	_, err := reader.Read(t.Context(), "r", 0, w.Soon())
	want := [][2]int64{{0, record.MaxEvents}, {record.MaxEvents, record.MaxEvents + 1}}
	if err != nil || !slices.Equal(tap.Spans(), want) {
		t.Errorf("records hold %v, want %v; %v", tap.Spans(), want, err)
	}
}

// readInPieces calls a reader until it has read a replay's first group, and
// returns the number of calls.
func readInPieces(t *testing.T, w *replaytest.World, reader *segment.Reader) int {
	t.Helper()
	for calls := 1; calls < 100; calls++ {
		outcome, err := reader.Read(t.Context(), "r", 0, w.Soon())
		w.Must(err)
		if outcome == segment.Done {
			return calls
		}
	}
	t.Fatal("the reader does not come to an end")
	return 0
}

// Readers that repeatedly run out of time read every page once between them,
// whatever the buckets and the order of entities in them, and deliver every
// event once.
func TestReadersReadNoPageTwice(t *testing.T) {
	w := replaytest.New(t)
	entities := w.EntitiesIn(0, 3)
	for range 3 {
		w.Send(entities[2], entities[0], entities[1], entities[0])
		w.Now = w.Now.Add(time.Hour)
	}
	w.Plan("r", replay.Request{})
	tap := &logTap{Log: w.Log, before: func() { w.Now = w.Now.Add(25 * time.Second) }}
	reader := w.Reader()
	reader.Log, reader.RecordBytes, reader.PageBytes = tap, 1, 1
	if reads := readInPieces(t, w, reader); reads < 4 {
		t.Errorf("read in %d calls", reads)
	}
	pages := slices.Clone(tap.reads)
	slices.Sort(pages)
	if once := slices.Compact(slices.Clone(pages)); len(pages) != 12 || len(once) != 12 {
		t.Errorf("pages read: %q, want 12 different ones", pages)
	}
	if took := w.Consume(); took.Events != 12 || took.Repeated != 0 || took.Gaps != 0 {
		t.Errorf("consumed %+v", took)
	}
}

// Pages are read consistently for a minute after the cut, because they may
// contain what was written just before it.
func TestPagesAreReadConsistentlyAfterTheCut(t *testing.T) {
	for age, want := range map[time.Duration]bool{
		0:                             true,
		time.Minute - time.Nanosecond: true,
		time.Minute:                   false,
		time.Hour:                     false,
	} {
		w := replaytest.New(t)
		w.Send("a")
		w.Plan("r", replay.Request{})
		w.Now = w.Now.Add(age)
		tap := &logTap{Log: w.Log}
		reader := w.Reader()
		reader.Log = tap
		_, err := reader.Read(t.Context(), "r", 0, w.Soon())
		if err != nil || len(tap.consistent) != 1 || tap.consistent[0] != want {
			t.Errorf("%s after the cut: %v, %v", age, tap.consistent, err)
		}
	}
}

// While nothing is selected the checkpoint moves at intervals, so that little is
// read again after a crash.
func TestTheCheckpointOfASparseSelectionMoves(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a", "a", "a", "a", "a")
	w.Plan("r", replay.Request{Types: []string{"another.type"}})
	stored := &checkpointTap{Table: w.Store.Table}
	reader := w.Reader()
	reader.Store.Table = stored
	reader.Log = &logTap{Log: w.Log, before: func() { w.Now = w.Now.Add(time.Second) }}
	reader.PageBytes, reader.CheckpointEvery = 1, 2*time.Second
	_, err := reader.Read(t.Context(), "r", 0, w.Soon())
	w.Must(err)
	var reads []int64
	for _, at := range stored.stored {
		reads = append(reads, at.Read.Count)
	}
	if want := []int64{2, 4, 5}; !slices.Equal(reads, want) {
		t.Errorf("checkpoints after %v events, want %v", reads, want)
	}
}

// No checkpoint passes a selected event that is not delivered yet, however far
// away the next selected one is.
func TestNoCheckpointPassesWhatIsNotDelivered(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a")
	for range 4 {
		w.SendType("is.wrong", "a")
	}
	w.Plan("r", replay.Request{Types: []string{"it.happened"}})
	stored := &checkpointTap{Table: w.Store.Table}
	tap := &replaytest.Tap{Stream: w.Playback, Codec: w.Codec}
	reader := w.Reader()
	reader.Store.Table, reader.Playback = stored, tap
	reader.Log = &logTap{Log: w.Log, before: func() { w.Now = w.Now.Add(time.Second) }}
	reader.PageBytes, reader.CheckpointEvery = 1, time.Second
	_, err := reader.Read(t.Context(), "r", 0, w.Soon())
	w.Must(err)
	if want := [][2]int64{{0, 1}}; !slices.Equal(tap.Spans(), want) {
		t.Errorf("records hold %v, want %v", tap.Spans(), want)
	}
	for _, at := range stored.stored {
		if at.Delivered.Count != 1 || at.Read.Count != 5 {
			t.Errorf("a checkpoint is stored after %+v", at)
		}
	}
	if took := w.Consume(); took.Events != 1 {
		t.Errorf("consumed %+v", took)
	}
}

// A reader can continue from the place that a record carries: after a lane is
// read again, that place contains nothing that described the lane's end the
// first time.
func TestARecordsPlaceHoldsNoEnd(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a", "a")
	w.Plan("r", replay.Request{})
	w.Deliver("r")
	w.Lose()
	drainer := &replay.Drainer{Store: w.Store, Registry: w.Registry, Generations: w.Generations,
		Patience: time.Second, Poll: time.Second, Sleep: w.Sleep}
	if state, err := drainer.Check(t.Context(), "r", w.Soon()); state != replay.Reread || err != nil {
		t.Fatalf("drain: %s, %v", state, err)
	}
	tap := &replaytest.Tap{Stream: w.Playback, Codec: w.Codec}
	reader := w.Reader()
	reader.Playback = tap
	_, err := reader.Read(t.Context(), "r", 0, w.Soon())
	w.Must(err)
	if len(tap.Puts) != 1 {
		t.Fatalf("records hold %v", tap.Spans())
	}
	var place map[string]json.RawMessage
	w.Must(json.Unmarshal(tap.Puts[0].Playback.Place, &place))
	if _, found := place["end"]; found || string(place["bucket"]) != `"2026-03-01T00"` {
		t.Errorf("the place is %s", tap.Puts[0].Playback.Place)
	}
}
