package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"reprise/pkg/replay/segment"

	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/platform"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/planning"
)

// stallLimit is how long a drain waits without progress. It is longer than any
// storm keeps a consumer from its work.
const stallLimit = 8 * time.Minute

// partsOf are the platform's parts as one actor sees them.
func (w *world) partsOf(a *actor) platform.Parts {
	return platform.Parts{
		Settings: platform.Settings{
			Bucket:        w.width,
			Retention:     w.shape.retention,
			Lease:         w.shape.lease,
			OneVersion:    true,
			Poll:          promotePoll,
			DrainPoll:     drainPoll,
			DrainPatience: drainPatience,
			DrainLimit:    stallLimit,
			WritePatience: w.shape.patience,
			PageBytes:     w.shape.pageBytes,
			RecordBytes:   w.shape.recordBytes,
		},
		Table:       w.tableOf(a),
		EventLog:    w.logOf(a),
		Generations: w.generationsOf(a),
		Events:      w.streamOf(a, w.ingest),
		Playback:    w.streamOf(a, w.playback),
		Epoch:       epoch,
		Lanes:       w.lanes,
		Codec:       w.codec,
		Applier:     projection.NewApplier(w.setAt(a.code), eventlog.View{}), // names the version only
		Executions:  executions{a},
		Now:         w.clock,
		Sleep:       a.sleep,
		Random:      strings.NewReader(""),
	}
}

// The functions under test, as one actor sees them. A plant may decorate their
// parts.

func (w *world) pumpOf(a *actor) *eventlog.Pump {
	parts := w.partsOf(a)
	if w.plant.pump != nil {
		parts.Table, parts.EventLog = w.plant.pump(a, parts.Table, parts.EventLog)
	}
	return platform.New(parts).EventPump()
}

// applierOf keeps an applier per consumer, as a warm Lambda does, so that its cache
// outlives invocations and zombies share it with their successors. Its log takes
// the actor from the context.
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
	options := slices.Concat(w.shape.duplicates, w.plant.applier)
	w.appliers[consumer] = projection.NewApplier(w.setAt(a.code), view, options...)
	return w.appliers[consumer]
}

func (w *world) liveOf(a *actor) *projection.Live {
	parts := w.partsOf(a)
	parts.Generations, parts.Applier = w.consumerStore(a), w.applierOf(a, "live")
	live := platform.New(parts).Live()
	if w.plant.liveHeads != nil {
		live.Heads.Table = w.plant.liveHeads(live.Heads.Table)
	}
	return live
}

// consumerStore is the Data Store as consumers see it.
func (w *world) consumerStore(a *actor) datastore.Generations {
	if w.plant.store != nil {
		return w.plant.store(a, w.generationsOf(a))
	}
	return w.generationsOf(a)
}

func (w *world) storeOf(a *actor) replay.Store { return platform.New(w.partsOf(a)).Store() }

func (w *world) plannerOf(a *actor) *planning.Planner {
	parts := w.partsOf(a)
	parts.Generations = w.judgedStore(a)
	return platform.New(parts).Planner()
}

func (w *world) readerOf(a *actor) *segment.Reader {
	parts := w.partsOf(a)
	if w.plant.reader != nil {
		parts.Table, parts.Playback = w.plant.reader(a, parts.Table, parts.Playback)
	}
	reader := platform.New(parts).Reader()
	reader.Retention = retention // the pump loses no record
	return reader
}

func (w *world) consumerOf(a *actor) *replay.Consumer {
	parts := w.partsOf(a)
	parts.Generations, parts.Applier = w.consumerStore(a), w.applierOf(a, "playback")
	consumer := platform.New(parts).Consumer()
	if w.plant.applyRegistry != nil {
		consumer.Registry.Table = w.plant.applyRegistry(a, consumer.Registry.Table)
	}
	return consumer
}

func (w *world) drainerOf(a *actor) *replay.Drainer {
	drainer := platform.New(w.partsOf(a)).Drainer()
	if w.plant.ageless {
		drainer.Retention = 0
	}
	if w.plant.drainer != nil {
		drainer.Store.Table = w.plant.drainer(drainer.Store.Table)
	}
	return drainer
}

func (w *world) proverOf(a *actor) *replay.Prover { return platform.New(w.partsOf(a)).Prover() }

func (w *world) promoterOf(a *actor) *cutover.Promoter {
	parts := w.partsOf(a)
	parts.Generations = w.judgedStore(a)
	promoter := platform.New(parts).Promoter()
	if w.plant.ageless {
		promoter.Retention = 0
	}
	promoter.Comparer.Applier = w.applierOf(a, "compare")
	if w.plant.promoter != nil {
		promoter.Store.Table = w.plant.promoter(promoter.Store.Table)
		promoter.Registry.Table = promoter.Store.Table
	}
	return promoter
}

