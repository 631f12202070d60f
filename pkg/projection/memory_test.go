package projection_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// measured is a generation that reports when rows are written. Its index takes
// no memory.
type measured struct {
	datastore.Generation
	before func()
}

func (m measured) WriteRows(ctx context.Context, lane event.Lane, writes []datastore.RowWrite) ([]string, error) {
	m.before()
	return m.Generation.WriteRows(ctx, lane, writes)
}

func (m measured) Identify(_ context.Context, _ event.Lane, events []datastore.Identity) ([]datastore.Identity, error) {
	return events, nil
}

// madeUp is a log that makes its events when they are read, so that it takes no
// memory itself. Every entity has the same number of events, from the number of
// its first one on.
type madeUp struct {
	eventlog.Log
	first map[string]int
	each  int
}

func (m madeUp) ReadEntity(_ context.Context, _ event.Lane, _ eventlog.Bucket, entity, after string,
	limit eventlog.PageLimit,
) (page eventlog.Page, err error) {
	from := 0
	if _, at, found := strings.Cut(after, "#"); found {
		last, err := strconv.Atoi(event.Position(at).Sequence())
		if err != nil {
			return page, err
		}
		from = last + 1 - m.first[entity]
	}
	for i := from; i < m.each && i < from+limit.Entries; i++ {
		at, err := event.NewPosition(1, strconv.Itoa(m.first[entity]+i), 0)
		if err != nil {
			return page, err
		}
		e := event.Event{ID: strconv.Itoa(i), Source: "s", Type: "it.happened", Subject: entity}
		page.Entries = append(page.Entries, eventlog.Entry{Entity: entity, Position: at, Line: e.AppendJSON(nil)})
		if page.Next = event.SortKey(entity, at); i == m.each-1 {
			page.Next = ""
		}
	}
	return page, nil
}

// TestMemoryOfABatchDoesNotGrowWithHistories measures the heap at every write
// of rows.
func TestMemoryOfABatchDoesNotGrowWithHistories(t *testing.T) {
	if testing.Short() {
		t.Skip("it fills a heap")
	}
	heap := func() int64 {
		var now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&now)
		return int64(now.HeapAlloc)
	}
	var per []int64
	for _, each := range []int{400, 4_000} {
		const entities = 60
		c := newCrowd(t)
		made := madeUp{c.bench.log, make(map[string]int), each}
		for i, p := range c.rows(t, each, hourly(each), names(entities)...) {
			if i%each > 0 {
				continue
			}
			first, err := strconv.Atoi(p.Position.Sequence())
			if err != nil {
				t.Fatal(err)
			}
			made.first[p.Event.Subject] = first
		}
		c.log.Log = made
		var batch []projection.Placed
		for _, entity := range names(entities) {
			batch = append(batch, c.add(t, entity, each, 1, hourly(each))...)
		}
		applier, before, most := c.cold(), heap(), int64(0)
		to := c.to
		to.Generation = measured{to.Generation, func() { most = max(most, heap()-before) }}
		tally, err := applier.Apply(t.Context(), to, batch)
		if err != nil || tally.Applied != entities || c.log.entries != entities*each {
			t.Fatalf("%+v, %v, after reading %d events", tally, err, c.log.entries)
		}
		runtime.KeepAlive(applier)
		t.Logf("%d entities of %d events: %d KiB", entities, each, most>>10)
		per = append(per, most)
	}
	// 216,000 more identities would take 10 MiB.
	if grown := per[1] - per[0]; grown > 2<<20 {
		t.Errorf("a batch takes %d KiB more for entities with longer histories", grown>>10)
	}
}

// bulky is a generation of large rows that takes no memory itself.
type bulky struct {
	datastore.Generation
	state  []byte
	at     event.Position
	before func()
}

func (b bulky) Rows(_ context.Context, _ event.Lane, entities []string) (map[string]datastore.Row, error) {
	rows := make(map[string]datastore.Row, len(entities))
	for _, entity := range entities {
		rows[entity] = datastore.Row{Entity: entity, State: append([]byte(nil), b.state...), Position: b.at, Count: 1,
			Projection: "text", Version: "text@1", Buckets: []eventlog.Bucket{"1970-01-01T00"}}
	}
	return rows, nil
}

func (b bulky) WriteRows(context.Context, event.Lane, []datastore.RowWrite) ([]string, error) {
	b.before()
	return nil, nil
}

// TestMemoryOfABatchDoesNotGrowWithItsEntities measures the heap at every write
// of rows with states of 30 KB.
func TestMemoryOfABatchDoesNotGrowWithItsEntities(t *testing.T) {
	if testing.Short() {
		t.Skip("it fills a heap")
	}
	const entities, state = 2_000, 30 << 10
	b := newBench(t, projection.New("text", 1, []string{"it.happened"},
		func(s string, _ *event.Event) (string, error) { return s + "x", nil }))
	var events []event.Event
	for i := range entities + 1 {
		events = append(events, event.Event{ID: "1", Source: "s", Type: "it.happened", Subject: fmt.Sprint("e", i)})
	}
	placed := b.put(t, events, 10_000)
	heap := func() int64 {
		var now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&now)
		return int64(now.HeapAlloc)
	}
	before, most := heap(), int64(0)
	to := projection.Target{ID: "g", Generation: bulky{state: []byte(`"` + strings.Repeat("y", state) + `"`),
		at: placed[0].Position, before: func() { most = max(most, heap()-before) }}}
	if tally, err := b.applier.Apply(t.Context(), to, placed[1:]); err != nil || tally.Applied != entities {
		t.Fatalf("%+v, %v", tally, err)
	}
	t.Logf("%d rows of %d KiB: %d MiB", entities, state>>10, most>>20)
	// 256 rows as they were read, and 4 MiB as they will be written.
	if limit := int64(256*state + 4<<20 + 6<<20); most > limit {
		t.Errorf("%d MiB are held, at most %d are expected", most>>20, limit>>20)
	}
	runtime.KeepAlive(placed)
}
