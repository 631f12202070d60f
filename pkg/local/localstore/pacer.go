package localstore

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// firstPause and lastPause bound the wait before the next compaction after one
	// that failed.
	firstPause = time.Second
	lastPause  = time.Minute
	// grantEvery is how often waiting compactions are looked for while there may be any.
	grantEvery = 100 * time.Millisecond
)

// pacer schedules Pebble's compactions. Pebble's own scheduler starts a failed
// compaction again at once, and with a damaged file that never ends: it would
// read the same files forever. The pacer waits longer after every failure.
//
// It implements pebble.CompactionScheduler and the grants that it hands out.
type pacer struct {
	now   func() time.Time
	db    pebble.DBForCompaction
	stop  chan struct{}
	ended chan struct{}
	// refused has a token after a compaction was not allowed to start.
	refused chan struct{}

	granting sync.Mutex // held during a grant, which calls the database

	mu      sync.Mutex
	running int
	begun   bool
	over    bool
	pause   time.Duration
	until   time.Time
	failed  int // compactions
}

var (
	_ pebble.CompactionScheduler   = (*pacer)(nil)
	_ pebble.CompactionGrantHandle = (*pacer)(nil)
)

func newPacer(now func() time.Time) *pacer {
	return &pacer{now: now, stop: make(chan struct{}), ended: make(chan struct{}), refused: make(chan struct{}, 1)}
}

// compacted notes the outcome of a compaction.
func (p *pacer) compacted(info pebble.CompactionInfo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if info.Err == nil {
		p.pause = 0
		return
	}
	p.failed++
	p.pause = min(max(2*p.pause, firstPause), lastPause)
	p.until = p.now().Add(p.pause)
}

// failures is how many compactions have failed.
func (p *pacer) failures() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// Register implements pebble.CompactionScheduler.
func (p *pacer) Register(_ int, db pebble.DBForCompaction) {
	p.db = db
	p.mu.Lock()
	p.begun = true
	p.mu.Unlock()
	go p.run()
}

// run looks for waiting compactions after one was refused until none waits: an idle
// database costs nothing.
func (p *pacer) run() {
	defer close(p.ended)
	for {
		select {
		case <-p.refused:
		case <-p.stop:
			return
		}
		tick := time.NewTicker(grantEvery)
		for waiting := true; waiting; {
			select {
			case <-tick.C:
				waiting = p.grant()
			case <-p.stop:
				tick.Stop()
				return
			}
		}
		tick.Stop()
	}
}

// look makes run look for waiting compactions.
func (p *pacer) look() {
	select {
	case p.refused <- struct{}{}:
	default:
	}
}

// Unregister implements pebble.CompactionScheduler. It waits for a grant under
// way. It may be called repeatedly.
func (p *pacer) Unregister() {
	p.mu.Lock()
	idle := !p.begun || p.over
	p.over = true
	p.mu.Unlock()
	if idle {
		return
	}
	close(p.stop)
	<-p.ended
	p.granting.Lock() // wait for a grant by Done
	defer p.granting.Unlock()
}

// TrySchedule implements pebble.CompactionScheduler.
func (p *pacer) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.free() {
		p.look()
		return false, nil
	}
	p.running++
	return true, p
}

// free reports whether one more compaction may start. mu is held.
func (p *pacer) free() bool {
	return !p.over && p.running < p.db.GetAllowedWithoutPermission() && !p.now().Before(p.until)
}

// UpdateGetAllowedWithoutPermission implements pebble.CompactionScheduler. The
// next tick looks at the number.
func (p *pacer) UpdateGetAllowedWithoutPermission() { p.look() }

// grant starts waiting compactions while there may be more. It reports whether any may
// still wait.
func (p *pacer) grant() (waiting bool) {
	p.granting.Lock()
	defer p.granting.Unlock()
	for {
		p.mu.Lock()
		free := p.free()
		p.mu.Unlock()
		if !free {
			return true
		}
		if waiting, _ := p.db.GetWaitingCompaction(); !waiting {
			return false
		}
		// Count it first: it may be done before Schedule returns.
		p.count(1)
		if !p.db.Schedule(p) {
			p.count(-1)
			return true
		}
	}
}

func (p *pacer) count(change int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running += change
}

// Done implements pebble.CompactionGrantHandle.
func (p *pacer) Done() {
	p.count(-1)
	if p.grant() {
		p.look()
	}
}

// Started implements pebble.CompactionGrantHandle.
func (p *pacer) Started() {}

// MeasureCPU implements pebble.CompactionGrantHandle.
func (p *pacer) MeasureCPU(pebble.CompactionGoroutineKind) {}

// CumulativeStats implements pebble.CompactionGrantHandle.
func (p *pacer) CumulativeStats(pebble.CompactionGrantHandleStats) {}
