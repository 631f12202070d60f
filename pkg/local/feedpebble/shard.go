package feedpebble

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"reprise/pkg/feed"
	"reprise/pkg/local/localstore"
)

// shard is the state of a shard in memory. Records of a shard are numbered from
// 1 without gaps, except for the numbers of records that were lost.
type shard struct {
	stream uint64
	index  int
	marks  *localstore.Marks // nil if acknowledged records are not marked

	// putting is held while a record is numbered and applied, but not while it
	// is synced. So records become visible in the order of their numbers, and a
	// record is on disk only if all earlier ones are.
	putting sync.Mutex
	next    uint64
	// latest is the arrival of the last record. Arrivals never decrease within a
	// shard, so that a binary search finds a time.
	latest  int64
	deleted bool

	mu sync.Mutex
	// durable is the last number known to be on disk, arrival its time. Later
	// records are not readable, so that no record is lost after it was read.
	durable uint64
	arrival int64
	// trimmed is the last trimmed number.
	trimmed uint64
	gone    bool
	// changed is closed when durable or gone changes; nil if nobody waits.
	changed chan struct{}
}

func (s *Streams) loadShard(stream uint64, index int) (*shard, error) {
	sh := &shard{stream: stream, index: index}
	_, err := s.space.View(shardKey(trimTag, stream, index), func(value []byte) error {
		if len(value) != 16 {
			return errRecord
		}
		sh.durable = binary.BigEndian.Uint64(value)
		sh.arrival = int64(binary.BigEndian.Uint64(value[8:]))
		return nil
	})
	if err != nil {
		return nil, err
	}
	sh.trimmed = sh.durable
	prefix := shardKey(recordTag, stream, index)
	key, value, found, err := s.space.Last(prefix, localstore.PrefixEnd(prefix))
	if err != nil {
		return nil, err
	}
	if found {
		sh.durable = sequenceOf(key)
		if sh.arrival, err = arrivalOf(value); err != nil {
			return nil, err
		}
	}
	sh.next, sh.latest = sh.durable+1, sh.arrival
	return sh, s.skipLost(sh)
}

// skipLost leaves out the numbers of records that were lost after the newest one.
func (s *Streams) skipLost(sh *shard) error {
	prefix := shardKey(lossTag, sh.stream, sh.index)
	_, value, found, err := s.space.Last(prefix, localstore.PrefixEnd(prefix))
	if err != nil || !found {
		return err
	}
	var loss Loss
	if err := json.Unmarshal(value, &loss); err != nil {
		return fmt.Errorf("decode loss: %w", err)
	}
	if loss.Last > sh.durable {
		sh.skip(loss)
	}
	return nil
}

// put numbers and applies records, those that the indexes name. The caller must wait
// for what is pending and then publish the last of them.
func (sh *shard) put(s *Streams, records []feed.Input, indexes []int) (written, error) {
	var buffer [8 + 2 + feed.MaxKeyBytes]byte
	sh.putting.Lock()
	defer sh.putting.Unlock()
	if sh.deleted {
		return written{}, feed.ErrStreamNotFound
	}
	arrival := max(s.now().UnixMilli(), sh.latest)
	pending, err := s.space.Apply(func(b *localstore.Batch) error {
		for i, index := range indexes {
			r := &records[index]
			at := recordKey(sh.stream, sh.index, sh.next+uint64(i))
			if err := b.Put(at, appendHeader(buffer[:0], arrival, r.Key), r.Data); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return written{}, err
	}
	sh.next += uint64(len(indexes))
	sh.latest = arrival
	return written{shard: sh, pending: pending, last: sh.next - 1, arrival: arrival}, nil
}

// publish makes a record that is on disk readable, with all earlier records.
func (sh *shard) publish(sequence uint64, arrival int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sequence <= sh.durable {
		return
	}
	sh.durable, sh.arrival = sequence, arrival
	sh.wake()
}

// wake wakes all waiting calls. mu is held.
func (sh *shard) wake() {
	if sh.changed != nil {
		close(sh.changed)
		sh.changed = nil
	}
}

// close ends all present and future puts and waits.
func (sh *shard) close() {
	sh.putting.Lock()
	sh.deleted = true
	sh.putting.Unlock()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.gone = true
	sh.wake()
}

// bounds are the numbers of the readable records: above trimmed, up to durable.
func (sh *shard) bounds() (trimmed, durable uint64, arrival int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.trimmed, sh.durable, sh.arrival
}

// wait returns once a number above after is durable.
func (sh *shard) wait(ctx context.Context, after uint64) error {
	for {
		sh.mu.Lock()
		if sh.gone {
			sh.mu.Unlock()
			return feed.ErrStreamNotFound
		}
		if sh.durable > after {
			sh.mu.Unlock()
			return nil
		}
		if sh.changed == nil {
			sh.changed = make(chan struct{})
		}
		changed := sh.changed
		sh.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func millis(at int64) time.Time {
	if at == 0 {
		return time.Time{}
	}
	return time.UnixMilli(at).UTC()
}
