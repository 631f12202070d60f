package feedpebble

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"reprise/pkg/feed"
	"reprise/pkg/local/localstore"
)

// Streams is a feed.Streams on the local store. It is safe for concurrent use.
type Streams struct {
	space *localstore.Space
	now   func() time.Time

	// changing is held during Create and Delete, including the sync: they are
	// rare, and nobody may see their effect before it is durable.
	changing sync.Mutex
	mu       sync.RWMutex
	byName   map[string]*stream
	warnings []string
}

var _ feed.Streams = (*Streams)(nil)

// stream is an existing stream. Its fields do not change.
type stream struct {
	Number  uint64    `json:"number"`
	Name    string    `json:"name"`
	Count   int       `json:"shards"`
	Created time.Time `json:"created"`

	starts []hash
	shards []*shard
}

// New opens the streams in space. Only one Streams may use a space at a time. now
// is the clock of arrival times.
func New(space *localstore.Space, now func() time.Time) (*Streams, error) {
	s := &Streams{space: space, now: now, byName: make(map[string]*stream)}
	prefix := []byte{nameTag}
	var found []*stream
	err := space.Scan(prefix, localstore.PrefixEnd(prefix), func(_, value []byte) (bool, error) {
		st := new(stream)
		found = append(found, st)
		return true, json.Unmarshal(value, st)
	})
	if err != nil {
		return nil, fmt.Errorf("open streams: %w", err)
	}
	for _, st := range found {
		if err := s.load(st); err != nil {
			return nil, fmt.Errorf("open stream %s: %w", st.Name, err)
		}
		s.byName[st.Name] = st
	}
	return s, nil
}

// load sets the fields that are not part of a stream's stored description.
func (s *Streams) load(st *stream) error {
	st.starts = divide(st.Count)
	st.shards = make([]*shard, st.Count)
	for i := range st.shards {
		shard, err := s.loadShard(st.Number, i)
		if err != nil {
			return err
		}
		st.shards[i] = shard
	}
	return nil
}

func (st *stream) describe() feed.Description {
	arn := "arn:aws:kinesis:local:000000000000:stream/" + st.Name
	return feed.Description{
		Name:     st.Name,
		ARN:      arn,
		Identity: st.identity(),
		Shards:   st.Count,
		Created:  st.Created,
	}
}

func (st *stream) identity() string { return fmt.Sprintf("%s@%d", st.Name, st.Number) }

func (s *Streams) find(name string) (*stream, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if st := s.byName[name]; st != nil {
		return st, nil
	}
	return nil, feed.ErrStreamNotFound
}

// Create implements feed.Streams.
func (s *Streams) Create(ctx context.Context, name string, shards int) (feed.Description, error) {
	if err := feed.CheckStream(name, shards); err != nil {
		return feed.Description{}, fmt.Errorf("create stream: %w", err)
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := ctx.Err(); err != nil {
		return feed.Description{}, fmt.Errorf("create stream: %w", err)
	}
	if st, err := s.find(name); err == nil {
		if st.Count != shards {
			return feed.Description{}, fmt.Errorf("create stream %s: %w", name, feed.ErrStreamExists)
		}
		return st.describe(), nil
	}
	st := &stream{Name: name, Count: shards, Created: s.now().UTC().Truncate(time.Millisecond)}
	if err := s.enter(st); err != nil {
		return feed.Description{}, fmt.Errorf("create stream %s: %w", name, err)
	}
	s.mu.Lock()
	s.byName[name] = st
	s.mu.Unlock()
	return st.describe(), nil
}

// enter assigns a number to a stream and stores it.
func (s *Streams) enter(st *stream) error {
	counter, found, err := s.space.Get([]byte{counterTag})
	if err != nil {
		return err
	}
	st.Number = 1
	if found {
		st.Number = binary.BigEndian.Uint64(counter) + 1
	}
	if err := s.load(st); err != nil {
		return err
	}
	description, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("encode description: %w", err)
	}
	return s.space.Write(func(b *localstore.Batch) error {
		return errors.Join(
			b.Put([]byte{counterTag}, binary.BigEndian.AppendUint64(nil, st.Number)),
			b.Put(append([]byte{nameTag}, st.Name...), description))
	})
}

// Describe implements feed.Streams.
func (s *Streams) Describe(ctx context.Context, name string) (feed.Description, error) {
	if err := ctx.Err(); err != nil {
		return feed.Description{}, fmt.Errorf("describe stream: %w", err)
	}
	st, err := s.find(name)
	if err != nil {
		return feed.Description{}, fmt.Errorf("describe stream %s: %w", name, err)
	}
	return st.describe(), nil
}

// Delete implements feed.Streams. Calls that wait for records of the stream fail
// with feed.ErrStreamNotFound.
func (s *Streams) Delete(ctx context.Context, name string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("delete stream: %w", err)
	}
	st, err := s.find(name)
	if err != nil {
		return nil
	}
	// Prevent further puts before deleting the records.
	for _, shard := range st.shards {
		shard.close()
	}
	err = s.space.Free(func(b *localstore.Batch) error {
		records, trims := streamPrefix(recordTag, st.Number), streamPrefix(trimTag, st.Number)
		losses := streamPrefix(lossTag, st.Number)
		return errors.Join(
			b.Delete(append([]byte{nameTag}, name...)),
			b.DeleteRange(records, localstore.PrefixEnd(records)),
			b.DeleteRange(trims, localstore.PrefixEnd(trims)),
			b.DeleteRange(losses, localstore.PrefixEnd(losses)))
	})
	if err != nil {
		return fmt.Errorf("delete stream %s: %w", name, err)
	}
	s.mu.Lock()
	delete(s.byName, name)
	s.mu.Unlock()
	return nil
}

// Open implements feed.Streams.
func (s *Streams) Open(name string) feed.Stream { return s.Stream(name) }

// Stream is Open with the additional methods of *Stream.
func (s *Streams) Stream(name string) *Stream { return &Stream{streams: s, name: name} }
