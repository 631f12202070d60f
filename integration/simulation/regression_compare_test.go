package simulation

import (
	"context"
	"strings"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

// drained is a quiet world with a replay "r" that was read, consumed and found
// drained: three events of one type in three buckets of a lane, and one of
// another type in the last of them. planned runs before the replay is planned.
func drained(
	t *testing.T, request replay.Request, planned func(w *world, lane event.Lane),
) (*world, *actor, event.Lane) {
	t.Helper()
	w, a := quietWorld(t)
	entity := w.names[0]
	lane := w.lanes.Of(entity)
	for i, id := range []string{"1", "2", "3"} {
		if i > 0 {
			w.drift += 3_600_000
		}
		w.logEvent(t, a, entity, id, typeNoted)
	}
	w.logEvent(t, a, entity, "4", typeRefused)
	planned(w, lane)
	w.deliver(t, a, request)
	return w, a, lane
}

func nothing(*world, event.Lane) {}

// deliver makes replay "r", has it read and consumed, and finds it drained.
func (w *world) deliver(t *testing.T, a *actor, request replay.Request) {
	t.Helper()
	ctx := context.Background()
	r := &replayModel{id: "r", request: request, lanes: make(map[event.Lane]*expected)}
	w.replays[r.id] = r
	w.playback.accept = func(event.Lane, []byte) bool { return true } // the model knows nothing of damage
	if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
		t.Fatal(err)
	}
	if err := w.promoterOf(a).Prepare(ctx, r.id, w.set.Version()); err != nil {
		t.Fatal(err)
	}
	w.readAll(t, a, r.id)
	w.takeIn(t, a)
	w.drain(t, a, r.id)
}

func (w *world) drain(t *testing.T, a *actor, id string) {
	t.Helper()
	if state, err := w.drainerOf(a).Check(context.Background(), id, w.clock()); err != nil || state != replay.Drained {
		t.Fatalf("drain: %s, %v", state, err)
	}
}

