package damage

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"reprise/integration/datasets"
	"reprise/pkg/api"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
)

// fillable is a disk in memory that can be full.
type fillable struct {
	vfs.FS
	full atomic.Bool
}

// newFillable returns a disk on which, while it is full, no file can be created or
// written.
func newFillable() *fillable {
	f := &fillable{}
	f.FS = errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpCreate, errorfs.OpReuseForWrite, errorfs.OpRename:
			if f.full.Load() {
				return &fs.PathError{Op: "write", Path: op.Path, Err: syscall.ENOSPC}
			}
		}
		return nil
	}))
	return f
}

func (f *fillable) GetDiskUsage(string) (vfs.DiskUsage, error) {
	if f.full.Load() {
		return vfs.DiskUsage{TotalBytes: 1 << 40}, nil
	}
	return vfs.DiskUsage{TotalBytes: 1 << 40, AvailBytes: 1 << 39}, nil
}

// TestFullDiskWithoutAReserve fills the disk at once, so that neither the reserve
// nor the ballast helps: writes that have begun fail, everything else waits.
func TestFullDiskWithoutAReserve(t *testing.T) {
	t.Parallel()
	disk := newFillable()
	p := localtest.Start(t, local.Options{Dir: "data", FS: disk, Lanes: 4})
	d := datasets.Litestream(t)
	p.Send("/events", d.Lines[:1000])
	p.Settle(1000)
	disk.full.Store(true)
	body, err := json.Marshal(d.Lines[1000:1100])
	if err != nil {
		t.Fatal(err)
	}
	// More requests than the platform handles at once, so that none may hold on to its place.
	for range 20 {
		status, answer := p.Call(http.MethodPost, "/events", "application/cloudevents-batch+json", body)
		if status != http.StatusInsufficientStorage {
			t.Fatalf("on a full disk: %d %s", status, answer)
		}
	}
	if rows := p.Rows("", 4); len(rows) == 0 {
		t.Error("a full disk cannot be read")
	}
	localtest.Until(p, "/status", func(v api.StatusView) bool { return v.Storage.State == api.StorageFull })

	disk.full.Store(false)
	localtest.Until(p, "/status", func(v api.StatusView) bool { return v.Storage.State == api.StorageOK })
	p.Send("/events", d.Lines[1000:])
	p.Settle(int64(len(d.Lines)))
	d.Judge(t, "after the full disk", p.Rows("", 4))
}

func TestFullDiskRefusesEventsUntilThereIsRoom(t *testing.T) {
	t.Parallel()
	disk := &fillable{FS: vfs.NewMem()}
	p := localtest.Start(t, local.Options{Dir: "data", FS: disk, Lanes: 4})
	d := datasets.Litestream(t)
	p.Send("/events", d.Lines[:1000])
	p.Settle(1000)

	disk.full.Store(true)
	body, err := json.Marshal(d.Lines[1000:1100])
	if err != nil {
		t.Fatal(err)
	}
	// The free space is checked only at intervals, so the first requests may succeed.
	status, answer := 0, []byte(nil)
	for range 200 {
		if status, answer = p.Call(http.MethodPost, "/events", "application/cloudevents-batch+json",
			body); status != http.StatusAccepted {
			break
		}
	}
	if status != http.StatusInsufficientStorage || !strings.Contains(string(answer), "disk is full") {
		t.Fatalf("on a full disk: %d %s", status, answer)
	}
	if rows := p.Rows("", 4); len(rows) == 0 {
		t.Error("a full disk cannot be read")
	}

	disk.full.Store(false)
	p.Send("/events", d.Lines[1000:])
	localtest.Until(p, "/status", func(view api.StatusView) bool {
		for _, c := range view.Consumers {
			if *c.BehindRecords != 0 {
				return false
			}
		}
		return true
	})
	d.Judge(t, "after the full disk", p.Rows("", 4))
	if got := p.Replay("room-again", `{"rebuild":true,"promote":true}`); got.Status != replay.Succeeded {
		t.Errorf("rebuild: %+v", got.Failure)
	}
	d.Judge(t, "rebuilt", p.Rows("", 4))
}
