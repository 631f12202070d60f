package replay_test

import (
	"errors"
	"maps"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

// repack packs the lines of playback records of lane 0 as one record with another
// header.
func repack(w *replaytest.World, header record.Header, records ...[]byte) []byte {
	var lines [][]byte
	for _, data := range records {
		_, more, err := w.Codec.Unpack(data)
		w.Must(err)
		lines = append(lines, more...)
	}
	data, err := w.Codec.Pack(header, lines)
	w.Must(err)
	return data
}

// markOf returns the mark of a replay without a generation in lane 0.
func markOf(t *testing.T, w *replaytest.World, id string) datastore.Mark {
	t.Helper()
	key := control.Key{Partition: replay.Partition(id), Sort: "mark#" + event.Lane(0).String()}
	mark, _, err := control.Load[datastore.Mark](t.Context(), w.Store.Table, key)
	if !errors.Is(err, control.ErrNotFound) {
		w.Must(err)
	}
	return mark
}

// wantConsumed consumes records of lane 0 and compares the outcome.
func wantConsumed(t *testing.T, w *replaytest.World, records [][]byte, want replay.Consumed) {
	t.Helper()
	took, err := w.Consumer().Consume(t.Context(), 0, records)
	if want.Replays == nil {
		took.Replays = nil
	}
	same := took.Events == want.Events && took.Repeated == want.Repeated && took.Gaps == want.Gaps &&
		took.Damaged == want.Damaged && took.Foreign == want.Foreign && took.Refused == want.Refused
	if err != nil || !same || !maps.Equal(took.Replays, want.Replays) {
		t.Errorf("consumed %+v, %v; want %+v", took, err, want)
	}
}

// A batch contains whatever the stream delivers. Whether a record is consumed,
// repeated, dropped or skipped depends only on the record, not on those around
// it.
func TestABatchOfManyReplaysIsConsumedRecordByRecord(t *testing.T) {
	w, mine := undelivered(t)
	w.Plan("s", replay.Request{})
	tap := &replaytest.Tap{Stream: w.Playback, Codec: w.Codec}
	reader := w.Reader()
	reader.Playback, reader.RecordBytes = tap, 1
	_, err := reader.Read(t.Context(), "s", 0, w.Soon())
	w.Must(err)
	theirs := tap.Data
	header := func(lane event.Lane, id string) record.Header {
		return record.Header{Lane: lane, Playback: &record.Playback{Replay: id, To: 1}}
	}
	wantConsumed(t, w, [][]byte{
		mine[0],
		[]byte("no record"),
		theirs[0],
		repack(w, header(1, "r"), mine[1]), // of another lane
		mine[1],
		mine[0],
		repack(w, record.Header{}, mine[2]), // not a playback record
		theirs[2],
		repack(w, header(0, "never-entered"), mine[0]),
		repack(w, header(0, "not an id"), mine[0]),
		mine[2],
	}, replay.Consumed{
		Events:   4,
		Repeated: 1,
		Gaps:     1,
		Foreign:  5,
		Replays:  map[string]int64{"r": 4, "s": 2, "never-entered": 1},
	})
	if mark, other := markOf(t, w, "r"), markOf(t, w, "s"); mark.Ordinal != 3 || other.Ordinal != 1 {
		t.Errorf("marks at %d and %d", mark.Ordinal, other.Ordinal)
	}
}

// Of a record that begins before the mark, only the events after it are consumed.
func TestARecordThatOverlapsIsConsumedFromTheMark(t *testing.T) {
	w, records := undelivered(t)
	last, _, err := w.Codec.Unpack(records[2])
	w.Must(err)
	place := last.Playback.Place
	tail := repack(w, record.Header{Playback: &record.Playback{Replay: "r", From: 1, To: 3, Place: place}}, records[1:]...)
	whole := repack(w, record.Header{Playback: &record.Playback{Replay: "r", From: 0, To: 3, Place: place}}, records...)
	wantConsumed(t, w, records[:2], replay.Consumed{Events: 2})
	wantConsumed(t, w, [][]byte{tail, whole}, replay.Consumed{Events: 1, Repeated: 4})
	if mark := markOf(t, w, "r"); mark.Ordinal != 3 || string(mark.Place) != string(place) {
		t.Errorf("the mark is %+v", mark)
	}
	if proof, err := w.Prover().Prove(t.Context(), "r"); err != nil || !proof.Complete {
		t.Errorf("proved as %+v, %v", proof, err)
	}
}

// Nothing is consumed of a record that cannot be decoded as its header says. It
// is counted in the replay's row, and the records after it are behind a gap.
func TestNothingIsConsumedOfADamagedRecord(t *testing.T) {
	e := event.Event{ID: "1", Source: "test", Type: "it.happened"}
	placed := func(line []byte) []byte { return event.AppendPlaced(nil, line, "0001-0212-0000", 1) }
	for name, damage := range map[string]func(w *replaytest.World, p *record.Playback, line []byte) [][]byte{
		"a line that is no event": func(_ *replaytest.World, p *record.Playback, line []byte) [][]byte {
			p.To++
			return [][]byte{line, []byte("no event")}
		},
		"an event of another format": func(_ *replaytest.World, p *record.Playback, line []byte) [][]byte {
			p.To++
			return [][]byte{line, placed([]byte(`{"specversion":"1.0"}`))}
		},
		"an event of another lane": func(w *replaytest.World, p *record.Playback, line []byte) [][]byte {
			e.Subject = w.EntitiesIn(1, 1)[0]
			p.To++
			return [][]byte{line, placed(e.AppendJSON(nil))}
		},
		"a beginning before the first event": func(_ *replaytest.World, p *record.Playback, line []byte) [][]byte {
			p.From = -1
			return [][]byte{line, line, line}
		},
		"more lines than the header says": func(_ *replaytest.World, _ *record.Playback, line []byte) [][]byte {
			return [][]byte{line, line}
		},
		"fewer lines than the header says": func(_ *replaytest.World, p *record.Playback, line []byte) [][]byte {
			p.To++
			return [][]byte{line}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, records := undelivered(t)
			header, lines, err := w.Codec.Unpack(records[1])
			w.Must(err)
			lines = damage(w, header.Playback, lines[0])
			bad, err := w.Codec.Pack(header, lines)
			w.Must(err)
			wantConsumed(t, w, [][]byte{records[0], bad, records[2]}, replay.Consumed{Events: 1, Damaged: 1, Gaps: 1})
			wantConsumed(t, w, [][]byte{bad}, replay.Consumed{Damaged: 1})
			if mark, row := markOf(t, w, "r"), w.Row("r"); mark.Ordinal != 1 || row.Damaged != 2 {
				t.Errorf("the mark is at %d, the row counts %d", mark.Ordinal, row.Damaged)
			}
		})
	}
}

