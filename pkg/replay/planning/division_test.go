package planning

import (
	"fmt"
	"testing"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

// The heaviest lane that is left goes to the lightest group.
func TestLanesAreDividedHeaviestFirst(t *testing.T) {
	var lanes []weight
	for lane, bytes := range []int64{1, 5, 1, 3, 2} {
		lanes = append(lanes, weight{lane: event.Lane(lane), bytes: bytes})
	}
	groups := fmt.Sprint(cutGroups(lanes, 2))
	want := fmt.Sprint([]replay.Group{{Lanes: []event.Lane{0, 1}, Weight: 6}, {Lanes: []event.Lane{2, 3, 4}, Weight: 6}})
	if groups != want {
		t.Errorf("groups %s, want %s", groups, want)
	}
}

// Buckets of the same weight make slices of the same weight.
func TestEqualBucketsMakeEqualSlices(t *testing.T) {
	perBucket := make(map[eventlog.Bucket]int64)
	for hour := range int64(64) {
		perBucket[eventlog.Hour.Of(hour*3_600_000)] = 10
	}
	cut := cutSlices(perBucket, maxSlices)
	if len(cut) != 32 {
		t.Fatalf("%d slices", len(cut))
	}
	for i, slice := range cut {
		if slice.Weight != 20 || slice.From != eventlog.Hour.Of(int64(i)*2*3_600_000) {
			t.Errorf("slice %d is %+v", i, slice)
		}
	}
}
