package simulation

import (
	"context"
	"errors"
	"strconv"

	"reprise/pkg/event"
	"reprise/pkg/feed"
)

// streamRecord is a record with its lane, -1 where its key is none's.
type streamRecord struct {
	lane     event.Lane
	sequence string
	arrival  int64
	data     []byte
}

// streamState is a stream of some shards. Only the scheduler touches it.
type streamState struct {
	world *world
	name  string
	// shards are all that there ever were; ranges are their lanes.
	shards   [][]streamRecord
	ranges   []laneRange
	sequence int64
	// reshards are the numbers of puts after which the shards change.
	puts     int
	reshards []int
	// accept is asked about every record that is put; false loses it although
	// it is acknowledged.
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
	record := streamRecord{lane: lane, sequence: strconv.FormatInt(s.sequence, 10), arrival: s.world.arrival(), data: data}
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

// errUnused marks what the code under test never asks of a stream here: the
// event source mappings are played by drivers.
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
