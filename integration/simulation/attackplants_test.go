package simulation

import (
	"context"
	"encoding/json"
	"errors"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/replay/cutover"
)

// Faults that show only under an attack.

func plantedAttacks() []planted {
	reshards, versions := attacks{reshards: true}, attacks{versions: true}
	cancels, wipes := attacks{cancels: true}, attacks{wipes: true}
	keep := func(g datastore.Generations) datastore.Generations { return keeper{g} }
	trust := func(g datastore.Generations) datastore.Generations { return unmarked{g} }
	return []planted{
		{"a pump that asks the Events table what is in the log", plant{commit: trustTable},
			1_500, []invariant{completeness, order}, reshards, 0},
		{"a consumer that takes what arrives for what is logged", plant{write: writeWhatArrives},
			200, []invariant{order, completeness}, reshards, 0},
		{"a playback consumer that asks for no version", plant{applyRegistry: plantBlindRegistry},
			200, []invariant{oneVersion}, versions, 0},
		{"a flip that does not ask whether it may", plant{promote: flipUnasked},
			1_500, []invariant{cancelled, owned}, cancels, 0},
		{"a closer that drops nothing", plant{closer: keep}, 200, []invariant{owned}, cancels, 0},
		// What was wiped may also have parked, so that a promotion is refused.
		{"a generation without marks taken for whole", plant{judged: trust},
			1_500, []invariant{lost, completeness, order, liveness, resumability}, wipes, 100},
	}
}

// trustTable removes from the pump's input every event that the Events table
// holds, if the head has passed it. That is wrong: an attempt that died may
// have stored it.
func trustTable(w *world, lane event.Lane, records []eventlog.Incoming) []eventlog.Incoming {
	var kept []eventlog.Incoming
	for _, in := range records {
		at, err := event.NewPosition(epoch, in.Sequence, 0)
		if err == nil && at <= w.headOf(lane) && w.events.holds(lane, at) {
			continue
		}
		kept = append(kept, in)
	}
	return kept
}

// holds reports whether any bucket of a lane has an event at a position.
func (s *logState) holds(lane event.Lane, at event.Position) bool {
	for key, entries := range s.buckets {
		for i := range entries {
			if key.lane == lane && entries[i].entry.Position == at {
				return true
			}
		}
	}
	return false
}

// writeWhatArrives is a live consumer that waits for the head, then skips the
// records before its mark and folds in all others.
func writeWhatArrives(a *actor, generation string) work {
	w := a.world
	return func(ctx context.Context, lane event.Lane, records []eventlog.Incoming) (int, error) {
		info, err := w.registryOf(a).MayWrite(ctx, generation)
		if err != nil || !info.Consumes() {
			return 0, ignoreUnknown(err)
		}
		to := w.generationsOf(a).Open(generation)
		mark, version, err := to.Mark(ctx, datastore.LiveMark, lane)
		if err != nil {
			return 0, err
		}
		head, err := eventlog.Heads{Table: w.tableOf(a)}.Load(ctx, lane)
		if err != nil {
			return 0, err
		}
		events, next, err := w.arrived(w.liveOf(a).Decoder, lane, records, mark)
		if err != nil || next.Position > head.Position {
			return 0, errors.Join(err, projection.ErrBehind)
		}
		if next.Position == mark.Position {
			return 0, nil
		}
		target := projection.Target{ID: generation, Generation: to, Lane: lane}
		if _, err := w.applierOf(a, "live").Apply(ctx, target, events); err != nil {
			return 0, err
		}
		next.CountIgnored(w.applierOf(a, "live").Ignored(events))
		_, err = to.SetMark(ctx, datastore.LiveMark, lane, next, version)
		return 0, err
	}
}

func ignoreUnknown(err error) error {
	if errors.Is(err, datastore.ErrUnknown) {
		return nil
	}
	return err
}

