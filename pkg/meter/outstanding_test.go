package meter_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"reprise/pkg/meter"
)

// TestEachUnitIsTakenOnce lets several goroutines count, take and give back at
// the same time.
func TestEachUnitIsTakenOnce(t *testing.T) {
	m := new(meter.Meter)
	outstanding := meter.NewOutstanding(m)
	const workers, rounds = 8, 500
	taken := make([]meter.Usage, workers)
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() {
			for round := range rounds {
				m.Part("log").Add(meter.ReadUnits, 0.5)
				m.Part(fmt.Sprint(i)).Add(meter.WriteUnits, 1.1)
				if round%3 == 0 {
					outstanding.GiveBack(outstanding.Take())
				} else {
					taken[i] = taken[i].Add(outstanding.Take().Total())
				}
			}
		})
	}
	group.Wait()
	sum := outstanding.Take().Total()
	for _, u := range taken {
		sum = sum.Add(u)
	}
	if want := (meter.Usage{ReadUnits: workers * rounds / 2, WriteUnits: 4400}); sum != want {
		t.Errorf("taken %+v, want %+v", sum, want)
	}
	if again := outstanding.Take(); len(again) > 0 {
		t.Errorf("taken again: %v", again)
	}
}

func TestUsageThatIsGivenBackIsTakenAgain(t *testing.T) {
	m := new(meter.Meter)
	m.Part("log").Add(meter.ReadUnits, 3)
	outstanding, other := meter.NewOutstanding(m), meter.NewOutstanding(m)
	first := outstanding.Take()
	if fmt.Sprint(first) != fmt.Sprint(meter.Snapshot{"log": {ReadUnits: 3}}) {
		t.Fatalf("first %v", first)
	}
	outstanding.GiveBack(first)
	outstanding.GiveBack(meter.Snapshot{"elsewhere": {PutUnits: 1}})
	m.Part("log").Add(meter.ReadUnits, 1)
	want := fmt.Sprint(meter.Snapshot{"log": {ReadUnits: 4}, "elsewhere": {PutUnits: 1}})
	if again := outstanding.Take(); fmt.Sprint(again) != want {
		t.Errorf("again %v, want %s", again, want)
	}
	if last := outstanding.Take(); len(last) > 0 {
		t.Errorf("last %v", last)
	}
	if all := other.Take().Total(); all != (meter.Usage{ReadUnits: 4}) {
		t.Errorf("the other one has %+v", all)
	}
}

func TestNothingIsOutstandingWithoutAMeter(t *testing.T) {
	var none *meter.Outstanding
	none.GiveBack(meter.Snapshot{"log": {ReadUnits: 1}})
	if got := none.Take(); len(got) > 0 {
		t.Errorf("nil has %v", got)
	}
	if got := meter.NewOutstanding(nil).Take(); len(got) > 0 {
		t.Errorf("without a meter there is %v", got)
	}
}

// TestSharesAddUp divides odd usages by odd weights.
func TestSharesAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		whole := meter.Snapshot{
			"log": {ReadUnits: float64(random.IntN(1e6)) / 1000},
			"control": {
				ReadUnits:   float64(random.IntN(9)) / 2,
				WriteUnits:  float64(random.IntN(1e5)),
				PutUnits:    1,
				Transitions: 7,
			},
		}
		weights := make([]int64, 1+random.IntN(9))
		for i := range weights {
			weights[i] = random.Int64N(1 << random.IntN(40))
		}
		sum := make(meter.Snapshot)
		for i, share := range whole.Divide(weights) {
			for part, used := range share {
				if used.ReadUnits < 0 || used.WriteUnits < 0 {
					t.Fatalf("share %d of %v by %v is negative: %v", i, whole, weights, share)
				}
				sum[part] = sum[part].Add(used)
			}
		}
		if fmt.Sprint(sum) != fmt.Sprint(whole) {
			t.Fatalf("%v by %v adds up to %v", whole, weights, sum)
		}
	}
}

func TestSharesFollowTheWeights(t *testing.T) {
	whole := meter.Snapshot{"log": {WriteUnits: 10}}
	for _, c := range []struct {
		weights []int64
		want    string
	}{
		{[]int64{3, 1, 1}, "6 2 2 "}, {[]int64{0, 5}, "0 10 "}, {[]int64{0, 0}, "5 5 "}, {[]int64{7}, "10 "}, {nil, ""},
	} {
		got := ""
		for _, share := range whole.Divide(c.weights) {
			got += fmt.Sprint(share["log"].WriteUnits, " ")
		}
		if got != c.want {
			t.Errorf("by %v: %q, want %q", c.weights, got, c.want)
		}
	}
}
