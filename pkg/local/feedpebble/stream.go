package feedpebble

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"reprise/pkg/feed"
	"reprise/pkg/local/localstore"
)

// readBytes limits the data of one Read, as Kinesis does.
const readBytes = 10 << 20

// Stream is a feed.Stream on the local store. It is safe for concurrent use.
type Stream struct {
	streams *Streams
	name    string
}

var _ feed.BatchStream = (*Stream)(nil)

// Put implements feed.Stream. Arrival times never decrease within a shard.
func (s *Stream) Put(ctx context.Context, key string, data []byte) (string, error) {
	sequences, err := s.PutAll(ctx, []feed.Input{{Key: key, Data: data}})
	if err != nil {
		return "", err
	}
	return sequences[0], nil
}

// PutAll implements feed.BatchStream.
func (s *Stream) PutAll(ctx context.Context, records []feed.Input) ([]string, error) {
	sequences, err := s.putAll(ctx, records)
	if err != nil {
		return nil, fmt.Errorf("put records: %w", err)
	}
	return sequences, nil
}

// written is what one shard got of a call.
type written struct {
	shard   *shard
	pending localstore.Pending
	last    uint64
	arrival int64
}

func (s *Stream) putAll(ctx context.Context, records []feed.Input) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, r := range records {
		if err := feed.CheckRecord(r.Key, r.Data); err != nil {
			return nil, err
		}
	}
	st, err := s.streams.find(s.name)
	if err != nil {
		return nil, err
	}
	byShard := make([][]int, len(st.shards))
	for i, r := range records {
		at := place(st.starts, r.Key)
		byShard[at] = append(byShard[at], i)
	}
	sequences := make([]string, len(records))
	var all []written
	for at, indexes := range byShard {
		if len(indexes) == 0 {
			continue
		}
		w, putErr := st.shards[at].put(s.streams, records, indexes)
		if err = putErr; err != nil {
			break
		}
		all = append(all, w)
		for i, index := range indexes {
			sequences[index] = strconv.FormatUint(w.last-uint64(len(indexes)-1-i), 10)
		}
	}
	for _, w := range all { // what was applied is published, whatever failed beside it
		if waitErr := w.pending.Wait(); waitErr != nil {
			err = errors.Join(err, waitErr)
			continue
		}
		w.shard.publish(w.last, w.arrival)
		s.streams.mark(w.shard, w.last, w.arrival)
	}
	return sequences, err
}

// Shards implements feed.Stream. Streams are never resharded here.
func (s *Stream) Shards(ctx context.Context) ([]feed.Shard, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("list shards: %w", err)
	}
	st, err := s.streams.find(s.name)
	if err != nil {
		return nil, fmt.Errorf("list shards: %w", err)
	}
	shards := make([]feed.Shard, st.Count)
	for i := range shards {
		shards[i].ID = ShardID(i)
	}
	return shards, nil
}

// Read implements feed.Stream. It returns durable records only, at most 10 MiB
// or one record.
func (s *Stream) Read(ctx context.Context, from feed.Iterator, limit int) (feed.Batch, error) {
	c, sh, err := s.place(ctx, from)
	if err != nil {
		return feed.Batch{}, fmt.Errorf("read records: %w", err)
	}
	trimmed, durable, newest := sh.bounds()
	c.after = max(c.after, trimmed)
	r := reader{cursor: c, limit: min(max(limit, 1), feed.MaxReadRecords)}
	if c.after < durable {
		lower := recordKey(sh.stream, sh.index, c.after+1)
		upper := recordKey(sh.stream, sh.index, durable+1)
		err = s.streams.space.Scan(lower, upper, r.add)
	}
	if err := errors.Join(err, ctx.Err()); err != nil {
		return feed.Batch{}, fmt.Errorf("read records: %w", err)
	}
	batch := feed.Batch{Records: r.records, Next: r.cursor.encode()}
	if n := len(r.records); n > 0 {
		batch.Behind = max(0, millis(newest).Sub(r.records[n-1].Arrival))
	}
	return batch, nil
}

// reader collects the records of one Read.
type reader struct {
	cursor  cursor
	limit   int
	records []feed.Record
	bytes   int
}

func (r *reader) add(key, value []byte) (bool, error) {
	if len(r.records) > 0 && r.bytes+len(value) > readBytes {
		return false, nil
	}
	if r.cursor.at > 0 {
		arrival, err := arrivalOf(value)
		if err != nil || arrival < r.cursor.at {
			r.cursor.after = sequenceOf(key)
			return true, err
		}
		r.cursor.at = 0
	}
	record, err := decodeRecord(append(make([]byte, 0, len(value)), value...))
	if err != nil {
		return false, err
	}
	r.cursor.after = sequenceOf(key)
	record.Sequence = strconv.FormatUint(r.cursor.after, 10)
	r.records = append(r.records, record)
	r.bytes += len(value)
	return len(r.records) < r.limit, nil
}

// Wait returns nil once there may be a record after a sequence number ("" means
// any record), or the error of ctx.
func (s *Stream) Wait(ctx context.Context, shardID, after string) error {
	_, sh, err := s.shard(ctx, shardID)
	if err != nil {
		return fmt.Errorf("wait for records: %w", err)
	}
	number, err := sh.parse(after)
	if err == nil {
		err = sh.wait(ctx, number)
	}
	if err != nil {
		return fmt.Errorf("wait for records: %w", err)
	}
	return nil
}

// Newest returns the sequence number and arrival of a shard's newest record,
// even if it was trimmed; "" if there never was a record.
func (s *Stream) Newest(ctx context.Context, shardID string) (sequence string, arrival time.Time, err error) {
	status, err := s.Status(ctx, shardID)
	if err != nil || status.Newest == "" {
		return "", time.Time{}, err
	}
	return status.Newest, status.Arrival, nil
}