// Only damage is written into the row: batches without it do not touch the row. A
// batch whose damage cannot be counted is retried.
func TestDamageAloneIsWrittenIntoTheRow(t *testing.T) {
	w, records := undelivered(t)
	header, lines, err := w.Codec.Unpack(records[0])
	w.Must(err)
	header.Playback.To++
	bad, err := w.Codec.Pack(header, lines)
	w.Must(err)
	consumer := w.Consumer()
	consumer.Store.Table = replaytest.Intercepted{Table: w.Store.Table, Write: replaytest.Failing(replay.RowKey("r"))}
	if took, err := consumer.Consume(t.Context(), 0, records); err != nil || took.Events != 3 {
		t.Errorf("without damage: %+v, %v", took, err)
	}
	took, err := consumer.Consume(t.Context(), 0, [][]byte{bad})
	if !errors.Is(err, replaytest.ErrUnreadable) || took.Damaged != 0 || took.Replays["r"] != 1 {
		t.Errorf("with damage: %+v, %v", took, err)
	}
}

// Records of a replay that must not continue are skipped: no mark moves.
func TestNothingIsConsumedForAReplayThatIsOver(t *testing.T) {
	for name, end := range map[string]func(w *replaytest.World){
		"failed": func(w *replaytest.World) {
			_, _, err := w.Store.End(t.Context(), "r", replay.Failed, nil, nil)
			w.Must(err)
		},
		"with a fault": func(w *replaytest.World) {
			w.Change("r", func(row *replay.Row) { row.Fault = &replay.Failure{Error: replay.FaultLost} })
		},
	} {
		w, records := undelivered(t)
		end(w)
		wantConsumed(t, w, records, replay.Consumed{Foreign: 3})
		if mark := markOf(t, w, "r"); mark.Ordinal != 0 {
			t.Errorf("%s: the mark is at %d", name, mark.Ordinal)
		}
	}
}

// A row or mark that cannot be read says nothing about the replay: the batch is
// retried, and none of it is dropped.
func TestABatchIsRetriedWhileTheTableDoesNotAnswer(t *testing.T) {
	mark := control.Key{Partition: replay.Partition("r"), Sort: "mark#" + event.Lane(0).String()}
	for _, key := range []control.Key{replay.RowKey("r"), mark} {
		w, records := undelivered(t)
		consumer := w.Consumer()
		consumer.Store.Table = replaytest.Intercepted{Table: w.Store.Table, Read: replaytest.Failing(key)}
		took, err := consumer.Consume(t.Context(), 0, records)
		if !errors.Is(err, replaytest.ErrUnreadable) || took.Foreign != 0 || took.Events != 0 || took.Replays["r"] != 3 {
			t.Errorf("without %s: %+v, %v", key.Sort, took, err)
		}
		wantConsumed(t, w, records, replay.Consumed{Events: 3})
	}
}

// Of two consumers of a lane that read the same mark, the late one moves
// nothing: its batch is retried, and is a repetition by then.
func TestALateConsumerMovesNoMark(t *testing.T) {
	w, records := undelivered(t)
	mark := control.Key{Partition: replay.Partition("r"), Sort: "mark#" + event.Lane(0).String()}
	late := w.Consumer()
	late.Store.Table = replaytest.Intercepted{Table: w.Store.Table, Write: replaytest.Once(mark, func() {
		wantConsumed(t, w, records, replay.Consumed{Events: 3})
	})}
	if _, err := late.Consume(t.Context(), 0, records[:1]); !errors.Is(err, control.ErrConflict) {
		t.Errorf("the late consumer got %v", err)
	}
	wantConsumed(t, w, records[:1], replay.Consumed{Repeated: 1})
	if mark := markOf(t, w, "r"); mark.Ordinal != 3 {
		t.Errorf("the mark is at %d", mark.Ordinal)
	}
}
