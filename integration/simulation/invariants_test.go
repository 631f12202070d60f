package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

// invariant names a rule that a schedule can break.
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
	oneVersion    invariant = "one generation, one version"
	cancelled     invariant = "what is cancelled stays so"
	lost          invariant = "what is lost stays so"
	owned         invariant = "everything has an owner"
	steering      invariant = "what people are told holds"
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

// sawDocument checks a write to the control table.
func (w *world) sawDocument(a *actor, key control.Key, body []byte) {
	kind, rest, _ := strings.Cut(key.Partition, "#")
	switch {
	case kind == "head" && key.Sort == "head":
		w.sawHead(a, rest, body)
	case kind == "replay" && strings.HasPrefix(key.Sort, "lane#"):
		w.sawCut(rest, key.Sort, body)
	case kind == "replay" && strings.HasPrefix(key.Sort, "checkpoint#"):
		w.sawCheckpoint(a, key, body)
	case kind == "replay" && key.Sort == "pace":
		w.sawPace(rest, body)
	case kind == "replays":
		w.sawReplay(a, body)
	case kind == "registry":
		w.sawRegistry(body)
	}
}

func decode[T any](w *world, body []byte) (value T, ok bool) {
	if err := json.Unmarshal(body, &value); err != nil {
		w.breakf(order, "a document cannot be decoded: %v", err)
		return value, false
	}
	return value, true
}

// sawHead updates the model's log from a head that moves, and checks that the log
// contains everything that the head covers.
func (w *world) sawHead(a *actor, name string, body []byte) {
	head, ok := decode[eventlog.Head](w, body)
	index := slices.IndexFunc(w.laneNames, func(n string) bool { return n == name })
	if !ok || index < 0 {
		return
	}
	lane := event.Lane(index)
	l := &w.model.lanes[lane]
	if head.Position < l.covered.Position {
		w.breakf(order, "the head of lane %s goes back from %s to %s", name, l.covered.Position, head.Position)
		return
	}
	w.commit(a, lane, &head)
	l.covered = head
	if head.Count != int64(len(l.events)) {
		w.breakf(completeness, "the head of lane %s counts %d events, not %d", lane, head.Count, len(l.events))
	}
	w.checkManifests(lane, head)
}

// checkManifests compares the manifests as of a head with the model's.
func (w *world) checkManifests(lane event.Lane, head eventlog.Head) {
	want := w.model.lanes[lane].manifests
	found := 0
	err := eventlog.Heads{Table: peek{w.table}}.Manifests(context.Background(), lane, head, "", "",
		func(b eventlog.Bucket, have eventlog.Manifest) error {
			found++
			if m := want[b]; have != m {
				w.breakf(completeness, "the manifest of bucket %s of lane %s has %d events of %d", b, lane, have.Count, m.Count)
			}
			return nil
		})
	if err != nil || found != len(want) {
		w.breakf(completeness, "as of its head lane %s has %d manifests of %d: %v", lane, found, len(want), err)
	}
}

func (w *world) headOf(lane event.Lane) event.Position { return w.model.lanes[lane].covered.Position }

// sawRow compares a written row with the model's at the row's position.
func (w *world) sawRow(generation string, lane event.Lane, row *datastore.Row) {
	if w.isWiped(generation) {
		return // lost generations are checked when they become active
	}
	if head := w.headOf(lane); row.Position > head {
		w.breakf(logLeads, "entity %s of %s is written up to %s; the log's head is at %s",
			row.Entity, generation, row.Position, head)
		return
	}
	want, found := w.model.entity(row.Entity).row(w.versions[generation], row.Position)
	if row.Parked != nil && row.Parked.Again != nil {
		want, found = w.model.entity(row.Entity).halfway(w.versions[generation], row)
		w.halfway++
	}
	if row.Skipped > 0 {
		w.skipped++
	}
	if w.isSpoilt(generation, row) {
		return
	}
	if !found {
		w.breakf(order, "entity %s of %s is at %s, where it has no event", row.Entity, generation, row.Position)
		return
	}
	if want.Version != row.Version {
		w.breakf(oneVersion, "entity %s of %s is written by %s; the generation belongs to %s", row.Entity, generation,
			row.Version, want.Version)
		return
	}
	if difference := compareRows(want, row); difference != "" {
		w.breakf(order, "entity %s of %s at %s: %s", row.Entity, generation, row.Position, difference)
		return
	}
	w.spoil(generation, lane, row)
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
		return fmt.Sprintf("%d duplicates, %d conflicts, %d ignored, not %d, %d, %d",
			have.Duplicates, have.Conflicts, have.Ignored, want.Duplicates, want.Conflicts, want.Ignored)
	case want.Skipped != have.Skipped || want.Corrections != have.Corrections:
		return fmt.Sprintf("%d skipped, %d corrections, not %d, %d",
			have.Skipped, have.Corrections, want.Skipped, want.Corrections)
	case parked(want) != parked(have):
		return fmt.Sprintf("%s, not %s", parked(have), parked(want))
	case !slices.Equal(want.Buckets, have.Buckets):
		return fmt.Sprintf("buckets %v, not %v", have.Buckets, want.Buckets)
	}
	return ""
}

