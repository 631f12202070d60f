package simulation

import (
	"context"
	"fmt"
	"time"

	"reprise/pkg/replay/segment"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// Faulty parts that replace a whole step.

// parallelRanges reads the buckets of a lane side by side, with the ordinals
// that reading them in order would give.
func parallelRanges(ctx context.Context, a *actor, id string, group int, deadline time.Time) (segment.Outcome, error) {
	w := a.world
	row, err := w.storeOf(a).Load(ctx, id)
	if err != nil {
		return "", err
	}
	if row.Cancel || row.Status.Ended() {
		return segment.Stopped, nil
	}
	if r := row.Request; r.From != nil || r.To != nil || len(r.Types) > 0 || len(r.Entities) > 0 {
		return w.readerOf(a).Read(ctx, id, group, deadline)
	}
	plan, _, err := control.Load[replay.Plan](ctx, w.tableOf(a), control.Key{Partition: "replay#" + id, Sort: "plan"})
	if err != nil {
		return "", err
	}
	for _, lane := range plan.Groups[group].Lanes {
		if err := (&rangeReader{world: w, actor: a, id: id, lane: lane}).read(ctx); err != nil {
			return "", err
		}
	}
	return segment.Done, nil
}

type rangeReader struct {
	world *world
	actor *actor
	id    string
	lane  event.Lane
	sum   replay.Sum
}

func (r *rangeReader) read(ctx context.Context) error {
	table := r.world.tableOf(r.actor)
	key := control.Key{Partition: "replay#" + r.id, Sort: "lane#" + r.lane.String()}
	plan, _, err := control.Load[replay.LanePlan](ctx, table, key)
	if err != nil {
		return err
	}
	var perBucket [][][]byte
	err = eventlog.Heads{Table: table}.Manifests(ctx, r.lane, plan.Head, "", "",
		func(b eventlog.Bucket, _ eventlog.Manifest) error {
			records, err := r.records(ctx, b, plan.Head.Position)
			perBucket = append(perBucket, records)
			return err
		})
	if err != nil {
		return err
	}
	ranges, rangeCtx := errgroup.WithContext(ctx)
	for i, records := range perBucket {
		ranges.Go(func() error {
			for _, data := range records {
				_, err := r.world.streamOf(r.actor, r.world.playback).Put(tagged(rangeCtx, i), r.world.lanes.Key(r.lane), data)
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := ranges.Wait(); err != nil {
		return err
	}
	key.Sort = "checkpoint#" + r.lane.String()
	_, err = control.Update(ctx, table, key, func(at *replay.Checkpoint, _ bool) error {
		*at = replay.Checkpoint{Read: r.sum, Delivered: r.sum, Done: true}
		return nil
	})
	return err
}

// records packs the events of a bucket, one a record.
func (r *rangeReader) records(ctx context.Context, b eventlog.Bucket, cut event.Position) ([][]byte, error) {
	page, err := r.world.logOf(r.actor).Read(ctx, r.lane, b, "", eventlog.PageLimit{Entries: 1_000}, true)
	if err != nil {
		return nil, err
	}
	var records [][]byte
	for _, e := range page.Entries {
		if e.Position > cut {
			continue
		}
		header := record.Header{
			Lane:     r.lane,
			Playback: &record.Playback{Replay: r.id, From: r.sum.Count, To: r.sum.Count + 1},
		}
		data, err := r.world.codec.Pack(header, [][]byte{event.AppendPlaced(nil, e.Line, e.Position, e.Logged)})
		if err != nil {
			return nil, err
		}
		records = append(records, data)
		r.sum.Count++
		r.sum.Bytes += int64(len(e.Line))
		r.sum.Digest = r.sum.Digest.Add(event.DigestOf(e.Position, e.Line))
	}
	return records, nil
}

// trustEmptyQueue considers a replay drained once nothing is left to be read
// from the playback stream.
func trustEmptyQueue(ctx context.Context, a *actor, id string) (replay.Drain, error) {
	w := a.world
	row, err := w.storeOf(a).Load(ctx, id)
	if err != nil {
		return "", err
	}
	if row.Cancel || row.Status.Ended() {
		return replay.DrainStopped, nil
	}
	for _, s := range w.sources["apply"] {
		if s.next < len(s.stream.shards[s.shard]) {
			return replay.Waiting, nil
		}
	}
	return replay.Drained, nil
}

// flipWithoutHold waits until the generation has caught up, and then flips.
func flipWithoutHold(ctx context.Context, a *actor, id string) (cutover.Promotion, error) {
	w := a.world
	row, err := w.storeOf(a).Load(ctx, id)
	if err != nil {
		return "", err
	}
	if row.Cancel || row.Status.Ended() {
		return cutover.PromotionStopped, nil
	}
	heads, err := eventlog.Heads{Table: w.tableOf(a)}.LoadAll(ctx, w.lanes.Count())
	if err != nil {
		return "", err
	}
	marks, err := datastore.LiveMarks(ctx, w.generationsOf(a).Open(row.Generation), w.lanes.Count())
	if err != nil {
		return "", err
	}
	for lane, head := range heads {
		if marks[lane].Position < head.Position {
			return cutover.CatchingUp, nil
		}
	}
	return cutover.Promoted, w.flipBlindly(ctx, a, row)
}

// flipBlindly makes a replay's generation the active one, whatever the registry says.
func (w *world) flipBlindly(ctx context.Context, a *actor, row replay.Row) error {
	key := control.Key{Partition: "registry", Sort: "generations"}
	_, err := control.Update(ctx, w.tableOf(a), key, func(registered *datastore.RegistryState, _ bool) error {
		next, found := registered.Find(row.Generation)
		if !found || registered.Active == row.Generation {
			return control.Unchanged()
		}
		if old, found := registered.Find(registered.Active); found {
			old.Status = datastore.Following
		}
		next.Status, registered.Active, registered.Hold = datastore.Active, row.Generation, nil
		return nil
	})
	if err == nil {
		_, err = w.storeOf(a).Update(ctx, row.ID, func(r *replay.Row) error { r.Promoted = true; return nil })
	}
	if err != nil {
		return fmt.Errorf("flip blindly: %w", err)
	}
	return nil
}

// filterAlone considers an id that a filter only seems to contain a duplicate:
// when the history is looked up, it adds that id.
type filterAlone struct {
	eventlog.Log
	world *world
}

func plantFilterAlone(w *world, l eventlog.Log) eventlog.Log { return filterAlone{l, w} }

func (f filterAlone) ReadEntity(
	ctx context.Context,
	lane event.Lane,
	bucket eventlog.Bucket,
	entity, after string,
	limit eventlog.PageLimit,
) (eventlog.Page, error) {
	page, err := f.Log.ReadEntity(ctx, lane, bucket, entity, after, limit)
	if err != nil || len(page.Entries) == 0 {
		return page, err
	}
	if first := page.Entries[0]; entity == busy {
		e := crowdEvent(f.world.lookalike)
		lookalike := eventlog.Entry{
			Entity:   entity,
			Position: first.Position,
			Logged:   first.Logged,
			Line:     e.AppendJSON(nil),
		}
		page.Entries = append([]eventlog.Entry{lookalike}, page.Entries...)
	}
	return page, nil
}
