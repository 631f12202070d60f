package simulation

import (
	"context"
	"strings"
	"sync"
	"testing"

	"reprise/pkg/replay/segment"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/planning"
)

// The shortest schedules that once broke an invariant. They use the stores of a
// world without its scheduler: every call is made at once.

// quietWorld is a world in which nothing happens by itself.
func quietWorld(t *testing.T) (*world, *actor) {
	t.Helper()
	w, err := newWorld(makeFixtures(t), 1, plant{}, false)
	if err != nil {
		t.Fatal(err)
	}
	w.shape.retention = retention
	a := w.newActor("test")
	a.direct = true
	return w, a
}

// logEvent puts an event of an entity through the event stream and the pump.
func (w *world) logEvent(t *testing.T, a *actor, entity, id, kind string) {
	t.Helper()
	w.logThis(t, a, event.Event{ID: id, Source: "test", Type: kind, Subject: entity, Data: `{"n":1}`})
}

func (w *world) logThis(t *testing.T, a *actor, e event.Event) {
	t.Helper()
	lane := w.lanes.Of(e.Subject)
	data, err := w.codec.Pack(record.Header{Lane: lane}, [][]byte{e.AppendJSON(nil)})
	if err != nil {
		t.Fatal(err)
	}
	w.direct.Lock()
	r := streamRecord{lane: lane, sequence: w.ingest.put(w.lanes.Key(lane), data), arrival: w.now, data: data}
	for _, shard := range w.ingest.shards {
		for _, stored := range shard {
			if stored.sequence == r.sequence {
				r = stored
			}
		}
	}
	w.direct.Unlock()
	in := eventlog.Incoming{Sequence: r.sequence, Arrival: r.arrival, Data: r.data}
	if _, err := w.pumpOf(a).Commit(context.Background(), lane, []eventlog.Incoming{in}); err != nil {
		t.Fatal(err)
	}
}

// interrupted calls before ahead of a write of a document whose sort key begins
// with a prefix, after skipping some such writes. If before returns an error,
// the write fails.
type interrupted struct {
	control.Table
	prefix string
	skip   int
	mu     sync.Mutex
	before func() error
}

func (i *interrupted) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	if before := i.due(key); before != nil {
		if err := before(); err != nil {
			return "", err
		}
	}
	return i.Table.Put(ctx, key, body, previous)
}

// due returns, once, what is to happen ahead of a write.
func (i *interrupted) due(key control.Key) (before func() error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.before == nil || !strings.HasPrefix(key.Sort, i.prefix) {
		return nil
	}
	if i.skip--; i.skip >= 0 {
		return nil
	}
	before, i.before = i.before, nil
	return before
}

func plannerOn(w *world, a *actor, table control.Table) *planning.Planner {
	p := w.plannerOf(a)
	p.Store.Table = table
	return p
}

// readAll plans a replay and reads its groups.
func (w *world) readAll(t *testing.T, a *actor, id string) {
	t.Helper()
	ctx := context.Background()
	row, err := w.plannerOf(a).Plan(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	for group := range row.Groups {
		if outcome, err := w.readerOf(a).Read(ctx, id, group, w.clock().Add(drainLimit)); err != nil ||
			outcome != segment.Done {
			t.Fatalf("read group %d: %s, %v", group, outcome, err)
		}
	}
}

// takeIn hands the whole playback stream to the consumer.
func (w *world) takeIn(t *testing.T, a *actor) {
	t.Helper()
	for _, shard := range w.playback.shards {
		for _, stored := range shard {
			if _, err := w.consumerOf(a).Consume(a.ctx, stored.lane, [][]byte{stored.data}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// writeAll hands all records of the event stream to a generation's consumer.
func (w *world) writeAll(ctx context.Context, a *actor, generation string) error {
	if actorOf(ctx) == nil {
		ctx = a.ctx // the log of a warm applier belongs to the caller
	}
	for _, shard := range w.ingest.shards {
		for _, stored := range shard {
			in := eventlog.Incoming{Sequence: stored.sequence, Arrival: stored.arrival, Data: stored.data}
			if _, err := w.liveOf(a).Write(ctx, generation, stored.lane, []eventlog.Incoming{in}); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliverAll plans and reads a replay, consumes its records and proves it.
func (w *world) deliverAll(t *testing.T, a *actor, id string) {
	t.Helper()
	ctx := context.Background()
	w.readAll(t, a, id)
	w.takeIn(t, a)
	if state, err := w.drainerOf(a).Check(ctx, id, w.clock()); err != nil || state != replay.Drained {
		t.Fatalf("drain: %s, %v", state, err)
	}
	if proof, err := w.proverOf(a).Prove(ctx, id); err != nil || !proof.Complete {
		t.Fatalf("prove: %+v, %v", proof, err)
	}
}

// finishPlain plans and reads a replay without a generation, consumes its
// records and closes it.
func (w *world) finishPlain(t *testing.T, a *actor, r *replayModel) {
	t.Helper()
	ctx := context.Background()
	w.deliverAll(t, a, r.id)
	if _, err := w.closerOf(a).Close(ctx, r.id, replay.Succeeded, nil); err != nil {
		t.Fatal(err)
	}
	if w.broken != nil {
		t.Error(w.broken)
	}
}

// rebuild fills a generation and lets it follow the stream.
func (w *world) rebuild(t *testing.T, a *actor, r *replayModel) {
	t.Helper()
	ctx := context.Background()
	w.replays[r.id] = r
	if _, _, err := w.storeOf(a).Create(ctx, r.id, r.request); err != nil {
		t.Fatal(err)
	}
	promoter := w.promoterOf(a)
	if err := promoter.Prepare(ctx, r.id, w.set.Version()); err != nil {
		t.Fatal(err)
	}
	w.deliverAll(t, a, r.id)
	if err := promoter.Follow(ctx, r.id); err != nil {
		t.Fatal(err)
	}
}
