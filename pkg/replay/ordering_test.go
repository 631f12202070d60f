package replay_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/request"
	"reprise/pkg/replay/segment"
)

// machine carries a planned replay out as the state machine does, until it is drained. Its
// readers take a child at a time in a random order, and die, are doubled or run out
// of time at random; its consumer loses and repeats what it gets.
type machine struct {
	*replaytest.World
	t   *testing.T
	rng *rand.Rand
	// rough turns the faults on.
	rough bool
	// playback, if set, is where readers put what they deliver.
	playback feed.Stream
}

func (m *machine) drained(id string) {
	m.t.Helper()
	for range 2000 {
		row := m.Row(id)
		children := m.rng.Perm(row.Children())
		for _, child := range children {
			m.read(id, child)
		}
		switch drain := m.check(id); drain {
		case replay.Drained:
			return
		case replay.Waiting:
			m.consume()
		}
	}
	m.t.Fatal("it is never drained")
}

// check drains without reading again while the consumer has something left.
func (m *machine) check(id string) replay.Drain {
	m.t.Helper()
	m.consume()
	d := &replay.Drainer{Store: m.Store, Registry: m.Registry, Generations: m.Generations, Patience: time.Second,
		Poll: time.Second, Sleep: m.Sleep}
	drain, err := d.Check(m.t.Context(), id, m.Now.Add(10*time.Second))
	m.Must(err)
	return drain
}

func (m *machine) consume() {
	if m.rough && m.rng.IntN(6) == 0 {
		m.Lose()
		return
	}
	m.Consume()
}

// read reads a child to its end, however often it dies.
func (m *machine) read(id string, child int) {
	m.t.Helper()
	for {
		reader := m.Reader()
		reader.PageBytes, reader.RecordBytes = 200, 300
		if m.playback != nil {
			reader.Playback = m.playback
		}
		deadline := m.Soon()
		if m.rough {
			fuse := m.rng.IntN(30)
			reader.Store.Table = replaytest.Intercepted{Table: m.Store.Table, Write: func(control.Key) error {
				if fuse--; fuse == 0 {
					return replaytest.ErrUnreadable
				}
				return nil
			}}
			if m.rng.IntN(4) == 0 {
				deadline = m.Now
			}
		}
		outcome, err := reader.Read(m.t.Context(), id, child, deadline)
		if err != nil && !errors.Is(err, replaytest.ErrUnreadable) {
			m.t.Fatal(err)
		}
		if outcome == segment.Done || outcome == segment.Stopped {
			return
		}
		if m.rough && m.rng.IntN(3) == 0 {
			m.consume()
		}
	}
}

// randomly fills a world with events of a few entities over hours.
func randomly(t *testing.T, rng *rand.Rand) *replaytest.World {
	w := replaytest.New(t)
	for range 1 + rng.IntN(8) {
		for range rng.IntN(12) {
			w.Send(string(rune('a' + rng.IntN(8))))
		}
		w.Now = w.Now.Add(time.Duration(rng.IntN(150)) * time.Minute)
	}
	return w
}

// Whatever the ordering, and whatever fails in between, everything arrives once, and
// the proof shows it.
func TestEveryOrderingDeliversEverythingOnce(t *testing.T) {
	for _, order := range []request.Ordering{request.ByEntity, request.ByWindow, request.Unordered} {
		for range 25 {
			seed := rand.Uint64()
			rng := rand.New(rand.NewPCG(seed, 1))
			m := &machine{World: randomly(t, rng), t: t, rng: rng, rough: rng.IntN(4) > 0}
			r := replay.Request{Ordering: order, Parallelism: 1 + rng.IntN(3)}
			if rng.IntN(2) == 0 {
				r.Slice = []request.Width{"1h", "2h", "5h"}[rng.IntN(3)]
			}
			if rng.IntN(3) == 0 {
				r.Types = []string{"it.happened"}
			}
			row := m.Plan("r", r)
			m.drained("r")
			proof, err := m.Prover().Prove(t.Context(), "r")
			if err != nil || !proof.Complete || proof.Applied.Count != row.Total || proof.Read.Count != row.Total {
				t.Errorf("%s, seed %d: %d events, proved as %+v, %v", order, seed, row.Total, proof, err)
			}
			read, delivered, err := m.Store.ReadSoFar(t.Context(), row)
			if err != nil || read != row.Total || delivered != row.Total {
				t.Errorf("%s, seed %d: %d read, %d delivered of %d, %v", order, seed, read, delivered, row.Total, err)
			}
		}
	}
}

