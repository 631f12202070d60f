package simulation

import (
	"bytes"
	"slices"
	"strings"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// The model decides from the heads alone what is in the log, never from the
// contents of the Events table.

// attempt identifies a running commit.
type attempt struct {
	actor int
	lane  event.Lane
}

// modelRecord is a record that the event stream accepted.
type modelRecord struct {
	sequence   string
	first, end event.Position
	// arrivals and parsed belong to the events. A bad record cannot be decoded
	// and has neither.
	events   []modelEvent
	arrivals []int64
	parsed   []event.Event
	bad      bool
	// passed is true once a commit whose batch had the record in its place has
	// moved the head.
	passed bool
}

// saw adds a record when the event stream accepts it.
func (m *model) saw(r streamRecord) {
	lane := &m.lanes[r.lane]
	first, err := event.NewPosition(epoch, r.sequence, 0)
	if err != nil {
		m.world.breakf(order, "invalid sequence number: %v", err)
		return
	}
	record := modelRecord{sequence: r.sequence, first: first, end: first}
	header, lines, err := m.world.codec.Unpack(r.data)
	record.bad = err != nil
	for i, line := range lines {
		e, err := event.Parse(string(line))
		at, placed := event.NewPosition(epoch, r.sequence, i)
		if err != nil || placed != nil {
			m.world.breakf(order, "the model cannot read an event: %v, %v", err, placed)
			return
		}
		arrival := r.arrival
		if own, ok := e.Timestamp(); header.KeepTime && ok {
			arrival = own.UnixMilli()
		}
		record.end = at
		record.arrivals = append(record.arrivals, arrival)
		record.parsed = append(record.parsed, e)
		record.events = append(record.events, modelEvent{entity: e.Subject, position: at, kind: e.Type, line: line,
			digest: event.DigestOf(at, line), corrects: event.IsCorrection(&e)})
	}
	lane.records = append(lane.records, record)
	m.world.spoilBefore(r.lane, record.parsed)
}

// record is the record that contains a position, nil if there is none.
func (l *modelLane) record(at event.Position) *modelRecord {
	i, _ := slices.BinarySearchFunc(l.records, at, func(r modelRecord, at event.Position) int {
		return strings.Compare(string(r.end), string(at))
	})
	if i == len(l.records) || l.records[i].first > at {
		return nil
	}
	return &l.records[i]
}

// event is the event at a position, nil if there is none.
func (l *modelLane) event(at event.Position) *modelEvent {
	if r := l.record(at); r != nil {
		for i := range r.events {
			if r.events[i].position == at {
				return &r.events[i]
			}
		}
	}
	return nil
}

// attempted returns the batch of a running commit, in order. If no driver began
// the commit, as in some tests, it returns what the commit put into the log.
func (w *world) attempted(a *actor, lane event.Lane) []*modelRecord {
	l := &w.model.lanes[lane]
	var batch []*modelRecord
	if records, known := w.attempts[attempt{a.id, lane}]; known {
		for _, in := range records {
			if at, err := event.NewPosition(epoch, in.Sequence, 0); err == nil && l.record(at) != nil {
				batch = append(batch, l.record(at))
			}
		}
		return batch
	}
	for i := range l.records {
		r := &l.records[i]
		if _, aside := w.events.quarantine[lane][r.first]; (r.bad && aside) || w.events.puts[attempt{a.id, lane}][r.first] {
			batch = append(batch, r)
		}
	}
	return batch
}

// commit adds to the model's log the records that a moving head covers: those
// of the batch after the old head that no higher record of the batch precedes.
func (w *world) commit(a *actor, lane event.Lane, head *eventlog.Head) {
	l := &w.model.lanes[lane]
	at := l.covered.Position
	for _, r := range w.attempted(a, lane) {
		if r.end <= at || r.end > head.Position {
			continue
		}
		at, r.passed = r.end, true
		if _, aside := w.events.quarantine[lane][r.first]; r.bad && !aside {
			w.breakf(completeness, "the head of lane %s covers the bad record at %s, which is not set aside", lane, r.end)
		}
		for i := range r.events {
			w.model.enter(a, lane, r, i)
		}
	}
	if at != head.Position {
		w.breakf(order, "the head of lane %s moves to %s by a batch that takes it from %s to %s", lane, head.Position,
			l.covered.Position, at)
	}
}

// enter adds an event to the log.
func (m *model) enter(a *actor, lane event.Lane, r *modelRecord, i int) {
	w, l := m.world, &m.lanes[lane]
	e := &r.events[i]
	l.logged = max(l.logged, r.arrivals[i])
	e.logged, e.bucket = l.logged, w.width.Of(l.logged)
	if stored := w.events.entry(bucketKey{lane, e.bucket}, e); stored == nil {
		w.breakf(completeness, "the head of lane %s covers the event at %s, which bucket %s of the log does not have",
			lane, e.position, e.bucket)
	} else {
		if stored.by == a.id && stored.entry.Logged != e.logged {
			w.breakf(order, "the event at %s of lane %s is logged at %d, and not at %d", e.position, lane,
				stored.entry.Logged, e.logged)
		}
		e.logged = stored.entry.Logged // an earlier attempt may have stored it
	}
	manifest := l.manifests[e.bucket]
	manifest.Add(e.position, e.line)
	l.manifests[e.bucket] = manifest
	l.events = append(l.events, *e)
	m.fold(&l.events[len(l.events)-1], &r.parsed[i])
}

// sawEntry compares a write to the log with the event stream. Whether the entry
// counts is decided by the heads.
func (w *world) sawEntry(at bucketKey, e *eventlog.Entry) {
	want := w.model.lanes[at.lane].event(e.Position)
	switch {
	case want == nil:
		w.breakf(order, "the log is given an event at %s that the event stream does not have", e.Position)
	case want.entity != e.Entity || !bytes.Equal(want.line, e.Line):
		w.breakf(order, "the log is given another event at %s than the event stream has", e.Position)
	case w.width.Of(e.Logged) != at.bucket:
		w.breakf(order, "the event at %s is logged at %d and put into bucket %s", e.Position, e.Logged, at.bucket)
	}
}

// sawAside checks a quarantined record: a record can be late only if a head has
// passed it, or if a batch is about to.
func (w *world) sawAside(a *actor, lane event.Lane, q *eventlog.Quarantined) {
	l := &w.model.lanes[lane]
	r := l.record(q.Position)
	switch {
	case r == nil:
		w.breakf(order, "a record at %s is set aside that the event stream does not have", q.Position)
	case r.bad:
	case r.passed:
		w.breakf(completeness, "the record at %s of lane %s is in the log and is set aside as %s", r.end, lane, q.Reason)
	case q.Reason != "late":
		w.breakf(completeness, "the record at %s of lane %s is sound and is set aside as %s", r.end, lane, q.Reason)
	case r.end > l.covered.Position && !w.overtaken(a, lane, r):
		w.breakf(completeness, "the record at %s of lane %s is set aside as late; the head is at %s", r.end, lane,
			l.covered.Position)
	}
}

// late is the number of records in quarantine that can be decoded.
func (w *world) late() (n int) {
	for lane := range event.Lane(w.lanes.Count()) {
		for i := range w.model.lanes[lane].records {
			r := &w.model.lanes[lane].records[i]
			if _, aside := w.events.quarantine[lane][r.first]; aside && !r.bad {
				n++
			}
		}
	}
	return n
}

// overtaken reports whether a higher record precedes a record in the batch of a
// running commit.
func (w *world) overtaken(a *actor, lane event.Lane, r *modelRecord) bool {
	for _, other := range w.attempted(a, lane) {
		if other == r {
			return false
		}
		if other.end > r.end {
			return true
		}
	}
	return false
}

// checkLog checks that every record of the event stream is either in the log or
// in quarantine, but not in both.
func (w *world) checkLog() {
	for lane := range event.Lane(w.lanes.Count()) {
		for i := range w.model.lanes[lane].records {
			r := &w.model.lanes[lane].records[i]
			_, aside := w.events.quarantine[lane][r.first]
			_, asideAtEnd := w.events.quarantine[lane][r.end]
			aside = aside || asideAtEnd
			switch {
			case r.bad && !aside:
				w.breakf(completeness, "the bad record at %s of lane %s is not set aside", r.end, lane)
			case !r.bad && r.passed && aside:
				w.breakf(completeness, "the record at %s of lane %s is in the log and is set aside as well", r.end, lane)
			case !r.bad && !r.passed && !aside:
				w.breakf(completeness, "the record at %s of lane %s is neither in the log nor set aside; the head is at %s",
					r.end, lane, w.headOf(lane))
			}
		}
	}
}
