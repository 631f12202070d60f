package simulation

import (
	"context"
	"errors"
	"strings"

	"reprise/pkg/control"
	"reprise/pkg/replay"
	"reprise/pkg/replay/pace"
	"reprise/pkg/replay/request"
)

// steered is what people do with a replay while it runs, and what they were told.
type steered struct {
	// resumes counts the calls that may let the replay go on, resuming those that have
	// not ended. accepted is set while a pause holds that was answered.
	resumes, resuming int
	accepted          bool
	// pauseAt pauses the replay during a call of one of its steps.
	pauseAt cutIn
	// rates is how many people set the replay's rate, and orders what they set, by its
	// number. paced is the number of the newest one that the readers have followed.
	rates  int
	orders map[int]int
	paced  int
	// faults are how the replay's executions fail, in turn. forgetful is how many people
	// begin to let the replay go on, and die.
	faults    []*drawnFault
	forgetful int
	// hesitant is how many attempts to approve the promotion die.
	hesitant int
}

// sight is what one invocation of a reader has learned from its stores.
type sight struct {
	// paused is set once the reader has loaded the row of a paused replay; pages are
	// those that it began to read afterwards, by lane.
	paused bool
	pages  map[string]int
	// begins are the ordinals at which its tracks begin, by the key of the checkpoint.
	begins map[string]int64
	// cut is the number of the replay's cut when the reader first loaded the row.
	cut   int
	began bool
}

// pause asks for a pause until there is an answer. A pause that was answered holds until
// somebody lets the replay go on.
func (m *machine) pause(driver *actor) (alive bool) {
	r, before, quiet := m.replay, 0, false
	m.settled(func() { before, quiet = r.resumes, r.resuming == 0 })
	answer, alive := m.ask(driver, "pause", func(ctx context.Context, a *actor) error {
		_, err := m.world.serviceOf(a).Pause(ctx, r.id)
		return err
	})
	m.settled(func() { r.accepted = r.accepted || (answer == nil && quiet && r.resumes == before) })
	return alive
}

// resume lets the replay go on.
func (m *machine) resume(driver *actor) (alive bool) {
	m.begunToResume()
	answer, alive := m.askToResume(driver)
	// The treasurer raises the budget only of a replay that it has stopped.
	if alive && errors.Is(answer, replay.ErrOverBudget) && !m.replay.fortune.stopped {
		_, alive = m.ask(driver, "lift", func(ctx context.Context, a *actor) error {
			_, err := m.world.serviceOf(a).SetBudget(ctx, m.replay.id, request.Budget{})
			return err
		})
		if alive {
			_, alive = m.askToResume(driver)
		}
	}
	m.settled(func() { m.replay.resuming-- })
	return alive
}

func (m *machine) askToResume(driver *actor) (answer error, alive bool) {
	return m.ask(driver, "resume", func(ctx context.Context, a *actor) error {
		_, err := m.world.serviceOf(a).Resume(ctx, m.replay.id)
		return err
	})
}

func (m *machine) begunToResume() {
	m.settled(func() {
		m.replay.resumes++
		m.replay.resuming++
		m.replay.accepted = false
	})
}

// settled runs change while the scheduler waits.
func (m *machine) settled(change func()) {
	m.world.gate.mu.Lock()
	defer m.world.gate.mu.Unlock()
	change()
}

// checkUnpaused checks that a generation becomes active only while nobody was told that
// its replay is paused.
func (w *world) checkUnpaused(generation string) {
	if r := w.replays[w.owners[generation]]; r != nil && r.accepted {
		w.breakf(steering, "generation %s becomes active although its replay %s is paused", generation, r.id)
	}
}

// sawSteered follows what people want of a replay.
func (w *world) sawSteered(r *replayModel, row *replay.Row) {
	if row.Rate != nil && row.Rates != r.row.Rates {
		if r.orders == nil {
			r.orders = make(map[int]int)
		}
		r.orders[row.Rates] = *row.Rate
		if row.Rates != r.row.Rates+1 {
			w.breakf(steering, "rate %d of replay %s follows rate %d", row.Rates, r.id, r.row.Rates)
		}
	}
	if row.Attempt() < r.row.Attempt() {
		w.breakf(resumability, "replay %s forgets that it was continued %d times", r.id, r.row.Attempt())
	}
	if row.Status.Ended() { // and so does a pause; to continue the replay is to let it go on
		r.resumes++
		r.accepted = false
	}
	r.row = *row
}

