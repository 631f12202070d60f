package simulation

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/replay"
)

// outdating is the stream of the random source for jumps of the clock.
const outdating = 13

// In worlds whose cuts become outdated, the event stream keeps records for shortRetention:
// a consumer that begins gets nothing older. Half of it is longer than an invocation is
// ever frozen and the longest jump of the clock together, since nothing on earth could
// otherwise make a generation follow in time.
const (
	shortRetention = 640 * time.Second
	longestJump    = 240 * time.Second
)

// chooseOutdated draws from its own random source, so that a seed's world does not change
// unless its cuts become outdated. A planted fault keeps to the default, unless it is
// meant for these worlds.
func (w *world) chooseOutdated() {
	r := rand.New(rand.NewPCG(w.seed, outdating))
	drawn := r.IntN(3) == 0 && w.attacks.outdates
	if w.drawn.outdates = drawn && (w.plant.outdates || reflect.ValueOf(w.plant).IsZero()); !w.drawn.outdates {
		return
	}
	w.shape.retention = shortRetention
	for range 4 + r.IntN(8) {
		w.jumps = append(w.jumps, longestJump/2+time.Duration(r.Int64N(int64(longestJump/2))))
	}
	for _, of := range w.order {
		if r.IntN(3) == 0 {
			of.cut.step = "move"
		}
		if r.IntN(3) == 0 {
			of.pauseAt.step = "move"
		}
		for _, fault := range of.faults {
			if r.IntN(4) == 0 {
				fault.step, fault.call = "move", 1
			}
		}
	}
}

// jump makes the clock jump while rebuilds are on their way, as it does for a machine that
// slept.
func (w *world) jump(driver *actor) {
	for _, by := range w.jumps {
		if !driver.await("a rebuild", 0, w.rebuilding) || driver.pause(driver.ctx, driver.random.Int64N(30_000)) != nil {
			return
		}
		if !driver.await("a rebuild", 0, w.rebuilding) {
			return
		}
		w.gate.mu.Lock()
		w.now += by.Milliseconds()
		w.gate.mu.Unlock()
		if driver.pause(driver.ctx, 1_000) != nil {
			return
		}
	}
}

// rebuilding reports whether a rebuild has a cut, and its generation follows nothing yet,
// while no replay waits for its consumer, which a jump would let count as stalled.
func (w *world) rebuilding() bool {
	draining := func(r *replayModel) bool {
		return (r.status == replay.Draining && !r.proved) || r.row.Waiting != nil // also while lanes are read again
	}
	return !slices.ContainsFunc(w.order, draining) && slices.ContainsFunc(w.order, func(r *replayModel) bool {
		return r.request.Rebuild && r.row.Cut != nil && !r.status.Ended() && w.statuses[r.generation] == datastore.Building
	})
}

// trimmed is the number of records of a shard that its stream no longer holds.
func (w *world) trimmed(shard []streamRecord) int {
	for i, r := range shard {
		if w.now-r.put <= w.shape.retention.Milliseconds() {
			return i
		}
	}
	return len(shard)
}

// cutNumber is the number of the cut that a document belongs to.
func cutNumber(sort string) int {
	_, number, moved := strings.Cut(sort, "@")
	if n, err := strconv.Atoi(number); moved && err == nil {
		return n
	}
	return 0
}

// cutSuffix is what the names of a cut's documents end with.
func cutSuffix(number int) string {
	if number == 0 {
		return ""
	}
	return "@" + strconv.Itoa(number)
}

// moveCut makes a planned cut the replay's. What it adds comes after all that was
// delivered for the cuts before.
func (w *world) moveCut(r *replayModel, number int) {
	for lane, cut := range r.moves[number] {
		before := r.lanes[lane]
		if before == nil {
			w.breakf(completeness, "the cut of replay %s was moved in lane %s, which had none", r.id, lane)
			return
		}
		if before.delivered < int64(len(before.events)) {
			w.breakf(order, "the cut of replay %s was moved with %d of %d events of lane %s delivered",
				r.id, before.delivered, len(before.events), lane)
		}
		all := w.model.expect(r.request, lane, cut)
		added := slices.DeleteFunc(all.events, func(e *modelEvent) bool { return e.position <= before.cut })
		r.lanes[lane] = &expected{cut: cut, after: before.cut, delivered: before.delivered, base: len(before.events),
			events: append(slices.Clone(before.events), added...)}
	}
	if len(r.moves[number]) != w.lanes.Count() {
		w.breakf(completeness, "replay %s has moved its cut in %d lanes", r.id, len(r.moves[number]))
	}
	r.proved = false
}

// move plays the state of that name: it moves the cut of a replay, or leaves it as it is,
// and returns what is to be read.
func (m *machine) move() (replay.Row, error, bool) {
	row, err, alive := step(m, "move", func(ctx context.Context, a *actor) (replay.Row, error) {
		return m.world.promoterOf(a).CatchUp(ctx, m.world.plannerOf(a), m.replay.id, m.name())
	})
	if err == nil && alive && (row.Cancel || row.Status.Ended()) {
		err = errHalted
	}
	return row, err, alive
}

// catchUp delivers and proves what is planned, and moves the cut as often as necessary.
func (m *machine) catchUp(row replay.Row) (error, bool) {
	state, err, alive := m.deliver(row.Children())
	for ; state == replay.Behind && err == nil && alive; state, err, alive = m.deliver(row.Children()) {
		if row, err, alive = m.move(); err != nil || !alive {
			return err, alive
		}
	}
	if err != nil || !alive {
		return err, alive
	}
	if _, err, alive := step(m, "prove", act(func(ctx context.Context, a *actor) error {
		proof, err := m.world.proverOf(a).Prove(ctx, m.replay.id)
		if err == nil && !proof.Complete {
			err = fmt.Errorf("%w: %+v", errIncomplete, proof.Differences)
		}
		return err
	})); err != nil || !alive {
		return err, alive
	}
	return m.finish()
}

// TestOutdatedCuts runs schedules in which cuts become outdated, and some in which they
// have to be moved more than once.
func TestOutdatedCuts(t *testing.T) {
	if testing.Short() {
		t.Skip("meets what it is for in many schedules only")
	}
	f := makeFixtures(t).only(attacks{outdates: true, pauses: true, continues: true})
	passes, seeds := make(map[int]int), schedules(t)/2
	for seed := range uint64(seeds) {
		w := runSeed(t, f, seed+1, plant{}, false)
		if w.broken != nil {
			reportBroken(t, f, w, 150)
			return
		}
		for _, r := range w.order {
			if r.request.Rebuild && r.status == replay.Succeeded {
				passes[r.row.CatchUps]++
			}
		}
	}
	if passes[1] == 0 || (seeds >= 300 && passes[2] == 0) {
		t.Error("no rebuild needed one pass, or none needed two")
	}
	t.Logf("rebuilds that succeeded, by passes after the first: %v", passes)
}

// byCut orders events as a reader reads them.
func byCut(a, b *modelEvent) int {
	return cmp.Or(strings.Compare(string(a.bucket), string(b.bucket)),
		strings.Compare(event.SortKey(a.entity, a.position), event.SortKey(b.entity, b.position)))
}
