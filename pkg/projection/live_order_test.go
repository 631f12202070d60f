package projection_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// countedLog counts look-ups and reads.
type countedLog struct {
	eventlog.Log
	lookUps, reads int
}

func (c *countedLog) Has(ctx context.Context, lane event.Lane, b eventlog.Bucket, entity string, at event.Position,
) (bool, error) {
	c.lookUps++
	return c.Log.Has(ctx, lane, b, entity, at)
}

func (c *countedLog) Read(ctx context.Context, lane event.Lane, b eventlog.Bucket, after string,
	limit eventlog.PageLimit, consistent bool,
) (eventlog.Page, error) {
	c.reads++
	return c.Log.Read(ctx, lane, b, after, limit, consistent)
}

// deliver hands batches of records, given by their numbers, to the consumer and
// adds up its results. Records arrive in the hour 12 + number/5.
func (b *liveBench) deliver(batches ...[]int) (sum projection.Written) {
	b.t.Helper()
	for _, batch := range batches {
		var records []eventlog.Incoming
		for _, n := range batch {
			records = append(records, b.record(n, 12+n/5))
		}
		written, err := b.live.Write(b.t.Context(), "g0001", 0, records)
		if err != nil {
			b.t.Fatal(err)
		}
		sum.Late += written.Late
		sum.Missed += written.Missed
	}
	return sum
}

func (b *liveBench) pumpAll(n int) {
	b.t.Helper()
	for i := 1; i <= n; i++ {
		b.commit(b.record(i, 12+i/5))
	}
}

func seen(from, to int, without ...int) string {
	text := ""
	for n := from; n <= to; n++ {
		if !slices.Contains(without, n) {
			text += fmt.Sprintf(`,"%d"`, n)
		}
	}
	return `{"seen":[` + text[1:] + `]}`
}

func numbers(from, to int) (all []int) {
	for n := from; n <= to; n++ {
		all = append(all, n)
	}
	return all
}

// TestRecordsThatComeInAnotherOrderAreTakenFromTheLog delivers records to the consumer
// in another order than to the pump, as a reshard may.
func TestRecordsThatComeInAnotherOrderAreTakenFromTheLog(t *testing.T) {
	for name, batches := range map[string][][]int{
		"one by one":          {{1}, {3}, {2}, {4}, {5}},
		"in one batch":        {{1, 3, 2, 4, 5}},
		"from the end":        {{5}, {1, 2, 3, 4}},
		"several are missing": {{2}, {5}, {1}, {3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newLiveBench(t)
			b.pumpAll(9)
			if sum := b.deliver(batches...); sum.Late != 0 || sum.Missed != 0 {
				t.Errorf("%+v", sum)
			}
			b.deliver(numbers(6, 9))
			if got := b.state(); got != seen(1, 9) {
				t.Errorf("state %s", got)
			}
		})
	}
}

// TestWhatComesOutOfOrderFarBehindIsTakenFromTheLog has the order broken further
// behind the pump than a head lists records.
func TestWhatComesOutOfOrderFarBehindIsTakenFromTheLog(t *testing.T) {
	b := newLiveBench(t)
	b.pumpAll(60)
	if sum := b.deliver([]int{1}, []int{3}, []int{2}); sum.Missed != 0 || sum.Late != 0 {
		t.Errorf("far behind: %+v", sum)
	}
	if got := b.state(); got != seen(1, 3) {
		t.Errorf("far behind: state %s", got)
	}
	if sum := b.deliver([]int{30}, numbers(4, 30), numbers(31, 50), numbers(51, 60)); sum.Missed != 0 {
		t.Errorf("caught up: %+v", sum)
	}
	if got := b.state(); got != seen(1, 60) {
		t.Errorf("state %s", got)
	}
}

func (b *liveBench) records(numbers []int) (all []eventlog.Incoming) {
	for _, n := range numbers {
		all = append(all, b.record(n, 12+n/5))
	}
	return all
}

// TestSomeRecordsBehindThePumpNothingIsLookedUp counts the calls of the common
// case.
func TestSomeRecordsBehindThePumpNothingIsLookedUp(t *testing.T) {
	b := newLiveBench(t)
	counted := &countedLog{Log: b.pump.Log}
	set, err := projection.NewSet(recorder())
	if err != nil {
		t.Fatal(err)
	}
	b.live.Applier, b.live.Log = projection.NewApplier(set, eventlog.View{Log: counted, Heads: b.live.Heads}), counted
	b.pumpAll(20)
	b.deliver([]int{1, 2, 3}, []int{4}, numbers(5, 12), numbers(13, 20))
	if got := b.state(); got != seen(1, 20) || counted.lookUps+counted.reads != 0 {
		t.Errorf("state %s, %d look-ups, %d reads", got, counted.lookUps, counted.reads)
	}
}

// TestTheLogDecidesWhateverTheOrder gives pump and consumer the same records in different
// but similar orders: records that were late for the pump are in neither result.
func TestTheLogDecidesWhateverTheOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 150 {
		b := newLiveBench(t)
		pumped, late := swapped(random, 12), []int{}
		for _, n := range pumped {
			before := b.late()
			b.commit(b.record(n, 12+n/5))
			if b.late() > before {
				late = append(late, n)
			}
		}
		for rest := swapped(random, 12); len(rest) > 0; {
			n := 1 + random.IntN(len(rest))
			b.deliver(rest[:n])
			rest = rest[n:]
		}
		if got := b.state(); got != seen(1, 12, late...) {
			t.Fatalf("pump %v, late %v: state %s", pumped, late, got)
		}
		if got := b.history(); got != b.state() {
			t.Fatalf("pump %v, late %v: the row's buckets hold %s", pumped, late, got)
		}
	}
}

// swapped is 1 to n in order, with some neighbours swapped.
func swapped(random *rand.Rand, n int) []int {
	all := numbers(1, n)
	for i := 0; i+1 < n; i++ {
		if random.IntN(4) == 0 {
			all[i], all[i+1] = all[i+1], all[i]
		}
	}
	return all
}

// late is the number of quarantined records.
func (b *liveBench) late() int {
	b.t.Helper()
	all, err := b.pump.Log.ListQuarantine(b.t.Context(), 0, "", 100)
	if err != nil {
		b.t.Fatal(err)
	}
	return len(all)
}

// history is what the log has in the buckets that the row names.
func (b *liveBench) history() string {
	b.t.Helper()
	rows, err := b.live.Generations.Open("g0001").Rows(b.t.Context(), 0, []string{"x"})
	if err != nil {
		b.t.Fatal(err)
	}
	var ids []string
	visit := func(_ eventlog.Bucket, e *eventlog.Entry) error {
		parsed, err := event.Parse(string(e.Line))
		if err == nil {
			ids = append(ids, strconv.Quote(parsed.ID))
		}
		return err
	}
	view := eventlog.View{Log: b.pump.Log, Heads: b.pump.Heads}
	err = view.History(b.t.Context(), 0, "x", rows["x"].Buckets, "", rows["x"].Position, visit)
	if err != nil {
		b.t.Fatal(err)
	}
	return `{"seen":[` + strings.Join(ids, ",") + `]}`
}
