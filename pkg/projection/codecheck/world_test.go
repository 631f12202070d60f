package codecheck_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/pebbletest"
	"reprise/pkg/projection"
	"reprise/pkg/projection/codecheck"
)

// code is the behaviour of a projection that may change under one version.
type code struct {
	// weight is what an event of the type "it.grew" counts.
	weight int
	// rejects is the type of events that are rejected, "" for none.
	rejects string
	// types are those that it handles.
	types []string
}

var original = code{weight: 1, rejects: "it.broke", types: []string{"it.grew", "it.shrank", "it.broke"}}

var errBroken = errors.New("it is broken")

// with is a set of two projections: "size", whose code is given, and "other".
func with(t testing.TB, c code) *projection.Set {
	t.Helper()
	size := projection.New("size", 1, c.types, func(n int, e *event.Event) (int, error) {
		switch e.Type {
		case c.rejects:
			return n, errBroken
		case "it.grew":
			return n + c.weight, nil
		case "it.shrank":
			return n - 1, nil
		}
		return n * 2, nil
	})
	count := func(n int, _ *event.Event) (int, error) { return n + 1, nil }
	set, err := projection.NewSet(size, projection.New("other", 1, []string{"other.happened"}, count))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// world is a log and a Data Store without consumers.
type world struct {
	testing.TB
	*pebbletest.Stores
	lanes    *event.Lanes
	registry datastore.Registry
	view     eventlog.View
	pump     eventlog.Pump
	codec    *record.Codec
	sent     int
	now      time.Time
}

func newWorld(t testing.TB, lanes int) *world {
	t.Helper()
	w := &world{TB: t, Stores: pebbletest.Open(t), now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	var err error
	w.lanes, err = event.NewLanes(lanes)
	w.must(err)
	w.codec, err = record.NewCodec()
	w.must(err)
	t.Cleanup(w.codec.Close)
	w.registry = datastore.Registry{Table: w.Table, Now: func() time.Time { return w.now }}
	w.view = eventlog.View{Log: w.Stores.Log, Heads: eventlog.Heads{Table: w.Table}}
	w.pump = eventlog.Pump{
		Log:     w.Stores.Log,
		Heads:   w.view.Heads,
		Width:   eventlog.Hour,
		Decoder: &eventlog.Decoder{Codec: w.codec, Lanes: w.lanes, Epoch: 1},
	}
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// log commits events of one lane as one record.
func (w *world) log(lane event.Lane, events ...event.Event) {
	w.Helper()
	lines := make([][]byte, len(events))
	for i := range events {
		lines[i] = events[i].AppendJSON(nil)
	}
	data, err := w.codec.Pack(record.Header{Lane: lane}, lines)
	w.must(err)
	w.sent++
	incoming := eventlog.Incoming{Sequence: strconv.Itoa(1000 + w.sent), Arrival: w.now.UnixMilli(), Data: data}
	_, err = w.pump.Commit(w.Context(), lane, []eventlog.Incoming{incoming})
	w.must(err)
}

// send logs an event.
func (w *world) send(kind, entity, id string) {
	w.Helper()
	w.log(w.lanes.Of(entity), event.Event{ID: id, Source: "test", Type: kind, Subject: entity})
}

// skip logs a correction that names an event, which need not exist.
func (w *world) skip(entity, id string) {
	w.Helper()
	at, err := event.NewPosition(1, "1000", 0)
	w.must(err)
	e, err := event.NewSkip(entity, event.Skip{Source: "test", ID: id, Position: at, Reason: "a test"}, w.now)
	w.must(err)
	w.log(w.lanes.Of(entity), e)
}

// placed returns all events of a lane in log order.
func (w *world) placed(lane event.Lane) []projection.Placed {
	w.Helper()
	head, err := w.view.Heads.Load(w.Context(), lane)
	w.must(err)
	var all []projection.Placed
	w.must(w.view.Heads.Manifests(w.Context(), lane, head, "", "", func(b eventlog.Bucket, _ eventlog.Manifest) error {
		for after := ""; ; {
			page, err := w.Stores.Log.Read(w.Context(), lane, b, after, eventlog.PageLimit{Entries: 1000}, true)
			w.must(err)
			for _, entry := range page.Entries {
				e, err := event.Parse(string(entry.Line))
				w.must(err)
				all = append(all, projection.Placed{Event: e, Position: entry.Position, Bucket: b, Line: entry.Line})
			}
			if after = page.Next; after == "" {
				return nil
			}
		}
	}))
	slices.SortFunc(all, func(a, b projection.Placed) int { return cmp.Compare(a.Position, b.Position) })
	return all
}

// activate begins the active generation.
func (w *world) activate(set *projection.Set) datastore.Generation {
	w.Helper()
	registered, err := w.registry.EnsureFirst(w.Context(), w.Generations, w.lanes.Count(), set.Version())
	w.must(err)
	return w.Generations.Open(registered.Active)
}

// fold folds the log into a generation, in batches of random sizes, up to share of
// each lane.
func (w *world) fold(set *projection.Set, into datastore.Generation, random *rand.Rand, share float64) {
	w.Helper()
	applier := projection.NewApplier(set, w.view)
	for _, lane := range event.AllLanes(w.lanes.Count()) {
		events := w.placed(lane)
		events = events[:int(share*float64(len(events)))]
		for len(events) > 0 {
			n := 1 + random.IntN(len(events))
			_, err := applier.Apply(w.Context(), projection.Target{ID: "x", Generation: into, Lane: lane}, events[:n])
			w.must(err)
			events = events[n:]
		}
	}
}

// checker compares with the code of a set.
func (w *world) checker(set *projection.Set, build string) *codecheck.Checker {
	return &codecheck.Checker{
		Table:       w.Table,
		Registry:    w.registry,
		Generations: w.Generations,
		Log:         w.view,
		Applier:     projection.NewApplier(set, w.view),
		Lanes:       w.lanes.Count(),
		Build:       build,
		Now:         func() time.Time { return w.now },
		Limit:       time.Minute,
	}
}

// check returns the report of a new build with the code of a set.
func (w *world) check(set *projection.Set) codecheck.Report {
	w.Helper()
	w.now = w.now.Add(time.Second)
	report, done, err := w.checker(set, w.now.String()).Check(w.Context())
	w.must(err)
	if !done {
		w.Error("nothing was checked")
	}
	return report
}

// walk compares all rows of two generations.
func (w *world) walk(old, fresh datastore.Generation) codecheck.Comparison {
	w.Helper()
	var sum codecheck.Comparison
	for _, lane := range event.AllLanes(w.lanes.Count()) {
		walk := codecheck.NewWalk(old, lane, nil)
		w.must(datastore.EachRow(w.Context(), fresh, lane, func(row *datastore.Row) error {
			walk.Compare(w.Context(), row)
			return nil
		}))
		sum.Merge(walk.Result())
	}
	return sum
}

func entity(i int) string { return fmt.Sprintf("entity-%03d", i) }

// history logs events, some of whose ids come again, with the same content or another,
// and corrections.
func history(w *world, random *rand.Rand, entities, events int) {
	kinds := strings.Fields("it.grew it.grew it.grew it.shrank it.broke nobody.knows other.happened")
	for range events {
		id, of := strconv.Itoa(random.IntN(events/4)), entity(random.IntN(entities))
		if random.IntN(4) == 0 {
			w.skip(of, id)
		} else {
			w.send(kinds[random.IntN(len(kinds))], of, id)
		}
		if random.IntN(20) == 0 {
			w.now = w.now.Add(time.Hour)
		}
	}
}
