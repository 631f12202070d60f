package simulation

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

// What a replay is proved against must not be what it was read by. Here heads,
// manifests and events are damaged one at a time, and every proof that should
// fail does fail.

// proofOf makes a rebuild of three events of one entity in three buckets, one
// event of another lane, and an event that the stream has forgotten. damage
// runs before the rebuild is planned. It returns the proof.
func proofOf(t *testing.T, request replay.Request, damage func(w *world, lane event.Lane)) replay.Proof {
	t.Helper()
	w, a := quietWorld(t)
	entity := w.names[0]
	lane := w.lanes.Of(entity)
	for _, id := range []string{"1", "2", "3"} {
		w.logEvent(t, a, entity, id, typeNoted)
		w.drift += 3_600_000
	}
	damage(w, lane)
	w.deliver(t, a, request)
	return w.prove(t, a, "r")
}

// forget removes documents of the control table.
func (w *world) forget(partition, sort string) {
	for key := range w.table.stored {
		if key.Partition == partition && strings.HasPrefix(key.Sort, sort) {
			delete(w.table.stored, key)
		}
	}
}

func headKey(lane event.Lane) control.Key {
	return control.Key{Partition: "head#" + lane.String(), Sort: "head"}
}

// editHead changes a stored head.
func (w *world) editHead(t *testing.T, lane event.Lane, edit func(*eventlog.Head)) {
	t.Helper()
	ctx, a := context.Background(), w.newActor("editor")
	a.direct = true
	saw := w.broken
	_, err := control.Update(ctx, w.tableOf(a), headKey(lane), func(head *eventlog.Head, _ bool) error {
		edit(head)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.broken = saw
}

func TestProofSeesDamage(t *testing.T) {
	since := time.UnixMilli(0).UTC()
	for _, tt := range []struct {
		name    string
		request replay.Request
		damage  func(t *testing.T, w *world, lane event.Lane)
		want    string
	}{
		{"none", replay.Request{Rebuild: true}, func(*testing.T, *world, event.Lane) {}, ""},
		{"none, in a time range", replay.Request{From: &since}, func(*testing.T, *world, event.Lane) {}, ""},
		{"a manifest is gone", replay.Request{Rebuild: true}, func(t *testing.T, w *world, lane event.Lane) {
			w.forget("manifest#"+lane.String(), "2026-03-01T09")
		}, "events in the manifests"},
		{
			"a manifest is gone, types are selected",
			replay.Request{Types: []string{typeNoted}},
			func(t *testing.T, w *world, lane event.Lane) {
				w.forget("manifest#"+lane.String(), "2026-03-01T09")
			},
			"events in the manifests",
		},
		{"the head counts other bytes", replay.Request{Rebuild: true}, func(t *testing.T, w *world, lane event.Lane) {
			w.editHead(t, lane, func(h *eventlog.Head) { h.Bytes++ })
		}, "bytes in the manifests"},
		{"the head has another digest", replay.Request{Rebuild: true}, func(t *testing.T, w *world, lane event.Lane) {
			w.editHead(t, lane, func(h *eventlog.Head) { h.Digest.Lo++ })
		}, "digest of the events in the manifests"},
		{"a lane's head is gone", replay.Request{Rebuild: true}, func(t *testing.T, w *world, lane event.Lane) {
			delete(w.table.stored, headKey(lane))
		}, "head is behind what the log has witnessed"},
		{
			"a lane's head is gone, in a time range",
			replay.Request{From: &since},
			func(t *testing.T, w *world, lane event.Lane) {
				delete(w.table.stored, headKey(lane))
			},
			"head is behind what the log has witnessed",
		},
		{"all of the control table is gone", replay.Request{Rebuild: true}, func(t *testing.T, w *world, _ event.Lane) {
			for key := range w.table.stored {
				if kind, _, _ := strings.Cut(key.Partition, "#"); kind == "head" || kind == "manifest" || kind == "register" {
					delete(w.table.stored, key)
				}
			}
		}, "head is behind what the log has witnessed"},
		{
			"the head is an older one, of the bucket before",
			replay.Request{Rebuild: true},
			func(t *testing.T, w *world, lane event.Lane) {
				w.editHead(t, lane, func(h *eventlog.Head) {
					last := h.Closed[len(h.Closed)-1]
					h.Bucket, h.Open, h.Closed = last.Bucket, last.Manifest, nil
					h.Position, h.Count = last.Manifest.Last, h.Count-1
				})
			},
			"head is behind what the log has witnessed",
		},
		{
			"the stream has forgotten an event beyond the head",
			replay.Request{Rebuild: true},
			func(t *testing.T, w *world, lane event.Lane) {
				w.strand(t, lane)
			},
			"beyond the lane's head",
		},
		{
			"the head was set back within its bucket, and went on",
			replay.Request{Rebuild: true},
			func(t *testing.T, w *world, lane event.Lane) {
				a := w.newActor("restorer")
				a.direct = true
				w.logEvent(t, a, w.names[0], "opens its bucket", typeNoted)
				before := w.table.stored[headKey(lane)]
				w.logEvent(t, a, w.names[0], "forgotten", typeNoted)
				w.table.stored[headKey(lane)] = before
				w.logEvent(t, a, w.names[0], "later", typeNoted)
				w.now += (retention + 5*time.Hour).Milliseconds()
			},
			"neither in the log nor set aside",
		},
		{
			"none, but for an old leftover of a late record",
			replay.Request{Rebuild: true},
			func(t *testing.T, w *world, lane event.Lane) {
				w.leaveLate(t, lane)
				w.now += (retention + 5*time.Hour).Milliseconds()
			},
			"",
		},
		{
			"none, but for an old leftover in another bucket",
			replay.Request{Rebuild: true},
			func(t *testing.T, w *world, lane event.Lane) {
				from, to := bucketKey{lane, "2026-03-01T10"}, bucketKey{lane, "2026-03-01T11"}
				w.events.buckets[to] = append(w.events.buckets[to], w.events.buckets[from]...)
				slices.SortFunc(w.events.buckets[to], func(a, b storedEntry) int { return strings.Compare(a.key, b.key) })
				w.now += (retention + 5*time.Hour).Milliseconds()
			},
			"",
		},
		{"an event of the log is gone", replay.Request{Rebuild: true}, func(t *testing.T, w *world, lane event.Lane) {
			at := bucketKey{lane, "2026-03-01T10"}
			w.events.buckets[at] = w.events.buckets[at][1:]
		}, "events read of the log"},
		{"an event of the log was changed", replay.Request{Rebuild: true}, func(t *testing.T, w *world, lane event.Lane) {
			e := &w.events.buckets[bucketKey{lane, "2026-03-01T10"}][0].entry
			e.Line = []byte(strings.Replace(string(e.Line), `"n":1`, `"n":2`, 1))
		}, "digest of the events read of the log"},
		{"an event of the log grew", replay.Request{Rebuild: true}, func(t *testing.T, w *world, lane event.Lane) {
			e := &w.events.buckets[bucketKey{lane, "2026-03-01T10"}][0].entry
			e.Line = []byte(strings.Replace(string(e.Line), `"n":1`, `"n":12`, 1))
		}, "bytes read of the log"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proof := proofOf(t, tt.request, func(w *world, lane event.Lane) { tt.damage(t, w, lane) })
			if proof.Complete != (tt.want == "") {
				t.Errorf("complete %t, %+v", proof.Complete, proof.Differences)
			}
			found := tt.want == ""
			for _, d := range proof.Differences {
				found = found || strings.Contains(d.What, tt.want)
			}
			if !found {
				t.Errorf("differences %+v, want one that says %q", proof.Differences, tt.want)
			}
		})
	}
}

// leaveLate lets a pump die before its head moves. Another pump then commits
// the next record, and the first record is retried.
func (w *world) leaveLate(t *testing.T, lane event.Lane) {
	t.Helper()
	a := w.newActor("late")
	a.direct = true
	in := func(id string) eventlog.Incoming {
		e := event.Event{ID: id, Source: "test", Type: typeNoted, Subject: w.names[0], Data: `{"n":1}`}
		data := w.pack(record.Header{Lane: lane}, [][]byte{e.AppendJSON(nil)})
		w.direct.Lock()
		defer w.direct.Unlock()
		return eventlog.Incoming{Sequence: w.ingest.put(w.lanes.Key(lane), data), Arrival: w.arrival(), Data: data}
	}
	late, next := in("late"), in("next")
	dying := w.pumpOf(a)
	dying.Heads.Table = &interrupted{Table: w.tableOf(a), prefix: "head", before: func() error { return errFault }}
	if _, err := dying.Commit(a.ctx, lane, []eventlog.Incoming{late}); !errors.Is(err, errFault) {
		t.Fatal(err)
	}
	for _, in := range []eventlog.Incoming{next, late} {
		if _, err := w.pumpOf(a).Commit(a.ctx, lane, []eventlog.Incoming{in}); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.events.quarantine[lane]) != 1 {
		t.Fatalf("%d records are set aside", len(w.events.quarantine[lane]))
	}
}

// strand puts an event into the open bucket beyond the head, and lets more time
// pass than the event stream keeps records.
func (w *world) strand(t *testing.T, lane event.Lane) {
	t.Helper()
	head := w.model.lanes[lane].covered
	at, err := event.NewPosition(epoch, "9"+head.Position.Sequence(), 0)
	if err != nil {
		t.Fatal(err)
	}
	e := event.Event{ID: "stranded", Source: "test", Type: typeNoted, Subject: w.names[0], Data: `{"n":1}`}
	entry := eventlog.Entry{Entity: e.Subject, Position: at, Logged: head.Logged, Line: e.AppendJSON(nil)}
	key := bucketKey{lane, head.Bucket}
	w.events.buckets[key] = append(w.events.buckets[key], storedEntry{key: entry.SortKey(), entry: entry, written: w.now})
	w.now += (retention + 5*time.Hour).Milliseconds()
}

// TestEventBeyondTheHeadThatIsStillToCome is no damage: the stream has it.
func TestEventBeyondTheHeadThatIsStillToCome(t *testing.T) {
	proof := proofOf(t, replay.Request{Rebuild: true}, func(w *world, lane event.Lane) {
		now := w.now
		w.strand(t, lane)
		w.now = now
	})
	if !proof.Complete {
		t.Errorf("%+v", proof.Differences)
	}
}

// TestPumpRefusesALaneWithoutItsHead checks that a pump notices when a lane's head is
// gone, or is older than what the log has witnessed.
func TestPumpRefusesALaneWithoutItsHead(t *testing.T) {
	for name, damage := range map[string]func(h *eventlog.Head){
		"gone":  nil,
		"older": func(h *eventlog.Head) { h.Bucket, h.Open, h.Closed = h.Closed[0].Bucket, h.Closed[0].Manifest, nil },
	} {
		t.Run(name, func(t *testing.T) {
			w, a := quietWorld(t)
			entity := w.names[0]
			lane := w.lanes.Of(entity)
			w.logEvent(t, a, entity, "1", typeNoted)
			w.drift += 3_600_000
			w.logEvent(t, a, entity, "2", typeNoted)
			if damage == nil {
				delete(w.table.stored, headKey(lane))
			} else {
				w.editHead(t, lane, damage)
			}
			in := eventlog.Incoming{Sequence: "9999999", Arrival: w.now, Data: []byte("whatever it is")}
			_, err := w.pumpOf(a).Commit(context.Background(), lane, []eventlog.Incoming{in})
			if err == nil || !strings.Contains(err.Error(), eventlog.ErrHeadLost.Error()) {
				t.Errorf("commit: %v", err)
			}
		})
	}
}
