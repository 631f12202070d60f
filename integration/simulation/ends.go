package simulation

import (
	"context"
	"strings"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/replay"
)

// checkEnd holds the world against the model once nothing is left to be done.
func (w *world) checkEnd() {
	w.checkLog()
	for _, r := range w.order {
		w.checkReplayEnd(r)
	}
	registered := w.registryState()
	for _, info := range registered.Generations {
		// One of another version than the code's stands still.
		if info.Consumes() && w.versionOf(info.Version) == w.code && w.seemsWhole(info.ID) {
			w.checkGeneration(info.ID)
		}
	}
	if w.attacks.cancels {
		w.checkOwners()
	}
}

func (w *world) registryState() datastore.RegistryState {
	registered, _ := decode[datastore.RegistryState](w, w.table.stored[control.Key{Partition: "registry", Sort: "generations"}].body)
	return registered
}

// seemsWhole reports that nothing tells readers that a generation is lost: the
// platform's own judgement, which is that a loss is recorded or marks are
// missing.
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
		w.breakf(resumability, "replay %s was cancelled by nobody", r.id)
	case r.status == replay.Failed && r.failure != nil && r.failure.Error == errStoppedByItself:
		w.breakf(cancelled, "replay %s was cancelled and is shown as %s", r.id, r.status)
	case r.status == replay.Failed && !failed && !w.excuses(r):
		w.breakf(resumability, "replay %s failed although nothing was lost for good: %+v", r.id, *r.failure)
	case r.status == replay.Succeeded && r.request.Promote && !w.shown[r.generation]:
		w.breakf(completeness, "replay %s succeeded and its generation never was active", r.id)
	case r.status == replay.Succeeded && r.request.Promote && !r.promoted:
		w.breakf(completeness, "replay %s succeeded and does not say that it was promoted", r.id)
	case w.attacks.cancels && r.status != replay.Succeeded && w.owners[w.active] == r.id && !r.promoted:
		w.breakf(cancelled, "replay %s is %s and its generation %s is active", r.id, r.status, w.active)
	}
}

// excuses reports that a replay had a reason to fail, and named it.
func (w *world) excuses(r *replayModel) bool {
	for id, owner := range w.owners {
		if owner == r.id && w.isWiped(id) {
			return true
		}
	}
	return w.deploys > 0 && r.request.Rebuild && strings.Contains(r.failure.Cause, "version")
}

// checkOwners finds tables and entries of the registry that nobody owns, once what
// sweeps them has run.
func (w *world) checkOwners() {
	a := w.newActor("sweeper")
	a.direct = true
	if err := w.sweepAtEnd(a); err != nil {
		w.breakf(owned, "what nobody owns cannot be swept: %v", err)
	}
	registered := w.registryState()
	for _, info := range registered.Generations {
		r := w.replays[info.Replay]
		switch {
		case info.Status == datastore.Retired:
			w.breakf(owned, "generation %s is retired and is still there", info.ID)
		case info.Status == datastore.Building && (r == nil || r.status.Ended()):
			w.breakf(owned, "generation %s is left behind by replay %s", info.ID, info.Replay)
		}
	}
	for id := range w.store.tables {
		if _, found := registered.Find(id); !found {
			w.breakf(owned, "the table of generation %s is left behind by replay %s", id, w.owners[id])
		}
	}
}

// sweepAtEnd does what a platform does now and then about what was left behind.
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

// checkGeneration holds the rows of a generation against the model.
func (w *world) checkGeneration(id string) {
	held := w.store.tables[id]
	if held == nil {
		w.breakf(completeness, "generation %s is gone", id)
		return
	}
	broken := determinism
	if w.isWiped(id) {
		broken = lost // and yet it seems whole
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

// checkFlip holds a generation that becomes active against what was said about
// it before.
func (w *world) checkFlip(id string) {
	if r := w.replays[w.owners[id]]; r != nil && r.answered {
		w.breakf(cancelled, "generation %s becomes active, whose replay %s was answered as cancelled", id, r.id)
	}
	// What is lost under the hold could not be known any more.
	if at, wiped := w.wiped[id]; wiped && at < w.held[w.holds] {
		if difference := w.notWhole(id); difference != "" {
			w.breakf(lost, "generation %s becomes active, which was wiped: %s", id, difference)
		}
	}
}

// notWhole says what a generation lacks of what its live marks cover, "" where
// it lacks nothing: one that was wiped may have been filled again.
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
