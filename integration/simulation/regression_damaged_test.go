package simulation

import (
	"context"
	"errors"
	"testing"

	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// A playback record with a valid header and a line that is not an event was
// retried for ever, and with it every later record of its lane, of every
// replay. Now it is set aside and counted, and its events are read from the log
// again.
func TestADamagedPlaybackRecordIsReadAgain(t *testing.T) {
	damages := map[string]func(t *testing.T, w *world, lane event.Lane, header *record.Playback, lines [][]byte) []byte{
		"a line that is no event": func(
			t *testing.T, w *world, lane event.Lane, header *record.Playback, lines [][]byte,
		) []byte {
			return w.packPlayback(t, lane, header, [][]byte{[]byte("no event")})
		},
		"a line of another format": func(
			t *testing.T, w *world, lane event.Lane, header *record.Playback, lines [][]byte,
		) []byte {
			placed := event.AppendPlaced(nil, []byte(`{"specversion":"1.0"}`), "0001-0212-0000", 1)
			return w.packPlayback(t, lane, header, [][]byte{placed})
		},
		"an event of another lane": func(
			t *testing.T, w *world, lane event.Lane, header *record.Playback, lines [][]byte,
		) []byte {
			e := event.Event{ID: "1", Source: "test", Type: typeNoted, Data: `{"n":1}`}
			for _, e.Subject = range w.names {
				if w.lanes.Of(e.Subject) != lane {
					break
				}
			}
			placed := event.AppendPlaced(nil, e.AppendJSON(nil), "0001-0212-0000", 1)
			return w.packPlayback(t, lane, header, [][]byte{placed})
		},
		"a beginning before the first event": func(
			t *testing.T, w *world, lane event.Lane, header *record.Playback, lines [][]byte,
		) []byte {
			header.From = -1
			return w.packPlayback(t, lane, header, append(append(lines[:1:1], lines...), lines...))
		},
		"fewer lines than it says": func(
			t *testing.T, w *world, lane event.Lane, header *record.Playback, lines [][]byte,
		) []byte {
			header.To++
			return w.packPlayback(t, lane, header, lines)
		},
		"more lines than it says": func(
			t *testing.T, w *world, lane event.Lane, header *record.Playback, lines [][]byte,
		) []byte {
			return w.packPlayback(t, lane, header, append(lines[:1:1], lines...))
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			w, a, r := delivered(t)
			ctx := context.Background()
			lane := w.lanes.Of(w.names[0])
			var records [][]byte
			for _, shard := range w.playback.shards {
				for _, stored := range shard {
					records = append(records, stored.data)
				}
			}
			header, lines, err := w.codec.Unpack(records[1])
			if err != nil || len(records) != 3 {
				t.Fatalf("%d records, %v", len(records), err)
			}
			records[1] = damage(t, w, lane, header.Playback, lines)
			consumed, err := w.consumerOf(a).Consume(ctx, lane, records)
			if err != nil || consumed.Events != 1 || consumed.Damaged != 1 || consumed.Gaps != 1 {
				t.Fatalf("%+v, %v", consumed, err)
			}
			if mark := w.markOf(r, lane); mark.Ordinal != 1 {
				t.Errorf("the mark is at %d", mark.Ordinal)
			}
			if state, err := w.drainerOf(a).Check(ctx, r.id, w.clock().Add(drainLimit)); err != nil || state != replay.Reread {
				t.Fatalf("drain: %s, %v", state, err)
			}
			w.readAll(t, a, r.id)
			w.takeIn(t, a)
			if state, err := w.drainerOf(a).Check(ctx, r.id, w.clock()); err != nil || state != replay.Drained {
				t.Fatalf("drain: %s, %v", state, err)
			}
			if proof, err := w.proverOf(a).Prove(ctx, r.id); err != nil || !proof.Complete {
				t.Errorf("prove: %+v, %v", proof, err)
			}
			row, err := w.closerOf(a).Close(ctx, r.id, replay.Succeeded, nil)
			if err != nil || row.Damaged != 1 || lifecycle.Summary(row).Damaged != 1 {
				t.Errorf("the row counts %d damaged records, its view %d; %v", row.Damaged, lifecycle.Summary(row).Damaged, err)
			}
		})
	}
}

func (w *world) packPlayback(t *testing.T, lane event.Lane, header *record.Playback, lines [][]byte) []byte {
	t.Helper()
	data, err := w.codec.Pack(record.Header{Lane: lane, Playback: header}, lines)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Where the row cannot be written, the damage is not forgotten.
func TestDamageIsCountedDurably(t *testing.T) {
	w, a, r := delivered(t)
	ctx := context.Background()
	lane := w.lanes.Of(w.names[0])
	bad := w.packPlayback(t, lane, &record.Playback{Replay: r.id, From: 0, To: 1}, [][]byte{[]byte("no event")})
	consumer := w.consumerOf(a)
	consumer.Store.Table = &interrupted{Table: w.tableOf(a), prefix: r.id, before: func() error { return errFault }}
	if _, err := consumer.Consume(ctx, lane, [][]byte{bad}); !errors.Is(err, errFault) {
		t.Errorf("consume: %v", err)
	}
	if _, err := consumer.Consume(ctx, lane, [][]byte{bad}); err != nil {
		t.Errorf("consume again: %v", err)
	}
	if n := w.rowOf(t, a, r.id).Damaged; n != 1 {
		t.Errorf("the row counts %d", n)
	}
}
