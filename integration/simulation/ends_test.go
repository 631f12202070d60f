package simulation

import (
	"context"
	"strings"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/replay"
)

// checkEnd compares the world with the model at the end of a schedule.
func (w *world) checkEnd() {
	w.checkLog()
	w.checkSteered()
	for _, r := range w.order {
		w.checkReplayEnd(r)
	}
	registered := w.registryState()
	for _, info := range registered.Generations {
		// A generation of another version than the code's is not updated.
		if info.Consumes() && w.versionOf(info.Version) == w.code && w.seemsWhole(info.ID) {
			w.checkGeneration(info.ID)
			if info.Verification == "" {
				w.verifyAtEnd(info.ID)
			}
		}
	}
	if w.attacks.cancels {
		w.checkOwners()
	}
	w.checkThrowaways()
}

func (w *world) registryState() datastore.RegistryState {
	registered, _ := decode[datastore.RegistryState](
		w, w.table.stored[control.Key{Partition: "registry", Sort: "generations"}].body,
	)
	return registered
}

// seemsWhole reports whether the platform considers a generation complete: no
// loss is recorded and no marks are missing.
func (w *world) seemsWhole(id string) bool {
	if registered := w.registryState(); !w.isWiped(id) {
		return true
	} else if info, found := registered.Find(id); !found || info.Loss != nil {
		return false
	}
	a := w.newActor("reader")
	a.direct = true
	_, err := datastore.LiveMarks(context.Background(), w.generationsOf(a).Open(id), w.lanes.Count())
	return err == nil
}

func (w *world) checkReplayEnd(r *replayModel) {
	failed := r.doomed && w.doomedLane(r) >= 0
	switch {
	case r.status == "":
	case !r.status.Ended():
		w.breakf(liveness, "replay %s is %s at the end", r.id, r.status)
	case r.status == replay.Cancelled && !r.cancelled:
		w.breakf(resumability, "replay %s is cancelled, but nobody cancelled it", r.id)
	case r.status == replay.Failed && r.failure != nil && r.failure.Error == errStoppedByItself:
		w.breakf(cancelled, "replay %s was cancelled and is shown as %s", r.id, r.status)
	case r.status == replay.Failed && !failed && !w.excuses(r):
		w.breakf(resumability, "replay %s failed although nothing was lost for good: %+v", r.id, *r.failure)
	case r.status == replay.Succeeded && r.request.Promote && !w.shown[r.generation]:
		w.breakf(completeness, "replay %s succeeded, but its generation was never active", r.id)
	case r.status == replay.Succeeded && r.request.Promote && !r.promoted:
		w.breakf(completeness, "replay %s succeeded, but does not say that it was promoted", r.id)
	case w.drawn.choices && r.status == replay.Failed: // a person may have chosen its generation
	case w.attacks.cancels && r.status != replay.Succeeded && w.owners[w.active] == r.id && !r.promoted:
		w.breakf(cancelled, "replay %s is %s and its generation %s is active", r.id, r.status, w.active)
	}
}

// excuses reports whether a replay had a reason to fail and named it.
func (w *world) excuses(r *replayModel) bool {
	if r.request.Verification != "" && len(r.faults) > 0 { // its verification has failed with it
		return true
	}
	for id, owner := range w.owners {
		if owner == r.id && w.isWiped(id) {
			return true
		}
	}
	other := strings.Contains(r.failure.Cause, "version") ||
		(r.row.Fault != nil && r.row.Fault.Error == replay.FaultOtherVersion) // and so cannot be continued
	return w.deploys > 0 && r.request.Rebuild && other
}

// checkOwners finds generations without an owner, in the registry or as tables,
// after a sweep.
func (w *world) checkOwners() {
	a := w.newActor("sweeper")
	a.direct = true
	if err := w.sweepAtEnd(a); err != nil {
		w.breakf(owned, "sweep of what has no owner: %v", err)
	}
	registered := w.registryState()
	for _, info := range registered.Generations {
		r := w.replays[info.Replay]
		switch {
		case info.Status == datastore.Retired:
			w.breakf(owned, "generation %s is retired and is still there", info.ID)
		case info.Status == datastore.Building && (r == nil || r.status.Ended() && !w.keeps(r)):
			w.breakf(owned, "generation %s is left behind by replay %s", info.ID, info.Replay)
		}
	}
	for id := range w.store.tables {
		if _, found := registered.Find(id); !found {
			w.breakf(owned, "the table of generation %s is left behind by replay %s", id, w.owners[id])
		}
	}
}

// keeps reports whether a replay has failed and may still be continued.
func (w *world) keeps(r *replayModel) bool {
	row := replay.Row{Request: r.request, Status: r.status, Failure: r.failure, Ended: new(w.clock())}
	return row.Keeps(w.clock())
}

// sweepAtEnd runs the periodic sweep of a platform.
func (w *world) sweepAtEnd(a *actor) error {
	for _, r := range w.order {
		if !r.status.Ended() || !r.request.Rebuild {
			continue
		}
		if _, err := w.closerOf(a).Close(a.ctx, r.id, r.status, r.failure); err != nil {
			return err
		}
	}
	return w.closerOf(a).Sweep(a.ctx)
}

// checkGeneration compares the rows of a generation with the model.
func (w *world) checkGeneration(id string) {
	held := w.store.tables[id]
	if held == nil {
		w.breakf(completeness, "generation %s is gone", id)
		return
	}
	broken := determinism
	if w.isWiped(id) {
		broken = lost // and yet no loss is recorded
	}
	for _, name := range w.names {
		entity := w.model.entity(name)
		rows := entity.rows[w.versions[id]]
		if len(rows) == 0 {
			continue
		}
		have := held.rows[w.lanes.Of(name)][name]
		if difference := compareRows(&rows[len(rows)-1], &have); difference != "" {
			w.breakf(broken, "at the end entity %s of generation %s has %s", name, id, difference)
		}
	}
}

// checkFlip checks that a generation that becomes active was neither cancelled
// nor lost before.
func (w *world) checkFlip(id string) {
	w.checkUnpaused(id)
	if r := w.replays[w.owners[id]]; r != nil && r.answered {
		w.breakf(cancelled, "generation %s becomes active although its replay %s was reported as cancelled", id, r.id)
	}
	// The promotion cannot know of a loss that happened after it took the hold.
	if at, wiped := w.wiped[id]; wiped && at < w.held[w.holds] {
		if difference := w.notWhole(id); difference != "" {
			w.breakf(lost, "generation %s becomes active although it was wiped: %s", id, difference)
		}
	}
}

// notWhole describes what a generation lacks up to its live marks, or returns
// "": a generation may have been refilled after a wipe.
func (w *world) notWhole(id string) string {
	held := w.store.tables[id]
	for _, name := range w.names {
		lane, entity := w.lanes.Of(name), w.model.entity(name)
		mark, found := held.marks[markKey{datastore.LiveMark, lane}]
		if !found {
			return "lane " + lane.String() + " has no mark"
		}
		last, have := entity.last(mark.mark.Position), held.rows[lane][name]
		if have.Position < last {
			return "entity " + name + " is behind its mark"
		}
		if row, found := entity.row(w.versions[id], have.Position); found {
			if difference := compareRows(row, &have); difference != "" {
				return "entity " + name + " has " + difference
			}
		}
	}
	return ""
}
