package projection_test

import (
	"fmt"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// TestALargeEntityIsReadOnce counts the reads of one-event batches, each by a
// process that remembers nothing.
func TestALargeEntityIsReadOnce(t *testing.T) {
	c := newCrowd(t)
	const n = 20_000
	c.old(t, n, hourly(5_000), "x")
	c.apply(t, c.add(t, "x", n, 1, hourly(5_000)))
	if c.log.entries > n+10 || c.log.queries > n/500+20 {
		t.Errorf("entering %d events read %d, in %d queries", n, c.log.entries, c.log.queries)
	}
	c.log.entries, c.log.queries = 0, 0
	last := func(int) eventlog.Bucket { return hourly(5_000)(n) }
	for i := range 10 {
		if tally := c.apply(t, c.add(t, "x", n+1+i, 1, hourly(5_000))); tally.Applied != 1 {
			t.Errorf("%+v", tally)
		}
		if tally := c.apply(t, c.add(t, "x", i*1000, 1, last)); tally.Duplicates != 1 {
			t.Errorf("event %d was repeated: %+v", i*1000, tally)
		}
	}
	if c.log.queries > 0 {
		t.Errorf("20 events made %d queries of the log", c.log.queries)
	}
	if row := c.row(t, "x"); row.Count != n+11 || row.Duplicates != 10 || len(row.Filter) > 0 ||
		row.Indexed != row.Position {
		t.Errorf("count %d, %d duplicates, filter of %d bytes, indexed up to %s of %s",
			row.Count, row.Duplicates, len(row.Filter), row.Indexed, row.Position)
	}
}

// TestManyLargeEntitiesAreReadOnce does the same with many entities.
func TestManyLargeEntitiesAreReadOnce(t *testing.T) {
	c := newCrowd(t)
	const entities, each = 60, 1400
	c.old(t, each, hourly(each), names(entities)...)
	for round := range 3 {
		c.log.entries = 0
		for i := range entities {
			c.apply(t, c.add(t, fmt.Sprint("e", i), each+round, 1, hourly(each)))
		}
		if most := map[int]int{0: entities * each}[round]; c.log.entries > most {
			t.Errorf("round %d read %d events for %d", round, c.log.entries, entities)
		}
	}
}

// TestSmallEntitiesHaveShortHistories fills an entity up to the limits: no
// lookup reads more than they allow, and the row stays small.
func TestSmallEntitiesHaveShortHistories(t *testing.T) {
	const limit = 336
	for name, perHour := range map[string]int{"events": limit, "buckets": 1} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t)
			for i := range 400 {
				c.log.entries, c.log.queries = 0, 0
				again := c.row(t, "x")
				c.apply(t, c.add(t, "x", i, 1, hourly(perHour)))
				if c.log.entries > limit || c.log.queries > 129 {
					t.Fatalf("event %d read %d events in %d queries", i, c.log.entries, c.log.queries)
				}
				row := c.row(t, "x")
				small := i < limit && i/perHour < 128
				if small != (row.Indexed == "") || small != (len(row.Filter) > 0) || len(row.Filter) > 674 {
					t.Fatalf("event %d: indexed %q, filter of %d bytes", i, row.Indexed, len(row.Filter))
				}
				if row.Count != again.Count+1 {
					t.Fatalf("event %d was taken for a duplicate", i)
				}
			}
		})
	}
}

// TestATimeLimitKeepsWhatWasDone needs more lookups than one invocation has
// time for.
func TestATimeLimitKeepsWhatWasDone(t *testing.T) {
	const perInvocation = 700
	entities := 310 // more than are read at the same time
	if testing.Short() {
		entities = 40
	}
	for name, buckets := range map[string]int{"small entities": 40, "entities to be indexed": 140} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t)
			var batch []projection.Placed
			c.old(t, buckets, hourly(1), names(entities)...)
			last := func(int) eventlog.Bucket { return hourly(1)(buckets - 1) }
			for i := range entities {
				batch = append(batch, c.add(t, fmt.Sprint("e", i), 0, 1, last)...)
			}
			whole := entities * buckets
			n := c.invocations(t, batch, perInvocation, 3*whole/perInvocation)
			t.Logf("%d queries needed, %d made, in %d invocations", whole, c.log.queries, n)
			for i := range entities {
				if row := c.row(t, fmt.Sprint("e", i)); row.Duplicates != 1 || row.Count != int64(buckets) {
					t.Fatalf("entity %d: count %d, %d duplicates", i, row.Count, row.Duplicates)
				}
			}
		})
	}
}

// TestAnOldEntityIsEnteredInSteps enters the history of an entity whose buckets
// became a span, most of them empty, and of one whose history lies in one
// bucket, each with less time than that takes.
func TestAnOldEntityIsEnteredInSteps(t *testing.T) {
	every25 := func(i int) eventlog.Bucket { return eventlog.Hour.Of(int64(i) * 25 * 3_600_000) }
	for name, c := range map[string]struct {
		events, perInvocation, needed int
		bucketOf                      func(int) eventlog.Bucket
	}{
		"span":       {600, 1000, 600 * 25, every25},
		"one bucket": {30_000, 20, 60, hourly(40_000)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCrowd(t)
			w.old(t, c.events, c.bucketOf, "x")
			last := func(int) eventlog.Bucket { return c.bucketOf(c.events - 1) }
			batch := w.add(t, "x", c.events, 1, last)
			for i := range 100 {
				batch = append(batch, w.add(t, "x", i*c.events/100, 1, last)...)
			}
			n := w.invocations(t, batch, c.perInvocation, 2*c.needed/c.perInvocation+2)
			t.Logf("%d queries, %d events read, in %d invocations", w.log.queries, w.log.entries, n)
			if n < 3 {
				t.Fatalf("%d invocations: the limit had no effect", n)
			}
			if row := w.row(t, "x"); row.Count != int64(c.events)+1 || row.Duplicates != 100 ||
				row.Indexed != row.Position || row.IndexedBucket != "" {
				t.Errorf("count %d, %d duplicates, indexed up to %s of %s", row.Count, row.Duplicates, row.Indexed, row.Position)
			}
		})
	}
}

// TestASmallHistoryIsReadOnceAProcess sends repetitions batch by batch, and
// then all of them again at their own positions.
func TestASmallHistoryIsReadOnceAProcess(t *testing.T) {
	c := newCrowd(t)
	applier := c.cold()
	first := c.add(t, "x", 0, 50, hourly(100))
	batches := [][]projection.Placed{first}
	for range 4 {
		batches = append(batches, c.add(t, "x", 10, 20, hourly(100)))
	}
	for i, batch := range batches {
		if tally, err := applier.Apply(t.Context(), c.to, batch); err != nil || (i > 0 && tally.Duplicates != 20) {
			t.Fatalf("%+v, %v", tally, err)
		}
	}
	if c.log.queries != 1 {
		t.Errorf("4 batches of repetitions made %d queries", c.log.queries)
	}
	// Another generation has a history of its own.
	if err := c.tables.Create(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	other := projection.Target{ID: "other", Generation: c.tables.Open("other")}
	if tally, err := applier.Apply(t.Context(), other, first[:40]); err != nil || tally.Applied != 40 {
		t.Errorf("in another generation: %+v, %v", tally, err)
	}
	again := c.to
	again.Generation = contested{c.to.Generation, func([]datastore.RowWrite) {
		t.Error("a row was written for nothing new")
	}}
	for _, batch := range batches {
		if tally, err := applier.Apply(t.Context(), again, batch); err != nil || tally != (projection.Tally{}) {
			t.Errorf("%+v, %v", tally, err)
		}
	}
}