func (w *world) prove(t *testing.T, a *actor, id string) replay.Proof {
	t.Helper()
	proof, err := w.proverOf(a).Prove(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// editDocument changes a document of the control table as it is stored.
func editDocument[T any](t *testing.T, w *world, key control.Key, edit func(*T)) {
	t.Helper()
	a := w.newActor("editor")
	a.direct = true
	saw := w.broken
	_, err := control.Update(context.Background(), w.tableOf(a), key, func(doc *T, _ bool) error {
		edit(doc)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.broken = saw
}

// ofReplay is the key of a document that replay "r" keeps for each lane.
func ofReplay(kind string, lane event.Lane) control.Key {
	return control.Key{Partition: "replay#r", Sort: kind + "#" + lane.String()}
}

func says(proof replay.Proof, what string) bool {
	for _, d := range proof.Differences {
		if strings.Contains(d.What, what) {
			return true
		}
	}
	return false
}

// What was delivered and taken in can be damaged as well as what is read, also
// between the drain and the proof. Count, bytes and digest of each are
// compared.
func TestProofSeesWhatChangedSinceTheDrain(t *testing.T) {
	mark := func(edit func(*datastore.Mark)) func(*testing.T, *world, event.Lane) {
		return func(t *testing.T, w *world, lane event.Lane) { editDocument(t, w, ofReplay("mark", lane), edit) }
	}
	place := func(edit func(*replay.Checkpoint)) func(*testing.T, *world, event.Lane) {
		return func(t *testing.T, w *world, lane event.Lane) { editDocument(t, w, ofReplay("checkpoint", lane), edit) }
	}
	for name, tt := range map[string]struct {
		damage func(t *testing.T, w *world, lane event.Lane)
		want   string
	}{
		"an event more was taken in":  {mark(func(m *datastore.Mark) { m.Ordinal++ }), "events consumed"},
		"other bytes were taken in":   {mark(func(m *datastore.Mark) { m.Bytes-- }), "bytes consumed"},
		"other events were taken in":  {mark(func(m *datastore.Mark) { m.Digest.Hi++ }), "digest of the events consumed"},
		"an event more was delivered": {place(func(c *replay.Checkpoint) { c.End.Delivered.Count++ }), "events consumed"},
		"other bytes were delivered":  {place(func(c *replay.Checkpoint) { c.End.Delivered.Bytes++ }), "bytes consumed"},
		"other events were delivered": {
			place(func(c *replay.Checkpoint) { c.End.Delivered.Digest.Lo++ }),
			"digest of the events consumed",
		},
		"an event less was read": {place(func(c *replay.Checkpoint) { c.End.Read.Count-- }), "events read of the log"},
		"other bytes were read":  {place(func(c *replay.Checkpoint) { c.End.Read.Bytes-- }), "bytes read of the log"},
		"other events were read": {
			place(func(c *replay.Checkpoint) { c.End.Read.Digest.Hi-- }),
			"digest of the events read of the log",
		},
		"the lane was read to no end": {place(func(c *replay.Checkpoint) { c.End = nil }), "no end marker"},
		"the head went behind the cut": {func(t *testing.T, w *world, lane event.Lane) {
			w.editHead(t, lane, func(h *eventlog.Head) { h.Position = h.Open.First })
		}, "gone back behind the cut"},
	} {
		t.Run(name, func(t *testing.T) {
			w, a, lane := drained(t, replay.Request{}, nothing)
			tt.damage(t, w, lane)
			if proof := w.prove(t, a, "r"); proof.Complete || !says(proof, tt.want) {
				t.Errorf("complete %t, %+v, want one that says %q", proof.Complete, proof.Differences, tt.want)
			}
		})
	}
}

// A failed proof is evidence of its time only: once the missing event is back,
// a new proof is made, and it stands.
func TestAProofThatFailedIsMadeAgain(t *testing.T) {
	w, a, lane := drained(t, replay.Request{}, nothing)
	editDocument(t, w, ofReplay("mark", lane), func(m *datastore.Mark) { m.Bytes++ })
	if proof := w.prove(t, a, "r"); proof.Complete {
		t.Fatal("a damaged mark was proved")
	}
	editDocument(t, w, ofReplay("mark", lane), func(m *datastore.Mark) { m.Bytes-- })
	w.drain(t, a, "r")
	if proof := w.prove(t, a, "r"); !proof.Complete {
		t.Errorf("mended: %+v", proof.Differences)
	}
	if row := w.rowOf(t, a, "r"); row.Proof == nil || !row.Proof.Complete {
		t.Errorf("the row keeps %+v", row.Proof)
	}
}

// TestAProofSaysWhatItCompared has four events, three of which are selected.
func TestAProofSaysWhatItCompared(t *testing.T) {
	w, a, lane := drained(t, replay.Request{Types: []string{typeNoted}}, nothing)
	proof := w.prove(t, a, "r")
	if !proof.Complete || proof.Expected.Count != 4 || proof.Selected.Count != 3 {
		t.Errorf("complete %t, %d expected, %d selected", proof.Complete, proof.Expected.Count, proof.Selected.Count)
	}
	var at replay.Checkpoint
	editDocument(t, w, ofReplay("checkpoint", lane), func(c *replay.Checkpoint) { at = *c })
	if at.End == nil || proof.Expected != at.End.Read || proof.Read != at.End.Read || proof.Read.Bytes == 0 {
		t.Errorf("expected %+v, read %+v, the checkpoint has %+v", proof.Expected, proof.Read, at.End)
	}
	if at.End != nil && (proof.Selected != at.End.Delivered || proof.Applied != at.End.Delivered) {
		t.Errorf("selected %+v, applied %+v, the checkpoint has %+v", proof.Selected, proof.Applied, at.End)
	}
}

// An event beyond the cut that the stream has forgotten is found stranded. If
// the pump had taken it in after all and the head has reached it, nothing is
// lost.
func TestAnEventThatTheHeadHasComeToIsNotStranded(t *testing.T) {
	var stranded event.Position
	w, a, lane := drained(t, replay.Request{}, func(w *world, lane event.Lane) {
		w.strand(t, lane)
		stored := w.events.buckets[bucketKey{lane, w.model.lanes[lane].covered.Bucket}]
		stranded = stored[len(stored)-1].entry.Position
	})
	w.editHead(t, lane, func(h *eventlog.Head) { h.Position, h.Open.Last = stranded, stranded })
	if proof := w.prove(t, a, "r"); !proof.Complete {
		t.Errorf("%+v", proof.Differences)
	}
}

// The rows of a rebuilt generation must agree with what its marks count: if an
// entity's event is missing, or was folded in twice, the proof shows it.
func TestProofHoldsRowsAgainstMarks(t *testing.T) {
	for name, damage := range map[string]func(rows map[string]datastore.Row, entity string){
		"a row is gone": func(rows map[string]datastore.Row, entity string) { delete(rows, entity) },
		"a row lacks an event": func(rows map[string]datastore.Row, entity string) {
			row := rows[entity]
			row.Count--
			rows[entity] = row
		},
		"a row has an event twice": func(rows map[string]datastore.Row, entity string) {
			row := rows[entity]
			row.Duplicates++
			rows[entity] = row
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, a, lane := drained(t, replay.Request{Rebuild: true}, nothing)
			generation := w.rowOf(t, a, "r").Generation
			damage(w.store.tables[generation].rows[lane], w.names[0])
			if proof := w.prove(t, a, "r"); proof.Complete || !says(proof, "seen by the rows") {
				t.Errorf("complete %t, %+v", proof.Complete, proof.Differences)
			}
		})
	}
}

// A replay of some buckets, or of some entities, has not counted the others: it
// is not compared with everything that the head counts.
func TestAProofOfAPartIsNotHeldAgainstTheWhole(t *testing.T) {
	w, _ := quietWorld(t)
	entity := w.names[0]
	middle := w.clock().Add(time.Hour)
	for name, request := range map[string]replay.Request{
		"from a time on": {From: &middle},
		"up to a time":   {To: &middle},
		"of an entity":   {Entities: []string{entity}},
	} {
		t.Run(name, func(t *testing.T) {
			w, a, _ := drained(t, request, nothing)
			proof := w.prove(t, a, "r")
			if !proof.Complete || proof.Selected.Count == 0 || proof.Scoped != (request.Entities != nil) {
				t.Errorf("%+v", proof)
			}
			if request.Entities == nil && proof.Read.Count == 4 {
				t.Error("all of the log was read")
			}
		})
	}
}