// arrived places the events of records behind a mark as if all of them were
// logged.
func (w *world) arrived(
	decoder *eventlog.Decoder, lane event.Lane, records []eventlog.Incoming, mark datastore.Mark,
) ([]projection.Placed, datastore.Mark, error) {
	var events []projection.Placed
	stamp := eventlog.Stamp{Width: w.width, Logged: mark.Logged}
	for _, in := range records {
		decoded, err := decoder.Decode(lane, in)
		var bad *eventlog.Undecodable
		if err != nil && !errors.As(err, &bad) {
			return nil, mark, err
		}
		end := decoded.Last
		if end <= mark.Position {
			continue
		}
		for _, e := range decoded.Events {
			_, bucket := stamp.Next(e.Arrival)
			events = append(events, projection.Placed{Event: e.Event, Position: e.Position, Bucket: bucket, Line: e.Line})
		}
		mark.Position, mark.Logged = end, stamp.Logged
		mark.Ordinal += int64(len(decoded.Events))
	}
	return events, mark, nil
}

// blindRegistry shows every generation as one of the code's own version.
type blindRegistry struct {
	control.Table
	version string
}

func plantBlindRegistry(a *actor, t control.Table) control.Table {
	return blindRegistry{t, a.world.setAt(a.code).Version()}
}

func (b blindRegistry) Get(ctx context.Context, key control.Key) (control.Document, error) {
	doc, err := b.Table.Get(ctx, key)
	if err != nil || key.Partition != "registry" {
		return doc, err
	}
	var registered datastore.RegistryState
	if err := json.Unmarshal(doc.Body, &registered); err != nil {
		return doc, err
	}
	for i := range registered.Generations {
		registered.Generations[i].Version = b.version
	}
	doc.Body, err = json.Marshal(registered)
	return doc, err
}

// flipUnasked holds, waits and flips as a promotion does, but checks only once,
// at the start, whether the replay is cancelled.
func flipUnasked(ctx context.Context, a *actor, id string) (cutover.Promotion, error) {
	w := a.world
	row, err := w.storeOf(a).Load(ctx, id)
	if err != nil {
		return "", err
	}
	if row.Cancel || row.Status.Ended() {
		return cutover.PromotionStopped, nil
	}
	registry := w.registryOf(a)
	if _, err := registry.Hold(ctx, id, w.shape.lease); err != nil {
		return "", err
	}
	heads, err := eventlog.Heads{Table: w.tableOf(a)}.LoadAll(ctx, w.lanes.Count())
	if err != nil {
		return "", err
	}
	until := w.now + w.shape.lease.Milliseconds()/2
	for caught := false; !caught; {
		marks, err := datastore.LiveMarks(ctx, w.generationsOf(a).Open(row.Generation), w.lanes.Count())
		if err != nil {
			return "", err
		}
		caught = true
		for lane, head := range heads {
			caught = caught && marks[lane].Position >= head.Position
		}
		if !caught && w.now >= until {
			return cutover.CatchingUp, registry.Release(ctx, id)
		}
		if !caught {
			if err := a.sleep(ctx, promotePoll); err != nil {
				return "", err
			}
		}
	}
	return cutover.Promoted, w.flipBlindly(ctx, a, row)
}

// keeper drops nothing.
type keeper struct{ datastore.Generations }

func (keeper) Drop(context.Context, string) error { return nil }

// unmarked treats a generation without marks as one whose marks are far ahead.
type unmarked struct{ datastore.Generations }

func (u unmarked) Open(id string) datastore.Generation {
	return unmarkedGeneration{u.Generations.Open(id)}
}

type unmarkedGeneration struct{ datastore.Generation }

func (g unmarkedGeneration) Mark(ctx context.Context, name datastore.MarkName, lane event.Lane,
) (datastore.Mark, datastore.MarkVersion, error) {
	mark, version, err := g.Generation.Mark(ctx, name, lane)
	if errors.Is(err, datastore.ErrNoMark) {
		return datastore.Mark{Position: "ffff", Ordinal: 1 << 62}, "v", nil
	}
	return mark, version, err
}
