package local_test

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/local"
)

// TestShardsAreFixed: another number is refused, and none means the directory's.
func TestShardsAreFixed(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	open := func(shards int) error {
		p, err := local.Open(t.Context(), local.Options{Dir: "data", FS: fsys, Lanes: 4, Shards: shards})
		if err != nil {
			return err
		}
		return p.Close()
	}
	for _, step := range []struct {
		shards int
		want   error
	}{{2, nil}, {2, nil}, {3, local.ErrShards}, {0, nil}} {
		if err := open(step.shards); !errors.Is(err, step.want) {
			t.Errorf("opened with %d shards: %v, want %v", step.shards, err, step.want)
		}
	}
}
