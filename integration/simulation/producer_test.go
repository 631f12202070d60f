package simulation

import (
	"context"
	"fmt"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/replay"
)

// chooseReplays draws the requests for replays.
func (w *world) chooseReplays() {
	rebuilds := 0
	for i := range 1 + w.random.IntN(2) {
		r := newReplayModel(fmt.Sprintf("r%d", i))
		kind := w.random.IntN(10)
		switch {
		case kind < 6 && (rebuilds == 0 || w.random.IntN(2) == 0):
			rebuilds++
			r.request = replay.Request{Rebuild: true, Promote: kind < 5}
		case kind < 7:
		case kind < 8:
			r.request.Types = []string{typeOther, typeIgnored}
		case kind < 9:
			from := w.began + w.random.Int64N(3*3_600_000)
			since, until := time.UnixMilli(from).UTC(), time.UnixMilli(from+1+w.random.Int64N(3*3_600_000)).UTC()
			r.request.From, r.request.To = &since, &until
		default:
			for range 1 + w.random.IntN(3) {
				r.request.Entities = append(r.request.Entities, w.names[w.random.IntN(len(w.names))])
			}
		}
		r.request.Parallelism = 1 + w.random.IntN(4)
		switch w.random.IntN(8) {
		case 0:
			r.doomed = true
		case 1, 2:
			r.losing = 1 + w.random.IntN(3)
		}
		w.replays[r.id] = r
		w.order = append(w.order, r)
	}
}

// begin starts all actors.
func (w *world) begin() {
	w.begun = true
	w.startConsumers()
	w.startAttacks()
	producers := 1 + w.random.IntN(2)
	w.producing = producers
	for _, r := range w.order {
		if r.after == nil {
			w.machines++
		}
	}
	all := w.machines
	for i := range producers {
		p := &producer{world: w, driver: w.newActor(fmt.Sprintf("producer-%d", i)), index: i,
			left: w.shape.events / producers}
		p.reserve = w.random.IntN(p.left + 1)
		if i == 0 && w.random.IntN(6) == 0 {
			p.crowd = w.crowdEvents()
		}
		go p.run()
	}
	for _, r := range w.order {
		after := w.random.IntN(w.shape.events/2 + 1)
		due := func() bool { return w.produced() >= after || w.producing == 0 || w.machines < all }
		w.startMachine(r, due)
	}
}

// startMachine starts a replay once it is due and, if the seed draws one, a
// person who cancels it.
func (w *world) startMachine(r *replayModel, due func() bool) {
	m := &machine{world: w, replay: r, driver: w.newActor("machine-" + r.id), execution: r.id, fault: r.faultOf(0)}
	m.driver.replay, r.machine = r, m
	if r.after != nil {
		due = r.after
	}
	go func() {
		if m.driver.await("turn", 0, due) {
			m.run()
			w.gate.mu.Lock()
			defer w.gate.mu.Unlock()
			m.over = true
			if r.after == nil {
				w.machines--
			}
		}
	}()
	if w.random.IntN(8) == 0 {
		c, at := w.newActor("canceller-"+r.id), w.now+w.random.Int64N(60_000)
		go func() {
			if c.await("its time", at, never) {
				m.cancel(c)
			}
		}()
	}
	w.startSteering(m)
	if r.request.Budget != nil {
		go m.fund(w.newActor("treasurer-" + r.id))
	}
	if r.cut.drawn {
		c := w.newActor("cutter-" + r.id)
		c.dying = r.cut.dying
		go func() {
			if c.await(r.cut.step, 0, func() bool { return r.cut.calls >= r.cut.call }) {
				m.cancel(c)
			}
		}()
	}
}

func (w *world) produced() int {
	n := 0
	for i := range w.model.lanes {
		for _, r := range w.model.lanes[i].records {
			n += len(r.events)
		}
	}
	return n
}

// producer plays a client of the ingest path, which resends what is not
// acknowledged.
type producer struct {
	world  *world
	driver *actor
	index  int
	left   int
	// reserve is how many events the producer keeps until a generation is to
	// become active, so that the live path is busy then.
	reserve int
	sent    []event.Event
	// crowd are the events of one busy entity that are still to be sent.
	crowd []event.Event
}

func (p *producer) run() {
	w := p.world
	if !p.driver.await("begin", 0, nil) {
		return
	}
	for p.left > 0 || len(p.crowd) > 0 {
		lane, data := p.record()
		for {
			_, err, alive := run(p.driver, "load", functionTimeout, func(ctx context.Context, a *actor) (string, error) {
				return w.streamOf(a, w.ingest).Put(ctx, w.lanes.Key(lane), data)
			})
			if !alive {
				return
			}
			if err == nil {
				break
			}
		}
		if !w.promoting && p.driver.random.IntN(3) == 0 &&
			p.driver.pause(p.driver.ctx, p.driver.random.Int64N(6_000)) != nil {
			return
		}
		if !p.driver.await("go on", 0, func() bool { return p.left > p.reserve || w.promoting || w.machines == 0 }) {
			return
		}
		if p.driver.random.IntN(6) == 0 {
			p.drift(p.driver.random.Int64N(50 * 60_000))
		}
	}
	w.gate.mu.Lock()
	defer w.gate.mu.Unlock()
	w.producing--
}

