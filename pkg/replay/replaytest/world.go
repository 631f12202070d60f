package replaytest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/local/localstore/localstoretest"
	"reprise/pkg/local/pebbletest"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
)

// Lanes is the number of a world's lanes.
const Lanes = 2

// World is a platform in memory: its stores, and a clock that Sleep moves. It has no
// generation at first. Unlike its stores, it is not safe for concurrent use.
type World struct {
	Now         time.Time
	Lanes       *event.Lanes
	Codec       *record.Codec
	Log         eventlog.Log
	Heads       eventlog.Heads
	Registry    datastore.Registry
	Generations datastore.Generations
	Store       replay.Store
	Playback    feed.Stream
	Set         *projection.Set

	t    localstoretest.T
	sent int
	read feed.Iterator
}

// New creates a world for the time of the test. Its projection, counter, counts an
// entity's events of the type "it.happened" and rejects those of the type "is.wrong".
func New(t localstoretest.T) *World {
	t.Helper()
	stores := pebbletest.Open(t)
	w := &World{
		t:           t,
		Now:         time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		Log:         stores.Log,
		Heads:       eventlog.Heads{Table: stores.Table},
		Generations: stores.Generations,
	}
	clock := func() time.Time { return w.Now }
	var err error
	w.Lanes, err = event.NewLanes(Lanes)
	w.Must(err)
	w.Codec, err = record.NewCodec()
	w.Must(err)
	t.Cleanup(w.Codec.Close)
	w.Set, err = projection.NewSet(projection.New("counter", 1, []string{"it.happened", "is.wrong"}, count))
	w.Must(err)
	_, err = stores.Streams.Create(t.Context(), "playback", 1)
	w.Must(err)
	w.Playback = stores.Streams.Open("playback")
	w.Registry = datastore.Registry{Table: stores.Table, Now: clock}
	w.Store = replay.Store{Table: stores.Table, Now: clock, Version: w.Set.Version()}
	return w
}

// Must ends the test at an error.
func (w *World) Must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// Sleep moves the clock and returns at once.
func (w *World) Sleep(ctx context.Context, d time.Duration) error {
	w.Now = w.Now.Add(d)
	return ctx.Err()
}

// Send logs one event of the type "it.happened" for each entity, in order.
func (w *World) Send(entities ...string) {
	w.t.Helper()
	for _, entity := range entities {
		w.SendType("it.happened", entity)
	}
}

// SendType logs an event of a type.
func (w *World) SendType(kind, entity string) {
	w.t.Helper()
	w.sent++
	e := event.Event{ID: strconv.Itoa(w.sent), Source: "test", Type: kind, Subject: entity}
	lane := w.Lanes.Of(entity)
	data, err := w.Codec.Pack(record.Header{Lane: lane}, [][]byte{e.AppendJSON(nil)})
	w.Must(err)
	pump := eventlog.Pump{
		Log:     w.Log,
		Heads:   w.Heads,
		Width:   eventlog.Hour,
		Decoder: &eventlog.Decoder{Codec: w.Codec, Lanes: w.Lanes, Epoch: 1},
	}
	_, err = pump.Commit(w.t.Context(), lane, []eventlog.Incoming{
		{Sequence: strconv.Itoa(100 + w.sent), Arrival: w.Now.UnixMilli(), Data: data}})
	w.Must(err)
}

// Consume consumes what has arrived in the playback stream since the last call,
// and returns the outcome.
func (w *World) Consume() replay.Consumed {
	w.t.Helper()
	var sum replay.Consumed
	for lane, records := range w.played() {
		part, err := w.Consumer().Consume(w.t.Context(), lane, records)
		w.Must(err)
		sum.Events += part.Events
		sum.Repeated += part.Repeated
		sum.Gaps += part.Gaps
	}
	return sum
}

// Lose drops what has arrived in the playback stream since the last call.
func (w *World) Lose() { w.played() }

// played returns the playback records since the last call, by lane.
func (w *World) played() map[event.Lane][][]byte {
	w.t.Helper()
	ctx := w.t.Context()
	if w.read == "" {
		shards, err := w.Playback.Shards(ctx)
		w.Must(err)
		w.read, err = w.Playback.Iterator(ctx, shards[0].ID, feed.Start{})
		w.Must(err)
	}
	records := make(map[event.Lane][][]byte)
	for {
		batch, err := w.Playback.Read(ctx, w.read, feed.MaxReadRecords)
		w.Must(err)
		w.read = batch.Next
		for _, r := range batch.Records {
			lane, err := w.Lanes.ParseKey(r.Key)
			w.Must(err)
			records[lane] = append(records[lane], r.Data)
		}
		if len(batch.Records) == 0 {
			return records
		}
	}
}

// count is the projection of a world.
func count(n int, e *event.Event) (int, error) {
	if e.Type == "is.wrong" {
		return n, errWrong
	}
	return n + 1, nil
}

var errWrong = errors.New("it is wrong")

// EntitiesIn returns the first n entities of a lane, in ascending order.
func (w *World) EntitiesIn(lane event.Lane, n int) []string {
	var found []string
	for i := 100; len(found) < n; i++ {
		if name := fmt.Sprintf("entity-%d", i); w.Lanes.Of(name) == lane {
			found = append(found, name)
		}
	}
	return found
}
