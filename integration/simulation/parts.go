package simulation

import (
	"context"
	"fmt"
	"strings"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/lifecycle"
)

// stallLimit is how long a drain waits without progress, longer than any storm
// keeps a consumer from its work.
const stallLimit = 8 * time.Minute

// The parts under test, each over the stores as one actor sees them. A plant
// may stand between a part and its stores.

func (w *world) pumpOf(a *actor) *eventlog.Pump {
	table, log := w.tableOf(a), w.logOf(a)
	if w.plant.pump != nil {
		table, log = w.plant.pump(a, table, log)
	}
	return &eventlog.Pump{Log: log, Heads: eventlog.Heads{Table: table}, Decoder: w.decoder(), Width: w.width}
}

func (w *world) decoder() *eventlog.Decoder {
	return &eventlog.Decoder{Codec: w.codec, Lanes: w.lanes, Epoch: epoch}
}

// applierOf is kept per consumer, as a warm Lambda keeps it, so that its cache
// outlives invocations and zombies share it with those that replaced them. Its
// log takes the actor from the context.
func (w *world) applierOf(a *actor, consumer string) *projection.Applier {
	w.gate.mu.Lock()
	defer w.gate.mu.Unlock()
	consumer = fmt.Sprintf("%s@%d", consumer, a.code)
	if warm := w.appliers[consumer]; warm != nil && a.random.IntN(8) > 0 {
		return warm
	}
	log := w.logOf(nil)
	if w.plant.history != nil {
		log = w.plant.history(w, log)
	}
	view := eventlog.View{Log: log, Heads: eventlog.Heads{Table: w.tableOf(nil)}}
	w.appliers[consumer] = projection.NewApplier(w.setAt(a.code), view, w.shape.duplicates...)
	return w.appliers[consumer]
}

func (w *world) liveOf(a *actor) *projection.Live {
	heads := w.tableOf(a)
	if w.plant.liveHeads != nil {
		heads = w.plant.liveHeads(heads)
	}
	return &projection.Live{Log: w.logOf(a), Heads: eventlog.Heads{Table: heads}, Registry: w.registryOf(a), Generations: w.consumerStore(a),
		Decoder: w.decoder(), Width: w.width, Applier: w.applierOf(a, "live"), Patience: w.shape.patience, Pause: a.sleep}
}

// consumerStore is the Data Store as consumers see it.
func (w *world) consumerStore(a *actor) datastore.Generations {
	if w.plant.store != nil {
		return w.plant.store(a, w.generationsOf(a))
	}
	return w.generationsOf(a)
}

func (w *world) storeOf(a *actor) replay.Store {
	return replay.Store{Table: w.tableOf(a), Now: w.clock, Version: w.setAt(a.code).Version()}
}

func (w *world) plannerOf(a *actor) *replay.Planner {
	heads := eventlog.Heads{Table: w.tableOf(a)}
	finder := &datastore.BucketFinder{Heads: heads, Registry: w.registryOf(a), Generations: w.judgedStore(a)}
	return &replay.Planner{Store: w.storeOf(a), Heads: heads, Lanes: w.lanes, Width: w.width, Buckets: finder.Find}
}

func (w *world) readerOf(a *actor) *replay.Reader {
	table, playback := w.tableOf(a), w.streamOf(a, w.playback)
	if w.plant.reader != nil {
		table, playback = w.plant.reader(a, table, playback)
	}
	return &replay.Reader{Store: replay.Store{Table: table, Now: w.clock, Version: w.setAt(a.code).Version()}, Log: w.logOf(a),
		Heads: eventlog.Heads{Table: table}, Width: w.width, Lanes: w.lanes, Codec: w.codec, Retention: retention,
		Playback: playback, PageBytes: w.shape.pageBytes,
		RecordBytes: w.shape.recordBytes}
}

func (w *world) consumerOf(a *actor) *replay.Consumer {
	registry := w.registryOf(a)
	if w.plant.applyRoll != nil {
		registry.Table = w.plant.applyRoll(a, registry.Table)
	}
	return &replay.Consumer{Store: w.storeOf(a), Registry: registry, Generations: w.consumerStore(a),
		Applier: w.applierOf(a, "playback"), Codec: w.codec, Lanes: w.lanes, Width: w.width}
}

func (w *world) drainerOf(a *actor) *replay.Drainer {
	table := w.tableOf(a)
	if w.plant.drainer != nil {
		table = w.plant.drainer(table)
	}
	return &replay.Drainer{Store: replay.Store{Table: table, Now: w.clock, Version: w.setAt(a.code).Version()}, Registry: w.registryOf(a),
		Generations: w.generationsOf(a), Patience: drainPatience, Limit: stallLimit, Poll: drainPoll, Pause: a.sleep}
}

func (w *world) proverOf(a *actor) *replay.Prover {
	return &replay.Prover{Store: w.storeOf(a), Registry: w.registryOf(a), Generations: w.generationsOf(a),
		Log: eventlog.View{Log: w.logOf(a), Heads: eventlog.Heads{Table: w.tableOf(a)}}, Lanes: w.lanes.Count()}
}

func (w *world) promoterOf(a *actor) *cutover.Promoter {
	return &cutover.Promoter{Store: w.storeOf(a), Heads: eventlog.Heads{Table: w.tableOf(a)}, Registry: w.registryOf(a),
		Generations: w.judgedStore(a), Lanes: w.lanes, Retention: retention, Lease: w.shape.lease, Poll: promotePoll, Pause: a.sleep}
}

// judgedStore is the Data Store as those see it who ask a generation whether it
// can be trusted.
func (w *world) judgedStore(a *actor) datastore.Generations {
	if w.plant.judged != nil {
		return w.plant.judged(w.generationsOf(a))
	}
	return w.generationsOf(a)
}

func (w *world) closerOf(a *actor) *lifecycle.Closer {
	generations := w.generationsOf(a)
	if w.plant.closer != nil {
		generations = w.plant.closer(generations)
	}
	return &lifecycle.Closer{Store: w.storeOf(a), Registry: w.registryOf(a), Generations: generations, Lanes: w.lanes.Count()}
}

func (w *world) serviceOf(a *actor) *lifecycle.Service {
	return &lifecycle.Service{Store: w.storeOf(a), Executions: executions{a}, Closer: w.closerOf(a), Random: strings.NewReader("")}
}

// executions are the executions of the replay state machine as one actor sees
// them.
type executions struct{ actor *actor }

// Start implements lifecycle.Executions. Machines begin by themselves.
func (e executions) Start(ctx context.Context, name string, _ []byte) error {
	return e.actor.do(ctx, "execution.start", name, errThrottled, func(fate) error { return nil })
}

// Exists implements lifecycle.Executions.
func (e executions) Exists(ctx context.Context, name string) (found bool, err error) {
	err = e.actor.do(ctx, "execution.exists", name, errThrottled, func(fate) error {
		r := e.actor.world.replays[name]
		found = r != nil && r.machine != nil
		return nil
	})
	return found, err
}

// Stop implements lifecycle.Executions.
func (e executions) Stop(ctx context.Context, name, _, _ string) error {
	return e.actor.do(ctx, "execution.stop", name, errThrottled, func(fate) error {
		if r := e.actor.world.replays[name]; r != nil && r.machine != nil {
			r.machine.stopped = true
		}
		return nil
	})
}