// sliceTap is a playback stream that checks that everything of the slices before a
// record's was consumed when it is put.
type sliceTap struct {
	feed.Stream
	*machine
	slices []replay.Slice
	// events are the world's events by slice.
	events []int64
	late   int
}

func (s *sliceTap) Put(ctx context.Context, key string, data []byte) (string, error) {
	_, lines, err := s.Codec.Unpack(data)
	s.Must(err)
	consumed, err := consumedOf(ctx, s.World, s.Registry, s.Generations, "r")
	s.Must(err)
	for _, line := range lines {
		_, _, logged, err := event.SplitPlaced(line)
		s.Must(err)
		var before int64
		for _, n := range s.events[:sliceOf(s.slices, logged)] {
			before += n
		}
		if consumed < before {
			s.late++
		}
	}
	return s.Stream.Put(ctx, key, data)
}

// sliceOf is the index of the slice of a logged time.
func sliceOf(slices []replay.Slice, logged int64) int {
	index := 0
	for i, slice := range slices {
		if i > 0 && eventlog.Hour.Of(logged) >= slice.From {
			index = i
		}
	}
	return index
}

// With the ordering window, nothing of a slice is delivered before the consumer has
// taken in all of the slices before it. The ordering entity promises no such thing,
// which shows that the check would find it.
func TestAWindowWaitsForItsConsumer(t *testing.T) {
	early := 0
	for _, order := range []request.Ordering{request.ByWindow, request.ByEntity} {
		for range 15 {
			seed := rand.Uint64()
			rng := rand.New(rand.NewPCG(seed, 2))
			m := &machine{World: randomly(t, rng), t: t, rng: rng, rough: rng.IntN(2) == 0}
			m.Plan("r", replay.Request{Ordering: order, Slice: "1h"})
			plan, _, err := control.Load[replay.Plan](t.Context(), m.Store.Table,
				control.Key{Partition: replay.Partition("r"), Sort: "plan"})
			m.Must(err)
			tap := &sliceTap{Stream: m.Playback, machine: m, slices: plan.Slices, events: make([]int64, len(plan.Slices)+1)}
			for _, lane := range event.AllLanes(replaytest.Lanes) {
				head, err := m.Heads.Load(t.Context(), lane)
				m.Must(err)
				m.Must(m.Heads.Manifests(t.Context(), lane, head, "", "", func(b eventlog.Bucket, n eventlog.Manifest) error {
					from, _, err := eventlog.Hour.Range(b)
					tap.events[sliceOf(plan.Slices, from)] += n.Count
					return err
				}))
			}
			m.playback = tap
			m.drained("r")
			if order == request.ByEntity {
				early += tap.late
			} else if tap.late > 0 {
				t.Errorf("seed %d: %d events came before their slice was open", seed, tap.late)
			}
		}
	}
	if early == 0 {
		t.Error("the check finds nothing")
	}
}

// A record of an unordered replay has a slice, and no other has one: it would get a
// mark that nothing waits for.
func TestARecordOfAnotherTrackIsDropped(t *testing.T) {
	for order, slice := range map[request.Ordering]int{request.ByEntity: 1, request.Unordered: 0} {
		w := replaytest.New(t)
		w.Send("a")
		w.Plan("r", replay.Request{Ordering: order})
		data, err := w.Codec.Pack(record.Header{Lane: w.Lanes.Of("a"), Playback: &record.Playback{
			Replay: "r", To: 1, Slice: slice}}, [][]byte{[]byte("{}")})
		w.Must(err)
		sum, err := w.Consumer().Consume(t.Context(), w.Lanes.Of("a"), [][]byte{data})
		if err != nil || sum.Damaged != 1 || w.Row("r").Damaged != 1 {
			t.Errorf("%s: %+v, %v", order, sum, err)
		}
	}
}
