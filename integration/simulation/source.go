package simulation

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// work handles records of one lane and returns how many of them, from the
// first, need not come again.
type work func(ctx context.Context, lane event.Lane, records []eventlog.Incoming) (done int, err error)

// function makes the work of one invocation.
type function func(a *actor) work

// source plays the event source mapping of one function on one shard: at least
// once, batches cut anew each time, on from the lowest record not done.
type source struct {
	world  *world
	name   string
	stream *streamState
	shard  int
	begin  function
	next   int
}

// start gives a function its mappings, from the oldest record on.
func (w *world) start(name string, s *streamState, begin function) {
	for shard := range s.shards {
		src := &source{world: w, name: fmt.Sprintf("%s-%d", name, shard), stream: s, shard: shard, begin: begin}
		w.sources[name] = append(w.sources[name], src)
		driver := w.newActor("source-" + src.name)
		go src.run(driver)
	}
}

func (s *source) run(driver *actor) {
	for {
		if !driver.await("records", 0, func() bool { return s.next < len(s.stream.shards[s.shard]) }) {
			return
		}
		if s.world.stormy() && driver.random.IntN(30) == 0 {
			s.next = max(0, s.next-driver.random.IntN(4)) // a mapping may hand over again what is done
		}
		left := s.stream.shards[s.shard][s.next:]
		batch := left[:min(len(left), 1+driver.random.IntN(s.world.shape.batch))]
		done, err, alive := run(driver, s.name, functionTimeout, func(ctx context.Context, a *actor) (int, error) {
			n := s.handle(ctx, a, batch)
			return n, ctx.Err()
		})
		if !alive {
			return
		}
		if err == nil {
			s.next += done
		}
		if err != nil || done < len(batch) {
			if driver.pause(driver.ctx, 20+driver.random.Int64N(400)) != nil {
				return
			}
		}
	}
}

// handle works on the lanes of a batch side by side and returns the number of
// records before the first that has to come again.
func (s *source) handle(ctx context.Context, a *actor, batch []streamRecord) int {
	index := make(map[event.Lane][]int)
	var lanes []event.Lane
	for i, r := range batch {
		if index[r.lane] == nil {
			lanes = append(lanes, r.lane)
		}
		index[r.lane] = append(index[r.lane], i)
	}
	failed := make([]int, len(lanes))
	do := s.begin(a)
	var group errgroup.Group
	for n, lane := range lanes {
		failed[n] = len(batch)
		group.Go(func() error {
			records := make([]eventlog.Incoming, 0, len(index[lane]))
			for _, i := range index[lane] {
				records = append(records, eventlog.Incoming{Sequence: batch[i].sequence, Arrival: batch[i].arrival, Data: batch[i].data})
			}
			if done, err := do(tagged(ctx, int(lane)), lane, records); err != nil {
				failed[n] = index[lane][min(done, len(records)-1)]
			}
			return nil
		})
	}
	_ = group.Wait() // failures are in failed
	lowest := len(batch)
	for _, f := range failed {
		lowest = min(lowest, f)
	}
	return lowest
}

// startConsumers gives the pump, the first generation and the playback
// consumer their mappings.
func (w *world) startConsumers() {
	w.start("pump", w.ingest, w.pumpWork)
	w.startWrite(firstGeneration)
	w.start("apply", w.playback, w.applyWork)
}

func (w *world) pumpWork(a *actor) work {
	pump := w.pumpOf(a)
	return func(ctx context.Context, lane event.Lane, records []eventlog.Incoming) (int, error) {
		if w.plant.commit != nil {
			records = w.plant.commit(w, lane, records)
		}
		_, err := pump.Commit(ctx, lane, records)
		return 0, err
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
	w.start("write-"+generation, w.ingest, func(a *actor) work {
		live := w.liveOf(a)
		return func(ctx context.Context, lane event.Lane, records []eventlog.Incoming) (int, error) {
			written, err := live.Write(ctx, generation, lane, records)
			// One that is dropped says so as well, to a consumer that is late.
			if written.Lost && w.store.tables[generation] != nil {
				w.gate.mu.Lock()
				w.breakf(completeness, "generation %s says that it is lost", generation)
				w.gate.mu.Unlock()
			}
			return written.Done, err
		}
	})
}
