package simulation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// invariant names what a schedule can break.
type invariant string

const (
	order         invariant = "order"
	completeness  invariant = "completeness"
	determinism   invariant = "determinism"
	immutability  invariant = "immutability"
	resumability  invariant = "resumability"
	logLeads      invariant = "the log leads"
	neverStepBack invariant = "reads never step back"
	liveness      invariant = "everything comes to its end"
)

// broken is the first invariant that a schedule broke.
type broken struct {
	invariant invariant
	detail    string
}

func (b *broken) Error() string {
	return fmt.Sprintf("invariant broken: %s: %s", b.invariant, b.detail)
}

func (w *world) breakf(i invariant, format string, args ...any) {
	if w.broken == nil {
		w.broken = &broken{i, fmt.Sprintf(format, args...)}
	}
}

// sawEntry holds a write to the log against the model.
func (w *world) sawEntry(at bucketKey, e *eventlog.Entry) {
	lane := &w.model.lanes[at.lane]
	n := lane.count(e.Position)
	if n == 0 || lane.events[n-1].position != e.Position {
		w.breakf(order, "the log is given an event at %s that the event stream does not have", e.Position)
		return
	}
	want := &lane.events[n-1]
	if want.entity != e.Entity || !bytes.Equal(want.line, e.Line) || want.logged != e.Logged || want.bucket != at.bucket {
		w.breakf(order, "the event at %s is logged in bucket %s at %d, and not in %s at %d", e.Position, at.bucket, e.Logged,
			want.bucket, want.logged)
	}
}

// sawDocument looks at what is written to the control table.
func (w *world) sawDocument(key control.Key, body []byte) {
	kind, rest, _ := strings.Cut(key.Partition, "#")
	switch {
	case kind == "head":
		w.sawHead(rest, body)
	case kind == "replay" && strings.HasPrefix(key.Sort, "lane#"):
		w.sawCut(rest, body)
	case kind == "replays":
		w.sawReplay(body)
	case kind == "registry":
		w.sawRoll(body)
	}
}

func decode[T any](w *world, body []byte) (value T, ok bool) {
	if err := json.Unmarshal(body, &value); err != nil {
		w.breakf(order, "a document cannot be decoded: %v", err)
		return value, false
	}
	return value, true
}

// sawHead holds a head that moves against the model and the log: all that it
// covers must be there, and every bucket before it closed.
func (w *world) sawHead(name string, body []byte) {
	head, ok := decode[eventlog.Head](w, body)
	index := slices.IndexFunc(w.laneNames, func(n string) bool { return n == name })
	if !ok || index < 0 {
		return
	}
	lane := &w.model.lanes[index]
	if head.Position < lane.covered.Position {
		w.breakf(order, "the head of lane %s goes back from %s to %s", name, lane.covered.Position, head.Position)
		return
	}
	n := lane.count(head.Position)
	for ; lane.checked < n; lane.checked++ {
		e := &lane.events[lane.checked]
		if _, found := w.events.find(bucketKey{event.Lane(index), e.bucket}, event.SortKey(e.entity, e.position)); !found {
			w.breakf(completeness, "the head of lane %s covers the event at %s, which the log does not have", name, e.position)
		}
	}
	for ; lane.checkedBad < len(lane.bad) && lane.bad[lane.checkedBad] <= head.Position; lane.checkedBad++ {
		if _, found := w.events.quarantine[event.Lane(index)][lane.bad[lane.checkedBad]]; !found {
			w.breakf(completeness, "the head of lane %s covers the bad record at %s, which is not set aside", name, lane.bad[lane.checkedBad])
		}
	}
	lane.covered = head
	w.checkManifests(event.Lane(index), head, n)
}

// checkManifests compares the manifests as of a head with the model's.
func (w *world) checkManifests(lane event.Lane, head eventlog.Head, n int) {
	want := make(map[eventlog.Bucket]eventlog.Manifest)
	for i := range w.model.lanes[lane].events[:n] {
		e := &w.model.lanes[lane].events[i]
		m := want[e.bucket]
		m.Add(e.position, e.line)
		want[e.bucket] = m
	}
	for b, m := range want {
		have := head.Open
		carried := slices.IndexFunc(head.Closed, func(c eventlog.ClosedManifest) bool { return c.Bucket == b })
		if carried >= 0 {
			have = head.Closed[carried].Manifest
		} else if b != head.Bucket {
			stored := w.table.stored[control.Key{Partition: "manifest#" + lane.String(), Sort: string(b)}]
			if stored.body == nil {
				w.breakf(completeness, "the head of lane %s has left bucket %s, whose manifest is not closed", lane, b)
				continue
			}
			have, _ = decode[eventlog.Manifest](w, stored.body)
		}
		if have != m {
			w.breakf(completeness, "the manifest of bucket %s of lane %s has %d events of %d", b, lane, have.Count, m.Count)
		}
	}
	if head.Count != int64(n) {
		w.breakf(completeness, "the head of lane %s counts %d events of %d", lane, head.Count, n)
	}
}

