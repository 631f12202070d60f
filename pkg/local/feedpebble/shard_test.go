package feedpebble

import "testing"

// TestPublishNeverGoesBack: syncs end in any order, and the later record being
// on disk means that the earlier is.
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
