package replay_test

import (
	"context"
	"fmt"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/localstore/localstoretest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/planning"
	"reprise/pkg/replay/replaytest"
)

// A plan freezes what a replay covers, and divides it among readers.
func ExamplePlanner() {
	t := new(localstoretest.Example)
	defer t.End()
	w := replaytest.New(t)
	w.Send("alice", "bob", "alice")
	w.Create("r", replay.Request{Parallelism: 1})

	finder := &datastore.BucketFinder{Heads: w.Heads, Registry: w.Registry, Generations: w.Generations}
	planner := &planning.Planner{
		Store: w.Store, Heads: w.Heads, Lanes: w.Lanes, Width: eventlog.Hour, Buckets: finder.Find,
	}
	row, err := planner.Plan(context.Background(), "r")

	fmt.Println(row.Status, row.Total, "events,", row.Groups, "groups of lanes,", row.Slices, "slice of time", err)
	// Output: RUNNING 3 events, 2 groups of lanes, 1 slice of time <nil>
}

// A drain waits for the consumer of the playback stream. If the consumer makes
// no progress, records may be lost, and lanes have to be read again.
func ExampleDrainer() {
	t := new(localstoretest.Example)
	defer t.End()
	w := replaytest.New(t)
	w.Send("alice", "bob")
	w.Plan("r", replay.Request{})
	w.Deliver("r")
	w.Lose()

	drainer := &replay.Drainer{Store: w.Store, Registry: w.Registry, Generations: w.Generations,
		Patience: 10 * time.Second, Poll: time.Second, Sleep: w.Sleep}
	state, err := drainer.Check(context.Background(), "r", w.Now.Add(time.Minute))
	fmt.Println(state, err)

	w.Deliver("r")
	drainer.Sleep = func(ctx context.Context, d time.Duration) error {
		w.Consume() // what the consumer does in the meantime
		return w.Sleep(ctx, d)
	}
	state, err = drainer.Check(context.Background(), "r", w.Now.Add(time.Minute))
	fmt.Println(state, err)
	// Output:
	// reread <nil>
	// drained <nil>
}

// A proof of a drained replay compares its cut with what was read, delivered
// and taken in.
func ExampleProver() {
	t := new(localstoretest.Example)
	defer t.End()
	w := replaytest.New(t)
	w.Send("alice", "bob", "alice")
	w.Plan("r", replay.Request{})
	w.Deliver("r")
	w.Consume()

	prover := &replay.Prover{Store: w.Store, Registry: w.Registry, Generations: w.Generations,
		Log: eventlog.View{Log: w.Log, Heads: w.Heads}, Lanes: w.Lanes.Count()}
	proof, err := prover.Prove(context.Background(), "r")

	fmt.Println("complete:", proof.Complete, err)
	fmt.Println("expected", proof.Expected.Count, "read", proof.Read.Count, "taken in", proof.Applied.Count)
	// Output:
	// complete: true <nil>
	// expected 3 read 3 taken in 3
}
