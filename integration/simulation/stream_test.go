package simulation

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"reprise/pkg/event"
	"reprise/pkg/feed"
)

// streamRecord is a record with its lane, or -1 if its key belongs to no lane.
type streamRecord struct {
	lane     event.Lane
	sequence string
	arrival  int64
	data     []byte
	// put is when the record was put.
	put int64
}

// streamState is a stream of some shards. Only the scheduler touches it.
type streamState struct {
	world *world
	name  string
	// shards are all shards, including closed ones. ranges are their lanes.
	shards   [][]streamRecord
	ranges   []laneRange
	sequence int64
	// reshards are the numbers of puts after which the shards change.
	puts     int
	reshards []int
	// accept is asked about every record that is put. If it returns false, the
	// record is lost although it is acknowledged.
	accept func(lane event.Lane, data []byte) bool
	saw    func(streamRecord)
}

func (w *world) newStream(name string, shards int) *streamState {
	s := &streamState{world: w, name: name, sequence: 990, accept: func(event.Lane, []byte) bool { return true }}
	for i := range shards {
		lanes := w.lanes.Count()
		s.open(event.Lane(i*lanes/shards), event.Lane((i+1)*lanes/shards))
	}
	return s
}

// stream is a stream as one actor sees it.
type stream struct {
	actor *actor
	state *streamState
}

func (w *world) streamOf(a *actor, s *streamState) feed.Stream { return stream{a, s} }

// Put implements feed.Stream.
func (s stream) Put(ctx context.Context, key string, data []byte) (sequence string, err error) {
	err = s.actor.do(ctx, "stream.put", s.state.name+"/"+key, feed.ErrThrottled, func(fate) error {
		s.state.world.sawDelivery(s.actor, data)
		sequence = s.state.put(key, data)
		return nil
	})
	return sequence, err
}

func (s *streamState) put(key string, data []byte) string {
	lane, err := s.world.lanes.ParseKey(key)
	if err != nil {
		s.world.breakf(order, "a record is put under the key %q, which is no lane's", key)
		return ""
	}
	s.sequence += 1 + s.world.random.Int64N(5)
	record := streamRecord{lane: lane, sequence: strconv.FormatInt(s.sequence, 10), arrival: s.world.arrival(), data: data,
		put: s.world.now}
	if !s.accept(lane, data) {
		return record.sequence
	}
	shard := s.shardOf(lane)
	s.shards[shard] = append(s.shards[shard], record)
	if s.saw != nil {
		s.saw(record)
	}
	if s.puts++; len(s.reshards) > 0 && s.puts >= s.reshards[0] && s.world.begun {
		s.reshards = s.reshards[1:]
		s.reshard(shard)
	}
	return record.sequence
}

// errUnused is the error of methods that the code under test does not use here,
// because drivers play the event source mappings.
var errUnused = errors.New("streams are read by the drivers of the simulation")

// Shards implements feed.Stream.
func (s stream) Shards(context.Context) ([]feed.Shard, error) { return nil, errUnused }

// Iterator implements feed.Stream.
func (s stream) Iterator(context.Context, string, feed.Start) (feed.Iterator, error) {
	return "", errUnused
}

// Read implements feed.Stream.
func (s stream) Read(context.Context, feed.Iterator, int) (feed.Batch, error) {
	return feed.Batch{}, errUnused
}

// A reshard splits a shard, or merges two, while records are still on their way
// to the consumers. The mappings of parents and children run concurrently, so that
// a consumer may see later records before earlier ones.

// laneRange is the lanes of a shard, from (inclusive) to (exclusive).
type laneRange struct {
	from, to event.Lane
	closed   bool
}

func (r laneRange) has(lane event.Lane) bool { return r.from <= lane && lane < r.to }

// open adds a shard and returns its index.
func (s *streamState) open(from, to event.Lane) int {
	s.shards = append(s.shards, nil)
	s.ranges = append(s.ranges, laneRange{from: from, to: to})
	return len(s.shards) - 1
}

// shardOf is the open shard of a lane.
func (s *streamState) shardOf(lane event.Lane) int {
	for i, r := range s.ranges {
		if !r.closed && r.has(lane) {
			return i
		}
	}
	s.world.breakf(order, "no shard of %s takes lane %s", s.name, lane)
	return 0
}

// reshard closes shards, usually including the one of the last put, and opens
// their children.
func (s *streamState) reshard(last int) {
	r := s.world.random
	if r.IntN(4) == 0 {
		last = s.shardOf(event.Lane(r.IntN(s.world.lanes.Count())))
	}
	parent := s.ranges[last]
	parents, children := []int{last}, []laneRange{parent}
	neighbour := s.neighbour(parent)
	switch width := int(parent.to - parent.from); {
	case neighbour >= 0 && (width == 1 || r.IntN(2) == 0):
		other := s.ranges[neighbour]
		parents = append(parents, neighbour)
		children = []laneRange{{from: min(parent.from, other.from), to: max(parent.to, other.to)}}
	case width > 1:
		middle := parent.from + event.Lane(1+r.IntN(width-1))
		children = []laneRange{{from: parent.from, to: middle}, {from: middle, to: parent.to}}
	}
	for _, i := range parents {
		s.ranges[i].closed = true
	}
	s.delay(parents)
	for _, c := range children {
		shard := s.open(c.from, c.to)
		for _, m := range s.world.mappings {
			if m.stream == s {
				s.world.startShard(m, shard)
			}
		}
	}
}

// neighbour returns an open shard next to a range, or -1.
func (s *streamState) neighbour(of laneRange) int {
	for i, r := range s.ranges {
		if !r.closed && (r.to == of.from || r.from == of.to) {
			return i
		}
	}
	return -1
}

// delay stalls some mappings of the closed shards for a while, as happens when
// shards change.
func (s *streamState) delay(parents []int) {
	w := s.world
	longest := int64(10_000)
	if w.shape.long {
		longest = 300_000
	}
	for _, m := range w.mappings {
		for _, src := range w.sources[m.name] {
			for _, parent := range parents {
				if src.stream == s && src.shard == parent && w.random.IntN(2) == 0 {
					src.stalled = w.now + w.random.Int64N(longest)
				}
			}
		}
	}
}

// mapping is a function's event source mapping.
type mapping struct {
	name   string
	stream *streamState
	begin  function
	// stands is like source.stands.
	stands bool
}

// startShard gives a shard to a mapping, from the shard's oldest record on. The event
// stream may hold the oldest ones no more for a generation's consumer that begins.
func (w *world) startShard(m mapping, shard int) {
	src := &source{world: w, name: fmt.Sprintf("%s-%d", m.name, shard), stream: m.stream, shard: shard,
		begin: m.begin, stands: m.stands}
	if m.stands && w.begun {
		src.next = w.trimmed(m.stream.shards[shard])
	}
	w.sources[m.name] = append(w.sources[m.name], src)
	driver := w.newActor("source-" + src.name)
	go src.run(driver)
}
