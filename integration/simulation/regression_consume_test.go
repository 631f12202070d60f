package simulation

import (
	"context"
	"maps"
	"testing"

	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/replay"
)

// playedBack returns the records of a lane in the playback stream by replay, in
// order.
func (w *world) playedBack(t *testing.T, lane event.Lane) map[string][][]byte {
	t.Helper()
	all := make(map[string][][]byte)
	for _, shard := range w.playback.shards {
		for _, stored := range shard {
			header, _, err := w.codec.Unpack(stored.data)
			if err != nil {
				t.Fatal(err)
			}
			if stored.lane == lane {
				all[header.Playback.Replay] = append(all[header.Playback.Replay], stored.data)
			}
		}
	}
	return all
}

// A batch contains whatever the stream delivers. Each record is judged by
// itself, and none affects another.
func TestABatchOfManyReplaysIsTakenInRecordByRecord(t *testing.T) {
	w, a, r := delivered(t)
	ctx := context.Background()
	lane := w.lanes.Of(w.names[0])
	other := &replayModel{id: "other", lanes: make(map[event.Lane]*expected)}
	w.replays[other.id] = other
	if _, _, err := w.storeOf(a).Create(ctx, other.id, other.request); err != nil {
		t.Fatal(err)
	}
	w.readAll(t, a, other.id)
	records := w.playedBack(t, lane)
	mine, others := records[r.id], records[other.id]
	if len(mine) != 3 || len(others) != 3 {
		t.Fatalf("%d and %d records", len(mine), len(others))
	}
	header, lines, err := w.codec.Unpack(mine[1])
	if err != nil {
		t.Fatal(err)
	}
	astray := w.packPlayback(t, lane^1, header.Playback, lines)
	live, err := w.codec.Pack(record.Header{Lane: lane}, lines)
	if err != nil {
		t.Fatal(err)
	}
	unknown := w.packPlayback(t, lane, &record.Playback{Replay: "never-entered", To: 1}, lines)
	batch := [][]byte{mine[0], []byte("no record"), others[0], astray, mine[1], mine[0], live, others[2], unknown, mine[2]}
	sum, err := w.consumerOf(a).Consume(ctx, lane, batch)
	if err != nil || sum.Events != 4 || sum.Repeated != 1 || sum.Gaps != 1 || sum.Foreign != 4 ||
		sum.Damaged != 0 || sum.Refused != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	if want := map[string]int64{r.id: 4, other.id: 2, "never-entered": 1}; !maps.Equal(sum.Replays, want) {
		t.Errorf("weights %v, want %v", sum.Replays, want)
	}
	if at, also := w.markOf(r, lane).Ordinal, w.markOf(other, lane).Ordinal; at != 3 || also != 1 {
		t.Errorf("marks at %d and %d", at, also)
	}
}

// A reader that continued from an earlier checkpoint cuts records differently.
// Of a record that begins before the mark, only the events after the mark are
// taken in.
func TestARecordThatOverlapsIsTakenInFromTheMarkOn(t *testing.T) {
	w, a, r := delivered(t)
	ctx := context.Background()
	lane := w.lanes.Of(w.names[0])
	mine := w.playedBack(t, lane)[r.id]
	var lines [][]byte
	for _, data := range mine {
		_, more, err := w.codec.Unpack(data)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, more...)
	}
	last, _, err := w.codec.Unpack(mine[2])
	if err != nil {
		t.Fatal(err)
	}
	whole := w.packPlayback(t, lane, &record.Playback{Replay: r.id, From: 0, To: 3, Place: last.Playback.Place}, lines)
	for _, batch := range [][][]byte{{mine[0]}, {whole}, {whole}} {
		before := w.markOf(r, lane).Ordinal
		sum, err := w.consumerOf(a).Consume(ctx, lane, batch)
		if err != nil || before > 0 && (sum.Repeated != before || sum.Events != 3-before) {
			t.Fatalf("at %d: %+v, %v", before, sum, err)
		}
	}
	w.drain(t, a, r.id)
	if proof := w.prove(t, a, r.id); !proof.Complete || proof.Applied.Count != 3 {
		t.Errorf("%+v", proof)
	}
}

// Records that a replay delivered before its end are dropped when they arrive
// after it, and change nothing.
func TestNothingIsTakenInAfterTheReplaysEnd(t *testing.T) {
	w, a, r := delivered(t)
	ctx := context.Background()
	lane := w.lanes.Of(w.names[0])
	mine := w.playedBack(t, lane)[r.id]
	if _, _, err := w.storeOf(a).End(ctx, r.id, replay.Failed, nil, nil); err != nil {
		t.Fatal(err)
	}
	sum, err := w.consumerOf(a).Consume(ctx, lane, mine)
	if err != nil || sum.Foreign != 3 || sum.Events != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	if at := w.markOf(r, lane).Ordinal; at != 0 {
		t.Errorf("the mark is at %d", at)
	}
}
