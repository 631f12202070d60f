package powercut

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"reprise/pkg/replay"
)

// promises are what clients were told.
type promises struct {
	// events were accepted, in the order in which they are sent.
	events int
	// active is the generation that was made active last, "" while that may change.
	active string
	// ended are the replays of which somebody was told that they have ended.
	ended map[string]replay.Status
	// corrected are the entities for which a correction was accepted.
	corrected []string
	// erased says that somebody was told of an erasure.
	erased bool
}

// moment is what was on the disk at a write, and what had been promised.
type moment struct {
	write    int
	kept     int // the percentage of what was written and not synced
	disk     vfs.FS
	promises promises
	// calls are the updates that were made outside until then, by key.
	calls map[string]json.RawMessage
}

// told says in the log of a test that failed what the moment was.
func (m *moment) told(t *testing.T) {
	if t.Failed() {
		t.Logf("%d %% of what was not synced is kept; %+v", m.kept, m.promises)
	}
}

// disk is a disk in memory that keeps what was on it at some of its writes, each as likely
// as any other.
type disk struct {
	vfs.FS
	mem *vfs.MemFS

	mu      sync.Mutex
	rng     *rand.Rand
	writes  int
	moments []moment // of them, at most cap(moments)

	promised sync.Mutex
	promises promises
	// outside tells which updates were made outside; nil if none are.
	outside func() map[string]json.RawMessage
}

// chosenDisk is a disk whose moments are chosen by a seed that it prints, and by stream.
func chosenDisk(t *testing.T, stream uint64) *disk {
	t.Helper()
	seed := setting(t, "REPRISE_SEED", rand.Uint64())
	t.Logf("seed %d (set REPRISE_SEED to repeat its choices)", seed)
	return newDisk(rand.New(rand.NewPCG(seed, stream)), int(5*setting(t, "REPRISE_KILLS", 4)))
}

func newDisk(rng *rand.Rand, moments int) *disk {
	d := &disk{mem: vfs.NewCrashableMem(), rng: rng, moments: make([]moment, 0, moments),
		promises: promises{ended: make(map[string]replay.Status)}}
	d.FS = roomy{errorfs.Wrap(d.mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			d.before()
		}
		return nil
	}))}
	return d
}

// each runs a test for every moment.
func (d *disk) each(t *testing.T, goesOn func(*testing.T, *moment)) {
	t.Helper()
	if len(d.moments) < cap(d.moments) {
		t.Fatalf("%d writes", d.writes)
	}
	for _, m := range d.moments {
		t.Run(fmt.Sprint("write ", m.write), func(t *testing.T) {
			t.Parallel()
			defer m.told(t)
			goesOn(t, &m)
		})
	}
}

// before is called before each write, and keeps what the disk has then if the reservoir
// takes it: the n-th write replaces another one with a probability of cap/n.
func (d *disk) before() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes++
	at := len(d.moments)
	if at == cap(d.moments) {
		if at = d.rng.IntN(d.writes); at >= len(d.moments) {
			return
		}
	} else {
		d.moments = append(d.moments, moment{})
	}
	m := moment{write: d.writes, kept: 100, promises: d.now()} // as kill -9 does
	if d.rng.IntN(2) == 0 {
		m.kept = d.rng.IntN(100) // as a power failure does
	}
	m.disk = d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: m.kept, RNG: d.rng})
	if d.outside != nil {
		m.calls = d.outside() // after the disk, which may know of every one that was made
	}
	d.moments[at] = m
}

// now are the promises made until now.
func (d *disk) now() promises {
	d.promised.Lock()
	defer d.promised.Unlock()
	p := d.promises
	p.ended = maps.Clone(p.ended)
	return p
}

func (d *disk) promise(change func(*promises)) {
	d.promised.Lock()
	defer d.promised.Unlock()
	change(&d.promises)
}

// roomy is a disk in memory with room.
type roomy struct{ vfs.FS }

// GetDiskUsage says that there is room.
func (roomy) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{TotalBytes: 1 << 40, AvailBytes: 1 << 39}, nil
}
