package simulation

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/replay"
)

// expected is what a replay has to deliver of one lane, in the order of
// reading.
type expected struct {
	cut    event.Position
	events []*modelEvent
	// delivered is the furthest end of any record that the playback stream
	// acknowledged.
	delivered int64
}

// replayModel is a replay as the model sees it.
type replayModel struct {
	id      string
	request replay.Request
	// doomed is set where the playback stream loses records of it for ever.
	doomed bool
	// losing is the number of its records that the stream still loses.
	losing     int
	cancelled  bool
	lanes      map[event.Lane]*expected
	generation string
	status     replay.Status
	failure    *replay.Failure
}

// sawCut notes the first cut of a lane, by which the replay is judged.
func (w *world) sawCut(id string, body []byte) {
	plan, ok := decode[replay.LanePlan](w, body)
	r := w.replays[id]
	if !ok || r == nil || r.lanes[plan.Lane] != nil {
		return
	}
	if plan.Head.Position > w.headOf(plan.Lane) {
		w.breakf(logLeads, "replay %s cuts lane %s at %s; the head is at %s", id, plan.Lane, plan.Head.Position, w.headOf(plan.Lane))
	}
	r.lanes[plan.Lane] = w.model.expect(r.request, plan.Lane, plan.Head.Position)
}

// expect is the selection of a request in one lane up to a cut.
func (m *model) expect(request replay.Request, lane event.Lane, cut event.Position) *expected {
	e := &expected{cut: cut}
	all := m.lanes[lane].events
	for i := range all[:m.lanes[lane].count(cut)] {
		if wants(request, &all[i]) {
			e.events = append(e.events, &all[i])
		}
	}
	slices.SortStableFunc(e.events, func(a, b *modelEvent) int {
		return cmp.Or(strings.Compare(string(a.bucket), string(b.bucket)),
			strings.Compare(event.SortKey(a.entity, a.position), event.SortKey(b.entity, b.position)))
	})
	return e
}

func wants(r replay.Request, e *modelEvent) bool {
	switch {
	case r.From != nil && e.logged < r.From.UnixMilli(), r.To != nil && e.logged >= r.To.UnixMilli():
		return false
	case len(r.Types) > 0 && !slices.Contains(r.Types, e.kind):
		return false
	}
	return len(r.Entities) == 0 || slices.Contains(r.Entities, e.entity)
}

// sawPlayback is the playback stream's acceptance of a record. It plays a
// subscriber that knows no marks: events must come in the order of the
// selection, repeats apart, and nothing else may come.
func (w *world) sawPlayback(lane event.Lane, data []byte) bool {
	header, lines, err := w.codec.Unpack(data)
	if err != nil || header.Playback == nil || header.Lane != lane {
		w.breakf(order, "a playback record of lane %s cannot be used: %v", lane, err)
		return true
	}
	p := header.Playback
	r := w.replays[p.Replay]
	want := r.lanes[lane]
	if want == nil || p.To > int64(len(want.events)) {
		w.breakf(completeness, "replay %s delivers events up to %d of lane %s; its cut selects fewer", p.Replay, p.To, lane)
		return true
	}
	if p.From > want.delivered {
		w.breakf(order, "replay %s delivers the events from %d on of lane %s; those from %d on were not delivered before",
			p.Replay, p.From, lane, want.delivered)
	}
	for i, placed := range lines {
		line, at, logged, err := event.SplitPlaced(placed)
		have := want.events[p.From+int64(i)]
		if err != nil || at != have.position || !bytes.Equal(line, have.line) || logged != have.logged {
			w.breakf(completeness, "replay %s delivers the event at %s as event %d of lane %s, which is the one at %s",
				p.Replay, at, p.From+int64(i), lane, have.position)
			return true
		}
	}
	want.delivered = max(want.delivered, p.To)
	return w.keepPlayback(r, lane)
}

// keepPlayback decides whether the stream really keeps what it acknowledged.
func (w *world) keepPlayback(r *replayModel, lane event.Lane) bool {
	switch {
	case r.doomed && lane == w.doomedLane(r):
		return false
	case r.losing > 0 && w.random.IntN(3) == 0:
		r.losing--
		return false
	}
	return true
}

// doomedLane is the lane of which nothing ever arrives.
func (w *world) doomedLane(r *replayModel) event.Lane {
	for lane := range event.Lane(w.lanes.Count()) {
		if e := r.lanes[lane]; e != nil && len(e.events) > 0 {
			return lane
		}
	}
	return -1
}

