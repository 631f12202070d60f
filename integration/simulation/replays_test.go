package simulation

import (
	"bytes"
	"slices"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/replay"
)

// expected is what a replay must deliver of one lane, in the order of reading.
type expected struct {
	cut    event.Position
	events []*modelEvent
	// delivered is the furthest end of any record that the playback stream
	// acknowledged.
	delivered int64
	// after is the cut before, and base how many events there were up to it.
	after event.Position
	base  int
	// parts are the lane's parts of the slices of an unordered replay, from 1.
	parts map[int]*expected
}

// replayModel is a replay as the model sees it.
type replayModel struct {
	id      string
	request replay.Request
	// doomed is true if the playback stream loses the replay's records for
	// ever.
	doomed bool
	// losing is the number of the replay's records that the stream will still
	// lose.
	losing    int
	cancelled bool
	lanes     map[event.Lane]*expected
	// moves are the lanes' cuts of each number from 1 on, which a catch-up has planned.
	moves      map[int]map[event.Lane]event.Position
	generation string
	status     replay.Status
	failure    *replay.Failure
	// answered is true once a person was told that the replay is cancelled,
	// proved once its row has a complete proof, and promoted once the row says
	// so.
	answered bool
	proved   bool
	promoted bool
	machine  *machine
	cut      cutIn
	// pauses is how often people pause and resume the replay, paused how often
	// its execution waited.
	pauses, paused int
	// fortune is what the model knows of the replay's budget.
	fortune fortune
	// row is the replay's row as it was last stored, and steered what people do with
	// the replay while it runs.
	row replay.Row
	steered
	// after tells when the replay is requested; nil means in its turn.
	after func() bool
}

func newReplayModel(id string) *replayModel {
	return &replayModel{id: id, lanes: make(map[event.Lane]*expected)}
}

// sawCut records the first cut of a lane, against which the replay is checked, or one to
// which it may be moved.
func (w *world) sawCut(id, sort string, body []byte) {
	plan, ok := decode[replay.LanePlan](w, body)
	r, number := w.replays[id], cutNumber(sort)
	if !ok || r == nil || (number == 0 && r.lanes[plan.Lane] != nil) {
		return
	}
	if plan.Head.Position > w.headOf(plan.Lane) {
		w.breakf(logLeads, "replay %s cuts lane %s at %s; the head is at %s",
			id, plan.Lane, plan.Head.Position, w.headOf(plan.Lane))
	}
	if number == 0 {
		r.lanes[plan.Lane] = w.model.expect(r.request, plan.Lane, plan.Head.Position)
		return
	}
	if r.moves == nil {
		r.moves = make(map[int]map[event.Lane]event.Position)
	}
	if r.moves[number] == nil {
		r.moves[number] = make(map[event.Lane]event.Position)
	}
	r.moves[number][plan.Lane] = plan.Head.Position
}

// expect is a request's selection in one lane up to a cut.
func (m *model) expect(request replay.Request, lane event.Lane, cut event.Position) *expected {
	e := &expected{cut: cut}
	all := m.lanes[lane].events
	for i := range all[:m.lanes[lane].count(cut)] {
		if wants(request, &all[i]) {
			e.events = append(e.events, &all[i])
		}
	}
	slices.SortStableFunc(e.events, byCut)
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

// sawPlayback checks a record that the playback stream accepts, as a subscriber
// without marks: except for repeats, exactly the events of the selection must
// arrive in order.
func (w *world) sawPlayback(lane event.Lane, data []byte) bool {
	header, lines, err := w.codec.Unpack(data)
	if err != nil || header.Playback == nil || header.Lane != lane {
		w.breakf(order, "a playback record of lane %s cannot be used: %v", lane, err)
		return true
	}
	p := header.Playback
	r := w.replays[p.Replay]
	want := w.trackOf(r, lane, p.Slice)
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
	w.checkWindow(r, want, lines)
	return w.keepPlayback(r, lane)
}

// keepPlayback decides whether the stream keeps a record that it acknowledged.
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

// doomedLane is the lane of which all records are lost.
func (w *world) doomedLane(r *replayModel) event.Lane {
	for lane := range event.Lane(w.lanes.Count()) {
		if e := r.lanes[lane]; e != nil && len(e.events) > 0 {
			return lane
		}
	}
	return -1
}

// sawReplayMark compares the mark of a rebuild with the rows.
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

// sawReplay follows the status of a replay and checks its end.
func (w *world) sawReplay(a *actor, body []byte) {
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
	w.sawBudget(r, &row)
	// A failed replay can still be cancelled; all other ends are final.
	given := r.status == replay.Failed && row.Status == replay.Cancelled && row.Cancel
	given = given || (r.status == replay.Failed && row.Attempt() == r.row.Attempt()+1)
	if row.CatchUps > r.row.CatchUps {
		w.moveCut(r, row.CatchUps)
	}
	w.sawSteered(r, &row)
	if r.status.Ended() && row.Status != r.status && !given {
		w.breakf(completeness, "replay %s was %s and is %s", r.id, r.status, row.Status)
	}
	if row.Promoted && !w.shown[row.Generation] {
		w.breakf(completeness, "replay %s says that %s was promoted, but it was never active", r.id, row.Generation)
	}
	was := r.status
	r.status, r.failure, r.promoted = row.Status, row.Failure, row.Promoted
	proved := row.Proof != nil && row.Proof.Complete
	switch {
	case proved && !r.proved:
		r.proved = true
		w.checkProved(a, r)
	case w.attacks.cancels && r.proved && !proved:
		w.breakf(completeness, "replay %s was proved complete and is not any more", r.id)
	}
	if row.Status == replay.Succeeded && was != replay.Succeeded {
		w.checkSucceeded(r)
	}
}

// checkSucceeded compares what was consumed with the model, independently of the
// replay's own proof.
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
		mark := w.marksOf(r, lane)
		if w.isWiped(r.generation) {
			continue // its rows were checked when it was proved
		}
		if mark.Ordinal != int64(len(want.events)) || mark.Digest != digest {
			w.breakf(completeness, "replay %s succeeded with %d of the %d events of lane %s",
				r.id, mark.Ordinal, len(want.events), lane)
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
	return w.storedMark(r, lane.String())
}

// checkProved compares the rows of a rebuild that is proved complete with the
// model at its cut. It excuses a wipe that the prover cannot have seen.
func (w *world) checkProved(a *actor, r *replayModel) {
	held := w.store.tables[r.generation]
	if held == nil || !r.request.Rebuild {
		return
	}
	broken := completeness
	if at, wiped := w.wiped[r.generation]; wiped {
		if broken = lost; at >= a.born {
			return
		}
	}
	for _, name := range w.names {
		lane, entity := w.lanes.Of(name), w.model.entity(name)
		if r.lanes[lane] == nil {
			continue
		}
		at := entity.last(r.lanes[lane].cut)
		want, have := datastore.Row{}, held.rows[lane][name]
		if row, found := entity.row(w.versions[r.generation], at); found {
			want = *row
		}
		if difference := compareRows(&want, &have); difference != "" || want.Position != have.Position {
			w.breakf(broken, "replay %s is proved complete, and entity %s of %s is at %q, not at %q, with %s", r.id, name,
				r.generation, have.Position, want.Position, difference)
		}
	}
}
