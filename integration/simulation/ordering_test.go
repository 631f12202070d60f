package simulation

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/replay"
	"reprise/pkg/replay/request"
)

// ordering is the stream of the random source that orderings are drawn from.
const ordering = 77

// chooseOrderings draws orderings and slice widths. They have their own random source,
// so that a seed's world does not depend on them. A planted fault keeps to the default.
func (w *world) chooseOrderings() {
	if p := w.plant; p.reader != nil || p.readGroup != nil || p.consume != nil {
		return
	}
	random := rand.New(rand.NewPCG(w.seed, ordering))
	for _, r := range w.order {
		switch draw := random.IntN(4); {
		case draw == 0:
			r.request.Ordering = request.ByWindow
		case draw == 1 && !r.request.Rebuild:
			r.request.Ordering = request.Unordered
		}
		if random.IntN(2) == 0 {
			r.request.Slice = []request.Width{"1h", "2h", "7h"}[random.IntN(3)]
		}
	}
}

// slicesOf are the time slices of a replay's plan.
func (w *world) slicesOf(r *replayModel) []replay.Slice {
	stored := w.table.stored[control.Key{Partition: replay.Partition(r.id), Sort: "plan" + cutSuffix(r.row.CatchUps)}]
	var plan replay.Plan
	_ = json.Unmarshal(stored.body, &plan) // without a plan there are none
	return plan.Slices
}

// sliceOf is the index of the slice of a logged time.
func (w *world) sliceOf(slices []replay.Slice, logged int64) (index int) {
	for i, slice := range slices {
		if i > 0 && w.width.Of(logged) >= slice.From {
			index = i
		}
	}
	return index
}

// trackOf is what is expected of a lane, or of its part of a slice, from 1, in an
// unordered replay.
func (w *world) trackOf(r *replayModel, lane event.Lane, slice int) *expected {
	whole := r.lanes[lane]
	unordered := r.request.Ordering == request.Unordered
	if whole == nil || unordered != (slice > 0) {
		return nil
	}
	if !unordered {
		return whole
	}
	if whole.parts == nil {
		whole.parts = make(map[int]*expected)
	}
	if whole.parts[slice] == nil {
		part := &expected{cut: whole.cut}
		slices := w.slicesOf(r)
		for _, e := range whole.events {
			if w.sliceOf(slices, e.logged) == slice-1 {
				part.events = append(part.events, e)
			}
		}
		whole.parts[slice] = part
	}
	return whole.parts[slice]
}

// checkWindow checks that all lanes' marks have reached the end of the slices before
// those of a record's events.
func (w *world) checkWindow(r *replayModel, own *expected, lines [][]byte) {
	if r.request.Ordering != request.ByWindow || w.isWiped(r.generation) || r.status.Ended() {
		return // after the end its marks may be gone
	}
	slices, first := w.slicesOf(r), 0
	for _, placed := range lines {
		_, at, logged, err := event.SplitPlaced(placed)
		if err != nil || at <= own.after { // of an earlier cut, which was drained
			return
		}
		first = max(first, w.sliceOf(slices, logged))
	}
	for lane, want := range r.lanes {
		before := int64(want.base)
		for _, e := range want.events[want.base:] {
			if w.sliceOf(slices, e.logged) < first {
				before++
			}
		}
		if mark := w.markOf(r, lane); mark.Ordinal < before {
			w.breakf(order, "replay %s delivers slice %d while lane %s is at %d of %d events of those before",
				r.id, first, lane, mark.Ordinal, before)
		}
	}
}

// marksOf adds up the marks of a lane.
func (w *world) marksOf(r *replayModel, lane event.Lane) (sum datastore.Mark) {
	if r.request.Ordering != request.Unordered {
		return w.markOf(r, lane)
	}
	for slice := range w.slicesOf(r) {
		mark := w.storedMark(r, fmt.Sprintf("%s#%04d", lane, slice+1))
		sum.Ordinal += mark.Ordinal
		sum.Digest = sum.Digest.Add(mark.Digest)
	}
	return sum
}

// storedMark is the mark of a replay that is no rebuild.
func (w *world) storedMark(r *replayModel, track string) (mark datastore.Mark) {
	stored := w.table.stored[control.Key{Partition: replay.Partition(r.id), Sort: "mark#" + track}]
	if stored.body != nil {
		_ = json.Unmarshal(stored.body, &mark) // an unreadable mark counts as none
	}
	return mark
}