// sawReplayMark holds the mark of a rebuild against the rows.
func (w *world) sawReplayMark(generation string, lane event.Lane, mark datastore.Mark) {
	for _, r := range w.order {
		if r.generation != generation || r.lanes[lane] == nil {
			continue
		}
		if mark.Ordinal > int64(len(r.lanes[lane].events)) {
			w.breakf(completeness, "the mark of replay %s in lane %s is at %d, behind its cut", r.id, lane, mark.Ordinal)
			return
		}
		for _, e := range r.lanes[lane].events[:mark.Ordinal] {
			w.checkReached(generation, lane, e.entity, e.position, "replay")
		}
	}
}

// sawReplay follows the status of a replay, and judges it at its end.
func (w *world) sawReplay(body []byte) {
	row, ok := decode[replay.Row](w, body)
	if !ok {
		return
	}
	r := w.replays[row.ID]
	if r == nil {
		return
	}
	r.generation = row.Generation
	r.cancelled = r.cancelled || row.Cancel
	if r.status.Ended() && row.Status != r.status {
		w.breakf(completeness, "replay %s was %s and is %s", r.id, r.status, row.Status)
	}
	was := r.status
	r.status, r.failure = row.Status, row.Failure
	if row.Status == replay.Succeeded && was != replay.Succeeded {
		w.checkSucceeded(r)
	}
}

// checkSucceeded holds what was taken in against the model, and not against
// the replay's own proof.
func (w *world) checkSucceeded(r *replayModel) {
	for lane := range event.Lane(w.lanes.Count()) {
		want := r.lanes[lane]
		if want == nil {
			if len(r.request.Entities) == 0 {
				w.breakf(completeness, "replay %s succeeded without a cut of lane %s", r.id, lane)
			}
			continue
		}
		var digest event.Digest
		for _, e := range want.events {
			digest = digest.Add(e.digest)
		}
		mark := w.markOf(r, lane)
		if mark.Ordinal != int64(len(want.events)) || mark.Digest != digest {
			w.breakf(completeness, "replay %s succeeded with %d of the %d events of lane %s", r.id, mark.Ordinal, len(want.events), lane)
		}
	}
}

func (w *world) markOf(r *replayModel, lane event.Lane) (mark datastore.Mark) {
	if r.request.Rebuild {
		if held := w.store.tables[r.generation]; held != nil {
			mark = held.marks[markKey{datastore.ReplayMark, lane}].mark
		}
		return mark
	}
	stored := w.table.stored[control.Key{Partition: "replay#" + r.id, Sort: "mark#" + lane.String()}]
	if stored.body != nil {
		_ = json.Unmarshal(stored.body, &mark) // a mark that cannot be read is no mark
	}
	return mark
}

// checkLog reports what the event stream has and the log has not.
func (w *world) checkLog() {
	for lane := range w.model.lanes {
		l := &w.model.lanes[lane]
		if l.checked != len(l.events) || l.checkedBad != len(l.bad) {
			w.breakf(completeness, "the log of lane %d has %d of %d events and %d of %d bad records", lane, l.checked, len(l.events),
				l.checkedBad, len(l.bad))
		}
	}
}

// checkEnd holds the world against the model once nothing is left to be done.
func (w *world) checkEnd() {
	w.checkLog()
	for _, r := range w.order {
		w.checkReplayEnd(r)
	}
	roll, ok := decode[datastore.Roll](w, w.table.stored[control.Key{Partition: "registry", Sort: "generations"}].body)
	for i := range roll.Generations {
		if ok && roll.Generations[i].Consumes() {
			w.checkGeneration(roll.Generations[i].ID)
		}
	}
}

func (w *world) checkReplayEnd(r *replayModel) {
	failed := r.doomed && w.doomedLane(r) >= 0
	switch {
	case r.status == "":
	case !r.status.Ended():
		w.breakf(liveness, "replay %s is %s at the end", r.id, r.status)
	case r.status == replay.Cancelled && !r.cancelled:
		w.breakf(resumability, "replay %s was cancelled by nobody", r.id)
	case r.status == replay.Failed && !failed:
		w.breakf(resumability, "replay %s failed although nothing was lost for good: %+v", r.id, *r.failure)
	case r.status == replay.Succeeded && r.request.Promote && w.active == firstGeneration:
		w.breakf(completeness, "replay %s succeeded and its generation is not active", r.id)
	}
}

// checkGeneration holds the rows of a generation against the model.
func (w *world) checkGeneration(id string) {
	held := w.store.tables[id]
	if held == nil {
		w.breakf(completeness, "generation %s is gone", id)
		return
	}
	for _, name := range w.names {
		entity := w.model.entity(name)
		if len(entity.rows) == 0 {
			continue
		}
		have := held.rows[w.lanes.Of(name)][name]
		if difference := compareRows(&entity.rows[len(entity.rows)-1], &have); difference != "" {
			w.breakf(determinism, "at the end entity %s of generation %s has %s", name, id, difference)
		}
	}
}
