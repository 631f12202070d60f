package eventlog_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"reprise/pkg/eventlog"
)

func TestBucketListsAreBoundedAndForgetNothing(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 4))
	for _, width := range []eventlog.Width{eventlog.Day, eventlog.Hour} {
		for _, n := range []int{1, 511, 512, 513, 2000} {
			at := time.Date(2019, 12, 30, 0, 0, 0, 0, time.UTC)
			var list, added []eventlog.Bucket
			for range n {
				b := width.Of(at.UnixMilli())
				before := slices.Clone(list)
				next := eventlog.AddBucket(list, b)
				if !slices.Equal(list, before) {
					t.Fatal("the list was changed in place")
				}
				list, added = next, append(added, b)
				at = at.Add(time.Duration(width) * time.Duration(1+rng.IntN(3)))
			}
			if len(list) > 512 {
				t.Errorf("a list of %d buckets names %d", n, len(list))
			}
			if list[len(list)-1] != added[n-1] {
				t.Errorf("the last of %d buckets is %s, want %s", n, list[len(list)-1], added[n-1])
			}
			all := eventlog.ExpandBuckets(list)
			if n <= 512 && !slices.Equal(all, added) || !slices.IsSorted(all) {
				t.Errorf("a list of %d buckets expands to %d, sorted %t", n, len(all), slices.IsSorted(all))
			}
			for _, b := range added {
				if _, found := slices.BinarySearch(all, b); !found {
					t.Fatalf("of %d buckets %s is forgotten", n, b)
				}
			}
		}
	}
}

func TestSpanOfMidnightsTakesHoursIn(t *testing.T) {
	// A log of hours may fill its list with midnights by chance.
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	var list []eventlog.Bucket
	for range 600 {
		list = eventlog.AddBucket(list, eventlog.Hour.Of(at.UnixMilli()))
		at = at.AddDate(0, 0, 1)
	}
	noon := eventlog.Hour.Of(at.Add(12 * time.Hour).UnixMilli())
	list = eventlog.AddBucket(eventlog.AddBucket(list, noon), noon)
	if all := eventlog.ExpandBuckets(list); !slices.Contains(all, noon) || !slices.Contains(all, "2020-03-01T00") {
		t.Errorf("the span %v is short", list)
	}
}