// drift advances the clock of arrivals, possibly past the end of a bucket.
func (p *producer) drift(by int64) {
	p.world.gate.mu.Lock()
	defer p.world.gate.mu.Unlock()
	p.world.drift += by
}

// record makes a record of one to four events of one lane.
func (p *producer) record() (event.Lane, []byte) {
	w, r := p.world, p.driver.random
	if len(p.crowd) > 0 && (p.left <= 0 || r.IntN(2) == 0) {
		return p.crowdRecord()
	}
	first := w.names[r.IntN(w.ordinary)]
	lane, most := w.lanes.Of(first), 4
	if w.shape.long && r.IntN(8) > 0 {
		lane, most = 0, 1
	}
	if r.IntN(25) == 0 {
		p.left--
		return lane, []byte("these bytes are no record")
	}
	var lines [][]byte
	header := record.Header{Lane: lane, KeepTime: r.IntN(15) == 0}
	for range min(1+r.IntN(most), p.left) {
		e := p.event(lane)
		if header.KeepTime {
			own := time.UnixMilli(w.now + w.drift - r.Int64N(3*3_600_000) + 3_600_000).UTC()
			e.Time = own.Format("2006-01-02T15:04:05.000Z")
		}
		p.sent = append(p.sent, e)
		lines = append(lines, e.AppendJSON(nil))
		p.left--
	}
	return lane, w.pack(header, lines)
}

// event makes an event of a lane: usually a new one, sometimes one that was
// sent before, or a different one with the same id.
func (p *producer) event(lane event.Lane) event.Event {
	w, r := p.world, p.driver.random
	if len(p.sent) > 0 && r.IntN(6) == 0 {
		if old := p.sent[r.IntN(len(p.sent))]; w.lanes.Of(old.Subject) == lane {
			if r.IntN(3) == 0 {
				old.Data = fmt.Sprintf(`{"n":%d}`, 1_000_000+len(p.sent))
			}
			return old
		}
	}
	if e, drawn := p.correction(lane); drawn {
		return e
	}
	own := w.ownNames(lane)
	if e, drawn := w.refold(own); drawn {
		return e
	}
	if e, drawn := p.reversal(lane); drawn {
		return e
	}
	serial := p.index*10_000 + len(p.sent) + p.left*100
	kind := typeNoted
	switch n := r.IntN(40); {
	case n == 0:
		kind = typeRefused
	case n < 4:
		kind = typeIgnored
	case n < 12:
		kind = typeOther
	}
	return event.Event{ID: fmt.Sprintf("s%d", serial), Source: "sim", Type: kind, Subject: own[r.IntN(len(own))],
		Data: fmt.Sprintf(`{"n":%d}`, serial)}
}

// correction draws a correction of an event of a lane that was sent: mostly of one
// that is refused, and sometimes once more.
func (p *producer) correction(lane event.Lane) (e event.Event, drawn bool) {
	w := p.world
	w.gate.mu.Lock()
	defer w.gate.mu.Unlock()
	r := w.shape.corrections
	if r == nil || r.IntN(8) > 0 {
		return e, false
	}
	all := r.IntN(4) == 0
	var named []event.Event
	for _, sent := range p.sent {
		if w.lanes.Of(sent.Subject) == lane && (all || sent.Type == typeRefused) {
			named = append(named, sent)
		}
	}
	if len(named) == 0 {
		return e, false
	}
	of := named[r.IntN(len(named))]
	e, err := event.NewSkip(of.Subject, event.Skip{Source: of.Source, ID: of.ID, Position: "0001-011-0000",
		Reason: fmt.Sprintf("reason %d", r.IntN(2))}, time.UnixMilli(w.now))
	if err != nil {
		w.breakf(order, "a producer cannot make a correction: %v", err)
	}
	return e, true
}

// crowdRecord packs the next few events of the busy entity.
func (p *producer) crowdRecord() (event.Lane, []byte) {
	w := p.world
	n := min(1+p.driver.random.IntN(4), len(p.crowd))
	var lines [][]byte
	for _, e := range p.crowd[:n] {
		lines = append(lines, e.AppendJSON(nil))
	}
	p.crowd = p.crowd[n:]
	return w.lanes.Of(busy), w.pack(record.Header{Lane: w.lanes.Of(busy)}, lines)
}

func (w *world) pack(header record.Header, lines [][]byte) []byte {
	data, err := w.codec.Pack(header, lines)
	if err != nil {
		w.gate.mu.Lock()
		defer w.gate.mu.Unlock()
		w.breakf(order, "a producer cannot pack a record: %v", err)
	}
	return data
}
