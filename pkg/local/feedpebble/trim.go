package feedpebble

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"reprise/pkg/local/localstore"
)

// Status describes the records of a shard.
type Status struct {
	// Records is the number of readable records.
	Records int64
	// Newest is the newest record's sequence number, even if it was trimmed, ""
	// if there never was one; Arrival is its time.
	Newest  string
	Arrival time.Time
	// Trimmed is the last trimmed sequence number, "" for none.
	Trimmed string
}

// Status describes a shard.
func (s *Stream) Status(ctx context.Context, shardID string) (Status, error) {
	_, sh, err := s.shard(ctx, shardID)
	if err != nil {
		return Status{}, fmt.Errorf("describe shard: %w", err)
	}
	trimmed, durable, arrival := sh.bounds()
	return Status{Records: int64(durable - trimmed), Newest: number(durable), Arrival: millis(arrival),
		Trimmed: number(trimmed)}, nil
}

func number(sequence uint64) string {
	if sequence == 0 {
		return ""
	}
	return strconv.FormatUint(sequence, 10)
}

// Trim deletes a shard's records up to and including a sequence number.
// Iterators before it continue after it. Trim does nothing if these records were
// trimmed already. It is accepted on a full disk.
func (s *Stream) Trim(ctx context.Context, shardID, upTo string) error {
	_, sh, err := s.shard(ctx, shardID)
	if err != nil {
		return fmt.Errorf("trim shard: %w", err)
	}
	sequence, err := sh.parse(upTo)
	if err == nil {
		err = s.streams.trim(sh, sequence)
	}
	if err != nil {
		return fmt.Errorf("trim shard: %w", err)
	}
	return nil
}

func (s *Streams) trim(sh *shard, upTo uint64) error {
	// A concurrent Delete would leave the row written here.
	s.changing.Lock()
	defer s.changing.Unlock()
	if trimmed, _, _ := sh.bounds(); upTo <= trimmed || sh.isGone() {
		return nil
	}
	var arrival int64
	_, err := s.space.View(recordKey(sh.stream, sh.index, upTo), func(value []byte) (err error) {
		arrival, err = arrivalOf(value)
		return err
	})
	if err != nil {
		return err
	}
	// The row preserves the numbering after every record was trimmed.
	row := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, upTo), uint64(arrival))
	err = s.space.Free(func(b *localstore.Batch) error {
		return errors.Join(
			b.Put(shardKey(trimTag, sh.stream, sh.index), row),
			b.DeleteRange(recordKey(sh.stream, sh.index, 0), recordKey(sh.stream, sh.index, upTo+1)))
	})
	if err != nil {
		return err
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.trimmed = upTo
	return nil
}

func (sh *shard) isGone() bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.gone
}
