package projection_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// historyLog counts the queries of histories, and ends an invocation after a
// number of them, as a time limit does.
type historyLog struct {
	eventlog.Log
	entries, queries int
	// left is the number of queries after which end is called.
	left int
	end  context.CancelFunc
}

func (c *historyLog) ReadEntity(ctx context.Context, lane event.Lane, b eventlog.Bucket, entity, after string,
	limit eventlog.PageLimit,
) (eventlog.Page, error) {
	if c.left--; c.left == 0 && c.end != nil {
		c.end()
	}
	if err := ctx.Err(); err != nil {
		return eventlog.Page{}, err
	}
	page, err := c.Log.ReadEntity(ctx, lane, b, entity, after, limit)
	c.entries += len(page.Entries)
	c.queries++
	return page, err
}

// crowd is a generation whose rows were written before there was an index.
type crowd struct {
	*bench
	log  *historyLog
	to   projection.Target
	next int
}

func newCrowd(t testing.TB) *crowd {
	b := newBench(t, counterNamed("counter"))
	if err := b.tables.Create(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	return &crowd{bench: b, log: &historyLog{Log: b.log}, to: projection.Target{ID: "g", Generation: b.tables.Open("g")}}
}

// add puts events of an entity with ids from..from+n-1 into the log and returns
// them placed, behind all others.
func (c *crowd) add(t testing.TB, entity string, from, n int, bucketOf func(i int) eventlog.Bucket,
) []projection.Placed {
	t.Helper()
	placed := c.place(t, entity, from, n, bucketOf)
	c.store(t, placed)
	return placed
}

// place makes events of an entity, after all others.
func (c *crowd) place(t testing.TB, entity string, from, n int, bucketOf func(i int) eventlog.Bucket,
) []projection.Placed {
	t.Helper()
	placed := make([]projection.Placed, n)
	for i := range placed {
		c.next++
		at, err := event.NewPosition(1, fmt.Sprint(10_000_000+c.next), 0)
		if err != nil {
			t.Fatal(err)
		}
		e := event.Event{ID: fmt.Sprint(from + i), Source: "s", Type: "it.happened", Subject: entity}
		placed[i] = projection.Placed{Event: e, Position: at, Bucket: bucketOf(from + i), Line: e.AppendJSON(nil)}
	}
	return placed
}

// store puts events into the log, bucket by bucket.
func (c *crowd) store(t testing.TB, placed []projection.Placed) {
	t.Helper()
	buckets := make(map[eventlog.Bucket][]eventlog.Entry)
	for _, p := range placed {
		entry := eventlog.Entry{Entity: p.Event.Subject, Position: p.Position, Line: p.Line}
		buckets[p.Bucket] = append(buckets[p.Bucket], entry)
	}
	for bucket, entries := range buckets {
		for part := range slices.Chunk(entries, 5000) {
			if err := c.bench.log.Put(t.Context(), 0, bucket, part); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// old adds entities with n events each and the rows that they had before there
// was an index.
func (c *crowd) old(t testing.TB, n int, bucketOf func(i int) eventlog.Bucket, entities ...string) {
	t.Helper()
	c.store(t, c.rows(t, n, bucketOf, entities...))
}

// rows adds the rows that old describes and returns the events that they are
// made of: with a full filter, or one that reports every id as seen.
func (c *crowd) rows(t testing.TB, n int, bucketOf func(i int) eventlog.Bucket, entities ...string,
) (all []projection.Placed) {
	t.Helper()
	var writes []datastore.RowWrite
	for _, entity := range entities {
		placed := c.place(t, entity, 0, n, bucketOf)
		all = append(all, placed...)
		row := datastore.Row{Entity: entity, State: fmt.Append(nil, n), Position: placed[n-1].Position, Count: int64(n),
			Projection: "counter", Version: c.set.Version(), Filter: slices.Repeat([]byte{0xff}, 2722)}
		row.Filter[0], row.Filter[1] = 1360>>8, 1360&0xff
		for _, p := range placed {
			row.Buckets = eventlog.AddBucket(row.Buckets, p.Bucket)
		}
		writes = append(writes, datastore.RowWrite{Row: row})
	}
	if _, err := c.to.Generation.WriteRows(t.Context(), 0, writes); err != nil {
		t.Fatal(err)
	}
	return all
}

// cold is an applier of a process that has just started.
func (c *crowd) cold() *projection.Applier { return projection.NewApplier(c.set, wholeLog{c.log}) }

func (c *crowd) apply(t testing.TB, events []projection.Placed) projection.Tally {
	t.Helper()
	tally, err := c.cold().Apply(t.Context(), c.to, events)
	if err != nil {
		t.Fatal(err)
	}
	return tally
}

func (c *crowd) row(t testing.TB, entity string) datastore.Row {
	t.Helper()
	rows, err := c.to.Generation.Rows(t.Context(), 0, []string{entity})
	if err != nil {
		t.Fatal(err)
	}
	return rows[entity]
}

func hourly(perHour int) func(i int) eventlog.Bucket {
	return func(i int) eventlog.Bucket { return eventlog.Hour.Of(int64(i/perHour) * 3_600_000) }
}

// invocations applies events with a limit of queries per invocation until all
// are applied, and returns how many invocations that took.
func (c *crowd) invocations(t *testing.T, events []projection.Placed, queries, most int) int {
	t.Helper()
	for n := 1; n <= most; n++ {
		limited, end := context.WithCancel(t.Context())
		c.log.left, c.log.end = queries, end
		_, err := c.cold().Apply(limited, c.to, events)
		end()
		if err == nil {
			return n
		}
		if limited.Err() == nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("not done after %d invocations of %d queries", most, queries)
	return 0
}