// sawMark checks that the rows that a moving mark covers were written before.
func (w *world) sawMark(generation string, name datastore.MarkName, lane event.Lane, mark datastore.Mark) {
	if w.isWiped(generation) {
		return // as for its rows
	}
	if name == datastore.ReplayMark {
		w.sawReplayMark(generation, lane, mark)
		return
	}
	if head := w.headOf(lane); mark.Position > head {
		w.breakf(logLeads, "the live mark of lane %s of %s is at %s; the log's head is at %s",
			lane, generation, mark.Position, head)
	}
	if have := mark.Ignored; w.model.lanes[lane].ignored(mark.Position) != totalOf(have) {
		w.breakf(determinism, "the live mark of lane %s of %s counts %d ignored events up to %s, not %d", lane, generation,
			totalOf(have), mark.Position, w.model.lanes[lane].ignored(mark.Position))
	}
	for _, name := range w.names {
		if w.lanes.Of(name) == lane {
			w.checkReached(generation, lane, name, w.model.entity(name).last(mark.Position), "live")
		}
	}
}

func totalOf(i *datastore.Ignored) int64 {
	if i == nil {
		return 0
	}
	return i.Total()
}

// checkReached breaks completeness if a row has not reached a position.
func (w *world) checkReached(generation string, lane event.Lane, entity string, at event.Position, mark string) {
	if have := w.store.tables[generation].rows[lane][entity].Position; have < at {
		w.breakf(completeness, "the %s mark of lane %s of %s covers the event of entity %s at %s; its row is at %q",
			mark, lane, generation, entity, at, have)
	}
}

// sawRegistry starts the consumers of following generations and, when the active
// generation changes, checks that reads do not step back.
func (w *world) sawRegistry(body []byte) {
	registered, ok := decode[datastore.RegistryState](w, body)
	for _, info := range registered.Generations {
		w.versions[info.ID], w.statuses[info.ID] = w.versionOf(info.Version), info.Status
		w.owners[info.ID] = info.Replay
		if r := w.replays[info.Replay]; r != nil && info.Withdrawn == string(replay.Cancelled) {
			r.cancelled = true // a canceller that died here has nevertheless cancelled it
		}
		if info.Consumes() {
			w.startWrite(info.ID)
		}
	}
	for _, reserved := range registered.Reserved {
		if r := w.replays[reserved.Replay]; r != nil && reserved.Withdrawn == string(replay.Cancelled) {
			r.cancelled = true
		}
	}
	if registered.Hold != nil && w.held[registered.Hold.Number] == 0 {
		w.held[registered.Hold.Number] = w.steps
		w.holds = registered.Hold.Number
	}
	if !ok || registered.Active == w.active {
		return
	}
	before, after := w.store.tables[w.active], w.store.tables[registered.Active]
	w.active = registered.Active
	w.shown[registered.Active] = true
	w.flips++
	if after == nil {
		w.breakf(completeness, "generation %s is made active and does not exist", registered.Active)
		return
	}
	w.checkFlip(registered.Active)
	if before == nil || w.isWiped(registered.Active) {
		return
	}
	for lane, rows := range before.rows {
		for id, row := range rows {
			if have := after.rows[lane][id].Position; have < row.Position {
				w.breakf(neverStepBack, "entity %s was shown at %s and is at %q in %s", id, row.Position, have, registered.Active)
			}
		}
	}
}
