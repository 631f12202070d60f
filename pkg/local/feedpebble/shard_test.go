package feedpebble

import "testing"

// Syncs end in any order. If a later record is on disk, so is an earlier one.
func TestPublishNeverGoesBack(t *testing.T) {
	var sh shard
	for _, step := range []struct {
		sequence uint64
		arrival  int64
		want     uint64
	}{{2, 20, 2}, {1, 10, 2}, {4, 40, 4}, {3, 30, 4}} {
		sh.publish(step.sequence, step.arrival)
		if _, durable, arrival := sh.bounds(); durable != step.want || arrival != 10*int64(step.want) {
			t.Fatalf("after %d: durable up to %d of %d", step.sequence, durable, arrival)
		}
	}
}
