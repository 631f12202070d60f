package planning

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

// randomWeights makes lanes with skewed weights over many buckets.
func randomWeights(rng *rand.Rand, lanes, buckets int) []weight {
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	weights := make([]weight, lanes)
	for i := range weights {
		w := weight{lane: event.Lane(i), buckets: make(map[eventlog.Bucket]int64)}
		for range rng.IntN(buckets) {
			b := eventlog.Day.Of(start.AddDate(0, 0, rng.IntN(buckets)).UnixMilli())
			bytes := int64(1 + rng.IntN(1000))
			w.buckets[b] += bytes
			w.bytes += bytes
		}
		weights[i] = w
	}
	return weights
}

func TestPlanCoversEverythingOnceInEqualParts(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	for range 200 {
		weights := randomWeights(rng, 1+rng.IntN(64), 1+rng.IntN(400))
		var total, heaviestLane, heaviestBucket int64
		perBucket := make(map[eventlog.Bucket]int64)
		var want []event.Lane
		for _, w := range weights {
			total += w.bytes
			heaviestLane = max(heaviestLane, w.bytes)
			if w.bytes > 0 {
				want = append(want, w.lane)
			}
			for b, bytes := range w.buckets {
				perBucket[b] += bytes
				heaviestBucket = max(heaviestBucket, perBucket[b])
			}
		}
		plan, err := divide(weights, replay.Request{Parallelism: 1 + rng.IntN(16)}, eventlog.Day)
		if err != nil {
			t.Fatal(err)
		}
		if lanes := plan.Lanes(); !slices.Equal(lanes, want) {
			t.Fatalf("lanes %v, want %v", plan.Lanes(), want)
		}
		checkGroups(t, plan.Groups, want, total, heaviestLane)
		checkSlices(t, plan.Slices, perBucket, total, heaviestBucket)
	}
}

func checkGroups(t *testing.T, groups []replay.Group, want []event.Lane, total, heaviest int64) {
	t.Helper()
	var got []event.Lane
	for _, g := range groups {
		got = append(got, g.Lanes...)
		// The lightest group took the last lane, so no group is above the
		// average by more than one lane.
		if average := total / int64(len(groups)); g.Weight > average+heaviest {
			t.Fatalf("a group weighs %d of %d in %d groups, the heaviest lane %d", g.Weight, total, len(groups), heaviest)
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Fatalf("groups hold lanes %v, want %v", got, want)
	}
}

func checkSlices(t *testing.T, slicesOf []replay.Slice, perBucket map[eventlog.Bucket]int64, total, heaviest int64) {
	t.Helper()
	if len(slicesOf) > maxSlices || (len(perBucket) > 0) != (len(slicesOf) > 0) {
		t.Fatalf("%d slices of %d buckets", len(slicesOf), len(perBucket))
	}
	var sum int64
	for i, s := range slicesOf {
		if i > 0 && slicesOf[i-1].To != s.From {
			t.Fatalf("slice %d begins at %s, the one before ends at %s", i, s.From, slicesOf[i-1].To)
		}
		var inside int64
		for b, bytes := range perBucket {
			if b >= s.From && (s.To == "" || b < s.To) {
				inside += bytes
			}
		}
		if inside != s.Weight {
			t.Fatalf("slice %d says %d bytes, its buckets have %d", i, s.Weight, inside)
		}
		if average := total / int64(len(slicesOf)); s.Weight > average+heaviest {
			t.Fatalf("slice %d weighs %d of %d in %d slices", i, s.Weight, total, len(slicesOf))
		}
		sum += inside
	}
	if sum != total {
		t.Fatalf("slices hold %d bytes of %d", sum, total)
	}
	if n := len(slicesOf); n > 0 && slicesOf[n-1].To != "" {
		t.Fatal("the last slice has an end")
	}
}