func (w *world) headOf(lane event.Lane) event.Position { return w.model.lanes[lane].covered.Position }

// sawRow holds every row that is written against what the model has at the
// row's position.
func (w *world) sawRow(generation string, lane event.Lane, row *datastore.Row) {
	if head := w.headOf(lane); row.Position > head {
		w.breakf(logLeads, "entity %s of %s is written up to %s; the log's head is at %s", row.Entity, generation, row.Position, head)
		return
	}
	want, found := w.model.entity(row.Entity).row(row.Position)
	if !found {
		w.breakf(order, "entity %s of %s is at %s, where it has no event", row.Entity, generation, row.Position)
		return
	}
	if difference := compareRows(want, row); difference != "" {
		w.breakf(order, "entity %s of %s at %s: %s", row.Entity, generation, row.Position, difference)
	}
}

func compareRows(want, have *datastore.Row) string {
	parked := func(r *datastore.Row) string {
		if r.Parked == nil {
			return "not parked"
		}
		return fmt.Sprintf("parked at %s with %d waiting", r.Parked.Position, r.Parked.Waiting)
	}
	switch {
	case !bytes.Equal(want.State, have.State):
		return fmt.Sprintf("state %s, not %s", have.State, want.State)
	case want.Count != have.Count:
		return fmt.Sprintf("count %d, not %d", have.Count, want.Count)
	case want.Chain != have.Chain:
		return fmt.Sprintf("chain %s, not %s", have.Chain, want.Chain)
	case want.Duplicates != have.Duplicates || want.Conflicts != have.Conflicts || want.Ignored != have.Ignored:
		return fmt.Sprintf("%d duplicates, %d conflicts, %d ignored, not %d, %d, %d", have.Duplicates, have.Conflicts, have.Ignored,
			want.Duplicates, want.Conflicts, want.Ignored)
	case parked(want) != parked(have):
		return fmt.Sprintf("%s, not %s", parked(have), parked(want))
	case !slices.Equal(want.Buckets, have.Buckets):
		return fmt.Sprintf("buckets %v, not %v", have.Buckets, want.Buckets)
	}
	return ""
}

// sawMark holds a mark that moves against the rows: what it covers must have
// been written before.
func (w *world) sawMark(generation string, name datastore.MarkName, lane event.Lane, mark datastore.Mark) {
	if name == datastore.ReplayMark {
		w.sawReplayMark(generation, lane, mark)
		return
	}
	if head := w.headOf(lane); mark.Position > head {
		w.breakf(logLeads, "the live mark of lane %s of %s is at %s; the log's head is at %s", lane, generation, mark.Position, head)
	}
	for _, name := range w.names {
		if w.lanes.Of(name) == lane {
			w.checkReached(generation, lane, name, w.model.entity(name).last(mark.Position), "live")
		}
	}
}

// checkReached breaks order where a row has not reached a position.
func (w *world) checkReached(generation string, lane event.Lane, entity string, at event.Position, mark string) {
	if have := w.store.tables[generation].rows[lane][entity].Position; have < at {
		w.breakf(completeness, "the %s mark of lane %s of %s covers the event of entity %s at %s; its row is at %q",
			mark, lane, generation, entity, at, have)
	}
}

// sawRoll gives generations that follow their consumers, and compares, at a
// flip, what readers are shown with what they were shown before it.
func (w *world) sawRoll(body []byte) {
	roll, ok := decode[datastore.Roll](w, body)
	for _, info := range roll.Generations {
		if info.Consumes() {
			w.startWrite(info.ID)
		}
	}
	if !ok || roll.Active == w.active {
		return
	}
	before, after := w.store.tables[w.active], w.store.tables[roll.Active]
	w.active = roll.Active
	w.flips++
	if after == nil {
		w.breakf(completeness, "generation %s is made active and does not exist", roll.Active)
		return
	}
	if before == nil {
		return
	}
	for lane, rows := range before.rows {
		for id, row := range rows {
			if have := after.rows[lane][id].Position; have < row.Position {
				w.breakf(neverStepBack, "entity %s was shown at %s and is at %q in %s", id, row.Position, have, roll.Active)
			}
		}
	}
}