// sawPace checks that readers follow what people set, and nothing older than what they
// have followed.
func (w *world) sawPace(id string, body []byte) {
	state, ok := decode[pace.State](w, body)
	r := w.replays[id]
	if !ok || r == nil {
		return
	}
	if state.Order < r.paced {
		w.breakf(steering, "the readers of replay %s follow rate %d after rate %d", id, state.Order, r.paced)
	}
	if limit, known := r.orders[state.Order]; state.Order > 0 && (!known || state.Limit == nil || *state.Limit != limit) {
		w.breakf(steering, "the readers of replay %s follow rate %d wrongly: %+v", id, state.Order, state)
	}
	r.paced = state.Order
}

// sawCheckpoint checks that only a drain sets a reader back.
func (w *world) sawCheckpoint(a *actor, key control.Key, body []byte) {
	at, ok := decode[replay.Checkpoint](w, body)
	before := w.checkpoints[key]
	if ok && at.Delivered.Count < before && a.step != "drain" && !a.direct {
		w.breakf(resumability, "%s of %s goes back from %d to %d by %s",
			key.Sort, key.Partition, before, at.Delivered.Count, a.name)
	}
	w.checkpoints[key] = at.Delivered.Count
}

// sawAnswer notes what a reader learns from an answer.
func (w *world) sawAnswer(c *call, err error) {
	a := c.actor
	if a.step != "read" || (err != nil && !errors.Is(err, control.ErrNotFound)) {
		return
	}
	switch partition, sort, _ := strings.Cut(c.key, "/"); {
	case c.kind == "table.get" && partition == "replays":
		r := w.replays[sort]
		if r != nil && !a.sight.began {
			a.sight.cut, a.sight.began = r.row.CatchUps, true
		}
		if r != nil { // its execution is checked before, and somebody may have resumed it since
			a.sight.paused = r.row.Paused && !r.row.Status.Ended()
		}
	case c.kind == "table.get" && strings.HasPrefix(sort, "checkpoint#"):
		if _, known := a.sight.begins[sort]; !known {
			if a.sight.begins == nil {
				a.sight.begins = make(map[string]int64)
			}
			a.sight.begins[sort] = w.checkpoints[control.Key{Partition: partition, Sort: sort}]
		}
	case (c.kind == "log.read" || c.kind == "log.readentity") && a.sight.paused:
		w.sawLatePage(a, partition)
	}
}

// sawLatePage checks that a reader that knows of a pause begins no other page. Each lane
// may have been about to read one.
func (w *world) sawLatePage(a *actor, lane string) {
	if a.sight.pages == nil {
		a.sight.pages = make(map[string]int)
	}
	if a.sight.pages[lane]++; a.sight.pages[lane] > 1 {
		w.breakf(steering, "%s goes on reading lane %s although it knows that its replay is paused", a.name, lane)
	}
}

// sawDelivery checks that a reader begins at its checkpoint.
func (w *world) sawDelivery(a *actor, data []byte) {
	header, _, err := w.codec.Unpack(data)
	if err != nil || header.Playback == nil || a.step != "read" {
		return
	}
	p := header.Playback
	sort := "checkpoint#" + header.Lane.String()
	if p.Slice > 0 {
		sort += sliceSuffix(p.Slice)
	}
	sort += cutSuffix(a.sight.cut)
	begin, known := a.sight.begins[sort]
	if !known {
		begin = w.checkpoints[control.Key{Partition: replay.Partition(p.Replay), Sort: sort}]
	}
	if p.From < begin {
		w.breakf(resumability, "%s delivers event %d of %s although its checkpoint is at %d", a.name, p.From, sort, begin)
	}
}

// checkSteered checks that at the end nothing waits for what people asked for.
func (w *world) checkSteered() {
	for _, r := range w.order {
		if tokens := r.row.Unreleased(); len(tokens) > 0 {
			w.breakf(liveness, "replay %s was let go on, and %v may still wait", r.id, tokens)
		}
	}
}
