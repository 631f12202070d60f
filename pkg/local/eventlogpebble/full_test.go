package eventlogpebble_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/localstore"
)

// filling is a file system that says how much space is left.
type filling struct {
	vfs.FS
	left atomic.Uint64
}

func (f *filling) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: f.left.Load(), TotalBytes: 1 << 40}, nil
}

// TestAFullDiskIsReported checks that a refused write never counts as stored.
func TestAFullDiskIsReported(t *testing.T) {
	disk := &filling{FS: vfs.NewMem()}
	disk.left.Store(1 << 40)
	_, log := openLog(t, disk)
	ctx := t.Context()
	position := func(n int) event.Position {
		at, err := event.NewPosition(1, fmt.Sprint(1000+n), 0)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	calls := map[string]func(n int) error{
		"Put": func(n int) error {
			e := eventlog.Entry{Entity: "a", Position: position(n), Line: []byte("{}")}
			return log.Put(ctx, lane, bucket, []eventlog.Entry{e})
		},
		"Quarantine": func(n int) error {
			return log.Quarantine(ctx, lane, eventlog.Quarantined{Position: position(n), Reason: "late"})
		},
		"PutWitness": func(n int) error {
			at := eventlog.Hour.Of(int64(n) * 3_600_000)
			return log.PutWitness(ctx, lane, eventlog.Witness{Bucket: at, First: position(n)})
		},
	}
	n := 0
	for name, call := range calls {
		if err := call(n); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	disk.left.Store(1 << 20)
	for err := error(nil); err == nil; n++ { // the disk is checked at intervals
		if err = calls["Put"](n); n > 1000 {
			t.Fatal("1000 writes to a full disk were accepted")
		}
	}
	for name, call := range calls {
		if err := call(n); !errors.Is(err, localstore.ErrFull) {
			t.Errorf("%s on a full disk: %v", name, err)
		}
	}
	disk.left.Store(1 << 40)
	for name, call := range calls {
		if err := call(n); err != nil {
			t.Errorf("%s with room again: %v", name, err)
		}
	}
}