// judgedStore is the Data Store as seen by those who check generations.
func (w *world) judgedStore(a *actor) datastore.Generations {
	if w.plant.judged != nil {
		return w.plant.judged(w.generationsOf(a))
	}
	return w.generationsOf(a)
}

func (w *world) closerOf(a *actor) *lifecycle.Closer {
	parts := w.partsOf(a)
	if w.plant.closer != nil {
		parts.Generations = w.plant.closer(parts.Generations)
	}
	return platform.New(parts).Closer()
}

func (w *world) serviceOf(a *actor) *lifecycle.Service {
	service := platform.New(w.partsOf(a)).Replays()
	service.Closer = w.closerOf(a)
	if w.plant.service != nil {
		w.plant.service(a, service)
	}
	return service
}

// executions are the executions of the replay state machine as one actor sees
// them.
type executions struct{ actor *actor }

// Start implements lifecycle.Executions. The first machine of a replay begins by itself.
func (e executions) Start(ctx context.Context, name string, input []byte) error {
	return e.actor.do(ctx, "execution.start", name, errThrottled, func(fate) error {
		if id, continues := lifecycle.ParseContinuation(input); continues {
			e.actor.world.startExecution(e.actor.world.replays[id], name)
		}
		return nil
	})
}

// State implements lifecycle.Executions.
func (e executions) State(ctx context.Context, name string) (status lifecycle.ExecutionStatus, err error) {
	err = e.actor.do(ctx, "execution.exists", name, errThrottled, func(fate) error {
		m := e.actor.world.machineOf(name)
		switch {
		case m == nil:
		case m.over:
			status = "FAILED" // or, if it succeeded, its replay has ended
		default:
			status = lifecycle.ExecutionRunning
		}
		return nil
	})
	return status, err
}

// Stop implements lifecycle.Executions.
func (e executions) Stop(ctx context.Context, name, _, _ string) error {
	return e.actor.do(ctx, "execution.stop", name, errThrottled, func(fate) error {
		if m := e.actor.world.machineOf(name); m != nil {
			m.stopped = true
		}
		return nil
	})
}

// Release implements lifecycle.Executions. As Step Functions does, it accepts a token
// for which nobody waits.
func (e executions) Release(ctx context.Context, token string, _ []byte) error {
	return e.actor.do(ctx, "execution.release", token, errThrottled, func(fate) error {
		e.actor.world.released[token] = true
		return nil
	})
}

// SetConcurrency implements lifecycle.Executions. All children of a map run begin at once.
func (e executions) SetConcurrency(ctx context.Context, name string, _ int) error {
	return e.actor.do(ctx, "execution.update", name, errThrottled, func(fate) error { return nil })
}

// step invokes a function until it succeeds or a retry cannot help. It returns
// false once the machine is stopped or the schedule is over.
func step[T any](m *machine, name string, do task[T]) (T, error, bool) {
	for failures := 0; ; {
		gaveUp := m.givesUp(name)
		result, err, alive := run(m.driver, name, stepTimeout, current(m, name, do))
		if !alive || m.stopped {
			return result, err, false
		}
		if gaveUp != nil {
			return result, gaveUp, true
		}
		if err != nil && !passing(err) {
			failures++
		}
		if err == nil || final(err) || failures > maxFailures {
			return result, err, true
		}
		if m.driver.pause(m.driver.ctx, 50+m.driver.random.Int64N(1_000)) != nil {
			return result, err, false
		}
	}
}

func final(err error) bool {
	for _, known := range []error{
		replay.ErrRequest, replay.ErrNotFound, cutover.ErrNotProved, replay.ErrExists, replay.ErrEnded,
		replay.ErrStalled, cutover.ErrCutTooOld, cutover.ErrParked, replay.ErrOtherVersion,
		replay.ErrGenerationLost, replay.ErrPromoted, replay.ErrPromoting, datastore.ErrUnknown, datastore.ErrWithdrawn,
		replay.ErrNotFailed, replay.ErrCannotContinue, replay.ErrSuperseded, replay.ErrOverBudget, datastore.ErrLost,
		eventlog.ErrHeadLost, projection.ErrOtherVersion, errIncomplete,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// tell plays the rule on ended executions: it retries until the platform has
// handled the end.
func (m *machine) tell(status lifecycle.ExecutionStatus, failure *replay.Failure) {
	for failures := 0; ; {
		_, err, alive := run(m.driver, "ended", functionTimeout, act(func(ctx context.Context, a *actor) error {
			return m.world.serviceOf(a).Ended(ctx, m.replay.id, m.name(), status, failure)
		}))
		if !alive || err == nil || final(err) {
			return
		}
		if !passing(err) {
			failures++
		}
		if failures > maxFailures || m.driver.pause(m.driver.ctx, 500) != nil {
			return
		}
	}
}
