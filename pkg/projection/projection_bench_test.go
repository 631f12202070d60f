package projection_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/localstore/localstoretest"
	"reprise/pkg/local/pebbletest"
	"reprise/pkg/projection"
)

// unread is a log that must not be read.
type unread struct {
	eventlog.Log
	b *testing.B
}

func (u unread) ReadEntity(context.Context, event.Lane, eventlog.Bucket, string, string, eventlog.PageLimit,
) (eventlog.Page, error) {
	u.b.Fatal("a history was read")
	return eventlog.Page{}, nil
}

// pastBench is a generation on disk whose entities have long histories.
type pastBench struct {
	to      projection.Target
	applier *projection.Applier
	set     *projection.Set
	rng     *rand.Rand
	// events is how many events an entity has.
	events map[string]int
	next   int
}

func newPastBench(b *testing.B) *pastBench {
	b.Helper()
	all := pebbletest.On(b, localstoretest.OpenFS(b, nil)).Generations
	if err := all.Create(b.Context(), "g"); err != nil {
		b.Fatal(err)
	}
	set, err := projection.NewSet(counterNamed("counter"))
	if err != nil {
		b.Fatal(err)
	}
	return &pastBench{to: projection.Target{ID: "g", Generation: all.Open("g")},
		applier: projection.NewApplier(set, wholeLog{unread{b: b}}),
		set:     set, rng: rand.New(rand.NewPCG(1, 2)), events: make(map[string]int)}
}

func (p *pastBench) place(b *testing.B, entity string, id int) projection.Placed {
	p.next++
	at, err := event.NewPosition(1, fmt.Sprint(1_000_000_000+p.next), 0)
	if err != nil {
		b.Fatal(err)
	}
	e := event.Event{ID: fmt.Sprint(id), Source: "s", Type: "it.happened", Subject: entity, Data: `{"amount":"1042.50"}`}
	return projection.Placed{Event: e, Position: at, Bucket: "2026-03-01T00", Line: e.AppendJSON(nil)}
}

// grow gives an entity n events without folding them.
func (p *pastBench) grow(b *testing.B, entity string, n int) {
	var last event.Position
	for p.events[entity] < n {
		events := make([]datastore.Identity, min(n-p.events[entity], datastore.MaxBatch))
		for i := range events {
			placed := p.place(b, entity, p.events[entity]+i)
			last = placed.Position
			events[i] = datastore.Identity{Entity: entity, Key: placed.Event.Identity(), Position: last,
				Content: event.ContentOf(placed.Line).Hi}
		}
		if _, err := p.to.Generation.Identify(b.Context(), 0, events); err != nil {
			b.Fatal(err)
		}
		p.events[entity] += len(events)
	}
	write := datastore.RowWrite{Row: datastore.Row{Entity: entity, State: fmt.Append(nil, n),
		Position: last, Count: int64(n),
		Projection: "counter", Version: p.set.Version(), Buckets: []eventlog.Bucket{"2026-03-01T00"}, Indexed: last}}
	conflicts, err := p.to.Generation.WriteRows(b.Context(), 0, []datastore.RowWrite{write})
	if err != nil || len(conflicts) > 0 {
		b.Fatal(conflicts, err)
	}
}

const (
	benchEntities = 10
	benchEach     = 50
)

// batch has 500 events, every tenth of which repeats an earlier one.
func (p *pastBench) batch(b *testing.B, entities []string) []projection.Placed {
	var batch []projection.Placed
	for i := range benchEntities * benchEach {
		entity := entities[i%len(entities)]
		id := p.events[entity]
		if i%10 == 9 {
			id = p.rng.IntN(id)
		} else {
			p.events[entity]++
		}
		batch = append(batch, p.place(b, entity, id))
	}
	return batch
}

// measure applies batches. Its figures are for one batch, and for one event.
// Processor time includes the store's work in the background.
func (p *pastBench) measure(b *testing.B, pick func(i int) []string) {
	b.ReportAllocs()
	used, i := time.Duration(0), 0
	for b.Loop() {
		b.StopTimer()
		batch, before := p.batch(b, pick(i)), processor(b)
		b.StartTimer()
		tally, err := p.applier.Apply(b.Context(), p.to, batch)
		if err != nil || tally.Duplicates != int64(len(batch)/10) || tally.Applied != int64(len(batch)*9/10) {
			b.Fatalf("%+v, %v", tally, err)
		}
		used += processor(b) - before
		i++
	}
	events := float64(b.N * benchEntities * benchEach)
	b.ReportMetric(float64(b.Elapsed().Microseconds())/events, "µs/event")
	b.ReportMetric(float64(used.Microseconds())/events, "cpu-µs/event")
}

func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkOneLargeEntity applies to entities that have n events at the start:
// one entity, or so many that 200 batches do not make them much larger.
func BenchmarkOneLargeEntity(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p, several := newPastBench(b), max(1, 200_000/n)
			name := func(i int) string { return fmt.Sprint("entity-", i%several) }
			for i := range several {
				p.grow(b, name(i), n)
			}
			p.measure(b, func(i int) []string { return []string{name(i)} })
		})
	}
}

// BenchmarkManyLargeEntities applies to ten at a time of n entities, which have
// 400 events each at the start.
func BenchmarkManyLargeEntities(b *testing.B) {
	for _, n := range []int{10, 100, 1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := newPastBench(b)
			names := make([]string, n)
			for i := range names {
				names[i] = fmt.Sprintf("entity-%05d", i)
				p.grow(b, names[i], 400)
			}
			p.measure(b, func(int) []string {
				some := make([]string, benchEntities)
				for i, at := range p.rng.Perm(n)[:benchEntities] {
					some[i] = names[at]
				}
				return some
			})
		})
	}
}
