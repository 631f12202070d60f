package simulation

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// work handles records of one lane and returns how many of the first ones are
// done.
type work func(ctx context.Context, lane event.Lane, records []eventlog.Incoming) (done int, err error)

// function makes the work of one invocation.
type function func(a *actor) work

// source plays the event source mapping of one function on one shard: it delivers
// at least once, in batches of random size, from the lowest record not done.
type source struct {
	world  *world
	name   string
	stream *streamState
	shard  int
	begin  function
	next   int
	// stalled is the time until which the source delivers nothing.
	stalled int64
	// stands is set for a function that does nothing while its generation belongs
	// to another version than its code.
	stands bool
}

// handled is the result of a batch: how many leading records are done, and
// whether the generation belonged to another version.
type handled struct {
	done  int
	other bool
}

// start gives a function its mappings, from the oldest record on.
func (w *world) start(m mapping) {
	w.mappings = append(w.mappings, m)
	for shard := range m.stream.shards {
		w.startShard(m, shard)
	}
}

func (s *source) run(driver *actor) {
	for {
		if !driver.await("records", 0, func() bool { return s.next < len(s.stream.shards[s.shard]) }) {
			return
		}
		if wait := s.stalled - s.world.now; wait > 0 && driver.pause(driver.ctx, wait) != nil {
			return
		}
		if s.world.stormy() && driver.random.IntN(30) == 0 {
			s.next = max(0, s.next-driver.random.IntN(4)) // a mapping may deliver again what is done
		}
		left := s.stream.shards[s.shard][s.next:]
		batch := left[:min(len(left), 1+driver.random.IntN(s.world.shape.batch))]
		code := s.world.code
		got, err, alive := run(driver, s.name, functionTimeout, func(ctx context.Context, a *actor) (handled, error) {
			return s.handle(ctx, a, batch), ctx.Err()
		})
		if !alive {
			return
		}
		if err == nil {
			s.next += got.done
		}
		// A generation of another version gets no records until the code changes.
		if err == nil && got.other && s.stands &&
			!driver.await("its version", 0, func() bool { return s.world.code != code }) {
			return
		}
		if err != nil || got.done < len(batch) {
			if driver.pause(driver.ctx, 20+driver.random.Int64N(400)) != nil {
				return
			}
		}
	}
}

// handle handles the lanes of a batch concurrently.
func (s *source) handle(ctx context.Context, a *actor, batch []streamRecord) handled {
	index := make(map[event.Lane][]int)
	var lanes []event.Lane
	for i, r := range batch {
		if index[r.lane] == nil {
			lanes = append(lanes, r.lane)
		}
		index[r.lane] = append(index[r.lane], i)
	}
	failed, other := make([]int, len(lanes)), make([]bool, len(lanes))
	do := s.begin(a)
	var group errgroup.Group
	for n, lane := range lanes {
		failed[n] = len(batch)
		group.Go(func() error {
			records := make([]eventlog.Incoming, 0, len(index[lane]))
			for _, i := range index[lane] {
				records = append(records, eventlog.Incoming{
					Sequence: batch[i].sequence,
					Arrival:  batch[i].arrival,
					Data:     batch[i].data,
				})
			}
			if done, err := do(tagged(ctx, int(lane)), lane, records); err != nil {
				failed[n] = index[lane][min(done, len(records)-1)]
				other[n] = errors.Is(err, projection.ErrOtherVersion)
			}
			return nil
		})
	}
	_ = group.Wait() // failures are in failed
	return handled{done: min(len(batch), slices.Min(failed)), other: slices.Contains(other, true)}
}

// startConsumers gives the pump, the first generation and the playback
// consumer their mappings.
func (w *world) startConsumers() {
	w.start(mapping{name: "pump", stream: w.ingest, begin: w.pumpWork})
	w.startWrite(datastore.FirstGeneration)
	w.start(mapping{name: "apply", stream: w.playback, begin: w.applyWork})
}

func (w *world) pumpWork(a *actor) work {
	pump := w.pumpOf(a)
	return func(ctx context.Context, lane event.Lane, records []eventlog.Incoming) (int, error) {
		defer w.beginCommit(attempt{a.id, lane}, records)()
		if w.plant.commit != nil {
			records = w.plant.commit(w, lane, records)
		}
		_, err := pump.Commit(ctx, lane, records)
		return 0, err
	}
}

// beginCommit registers a commit's batch with the model until ended is called.
func (w *world) beginCommit(a attempt, records []eventlog.Incoming) (ended func()) {
	w.gate.mu.Lock()
	defer w.gate.mu.Unlock()
	w.attempts[a] = records
	return func() {
		w.gate.mu.Lock()
		defer w.gate.mu.Unlock()
		delete(w.attempts, a)
	}
}

func (w *world) applyWork(a *actor) work {
	consumer := w.consumerOf(a)
	return func(ctx context.Context, lane event.Lane, records []eventlog.Incoming) (int, error) {
		data := make([][]byte, len(records))
		for i := range records {
			data[i] = records[i].Data
		}
		if w.plant.consume != nil {
			data = w.plant.consume(w, lane, data)
		}
		_, err := consumer.Consume(ctx, lane, data)
		return 0, err
	}
}

// startWrite gives a generation its consumer of the event stream, once.
func (w *world) startWrite(generation string) {
	if !w.begun || w.sources["write-"+generation] != nil {
		return
	}
	begin := func(a *actor) work {
		if w.plant.write != nil {
			return w.plant.write(a, generation)
		}
		live := w.liveOf(a)
		return func(ctx context.Context, lane event.Lane, records []eventlog.Incoming) (int, error) {
			written, err := live.Write(ctx, generation, lane, records)
			w.gate.mu.Lock()
			defer w.gate.mu.Unlock()
			w.refolded += int(written.Refolded)
			// The same is true after its generation was dropped before the
			// consumer ended.
			if written.Lost && w.store.tables[generation] != nil && !w.isWiped(generation) {
				w.breakf(completeness, "generation %s says that it is lost", generation)
			}
			return written.Done, err
		}
	}
	w.start(mapping{name: "write-" + generation, stream: w.ingest, begin: begin, stands: true})
}
