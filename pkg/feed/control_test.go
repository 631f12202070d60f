package feed_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/feed"
	"reprise/pkg/local/pebbletest"
)

func newTable(t *testing.T) control.Table {
	t.Helper()
	return pebbletest.Open(t).Table
}

func TestCheckpointsOnlyMoveForward(t *testing.T) {
	checkpoints := feed.Checkpoints{Table: newTable(t)}
	long := strings.Repeat("1", 56)
	for _, step := range []struct{ store, want string }{
		{"", ""}, {"9", "9"}, {"10", "10"}, {"9", "10"}, {"10", "10"}, {long, long}, {"99", long}, {"", long},
	} {
		if step.store != "" {
			if err := checkpoints.Store(t.Context(), "pump", "identity", "shard-0", step.store); err != nil {
				t.Fatal(err)
			}
		}
		have, err := checkpoints.Load(t.Context(), "pump", "identity", "shard-0")
		if err != nil || have != step.want {
			t.Fatalf("after %q: have %q, %v; want %q", step.store, have, err, step.want)
		}
	}
	for _, other := range [][3]string{{"write", "identity", "shard-0"}, {"pump", "other", "shard-0"},
		{"pump", "identity", "shard-1"}} {
		if have, err := checkpoints.Load(t.Context(), other[0], other[1], other[2]); err != nil || have != "" {
			t.Fatalf("checkpoint of %q: %q, %v", other, have, err)
		}
	}
}

func TestCheckpointsOfRivals(t *testing.T) {
	checkpoints := feed.Checkpoints{Table: newTable(t)}
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			for n := range 10 {
				if err := checkpoints.Store(t.Context(), "pump", "identity", "shard", fmt.Sprint(1+n*4+w)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if have, err := checkpoints.Load(t.Context(), "pump", "identity", "shard"); err != nil || have != "40" {
		t.Fatalf("have %q, %v; want the furthest, 40", have, err)
	}
}

func TestEpochs(t *testing.T) {
	epochs := feed.Epochs{Table: newTable(t)}
	for _, step := range []struct {
		identity string
		want     int
	}{{"a", 1}, {"b", 2}, {"a", 1}, {"c", 3}, {"b", 2}} {
		if have, err := epochs.Of(t.Context(), step.identity); err != nil || have != step.want {
			t.Fatalf("epoch of %q: %d, %v; want %d", step.identity, have, err, step.want)
		}
	}
	results := make([]int, 8)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() {
			epoch, err := epochs.Of(t.Context(), fmt.Sprint("new ", i/2))
			if err != nil {
				t.Error(err)
			}
			results[i] = epoch
		})
	}
	group.Wait()
	seen := make(map[int]int)
	for i := 0; i < len(results); i += 2 {
		if results[i] != results[i+1] || results[i] < 4 || results[i] > 7 {
			t.Fatalf("epochs %v", results)
		}
		seen[results[i]]++
	}
	if len(seen) != 4 {
		t.Fatalf("epochs %v: two streams share one", results)
	}
}
