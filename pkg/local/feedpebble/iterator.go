package feedpebble

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"reprise/pkg/feed"
)

// cursor is the position of an iterator. It identifies the stream by its number,
// so that it is invalid for another stream of the same name.
type cursor struct {
	stream uint64
	shard  int
	// after is the number of the last record read or skipped.
	after uint64
	// at is set until a record that arrived at or after it is found.
	at int64
}

func (c cursor) encode() feed.Iterator {
	return feed.Iterator(fmt.Sprintf("%d.%d.%d.%d", c.stream, c.shard, c.after, c.at))
}

func decodeCursor(it feed.Iterator) (c cursor, err error) {
	parts := strings.Split(string(it), ".")
	if len(parts) != 4 {
		return c, fmt.Errorf("decode iterator %.80q: %w", string(it), feed.ErrIteratorExpired)
	}
	var errs [4]error
	c.stream, errs[0] = strconv.ParseUint(parts[0], 10, 64)
	c.shard, errs[1] = strconv.Atoi(parts[1])
	c.after, errs[2] = strconv.ParseUint(parts[2], 10, 64)
	c.at, errs[3] = strconv.ParseInt(parts[3], 10, 64)
	for _, err := range errs {
		if err != nil {
			return c, fmt.Errorf("decode iterator %.80q: %w", string(it), feed.ErrIteratorExpired)
		}
	}
	return c, nil
}

// Iterator implements feed.Stream. It refuses a sequence number above the newest
// record's, which no reader of this shard can have, and, like Kinesis, a time
// later than both the clock and the newest record.
func (s *Stream) Iterator(ctx context.Context, shardID string, start feed.Start) (feed.Iterator, error) {
	st, sh, err := s.shard(ctx, shardID)
	if err != nil {
		return "", fmt.Errorf("make iterator: %w", err)
	}
	c := cursor{stream: st.Number, shard: sh.index}
	switch {
	case start.After != "":
		if c.after, err = sh.parse(start.After); err != nil {
			return "", fmt.Errorf("make iterator: %w", err)
		}
	case !start.At.IsZero():
		if c, err = s.seek(sh, c, start.At); err != nil {
			return "", fmt.Errorf("make iterator: %w", err)
		}
	}
	return c.encode(), nil
}

// parse parses "" or a sequence number that a reader of the shard can have.
func (sh *shard) parse(sequence string) (uint64, error) {
	if sequence == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(sequence, 10, 64)
	_, durable, _ := sh.bounds()
	if err != nil || strconv.FormatUint(n, 10) != sequence || n > durable {
		return 0, fmt.Errorf("sequence number %.140q does not belong to this shard", sequence)
	}
	return n, nil
}

// seek moves c to before the first record that arrived at or after a time.
func (s *Stream) seek(sh *shard, c cursor, at time.Time) (cursor, error) {
	c.at = at.UnixMilli()
	trimmed, durable, newest := sh.bounds()
	if now := s.streams.now(); at.After(now) && c.at > newest {
		return c, fmt.Errorf("begin at %s: that is %s ahead", at.UTC().Format(time.RFC3339Nano), at.Sub(now))
	}
	low, high := trimmed, durable // records up to low arrived before, those above high did not
	for low < high {
		middle := low + (high-low+1)/2
		before, err := s.arrivedBefore(sh, middle, c.at)
		if err != nil {
			return c, err
		}
		if before {
			low = middle
		} else {
			high = middle - 1
		}
	}
	c.after = low
	return c, nil
}

// arrivedBefore returns true for a record that was trimmed in the meantime.
func (s *Stream) arrivedBefore(sh *shard, sequence uint64, at int64) (bool, error) {
	before := true
	_, err := s.streams.space.View(recordKey(sh.stream, sh.index, sequence), func(value []byte) error {
		arrival, err := arrivalOf(value)
		before = arrival < at
		return err
	})
	return before, err
}

// ShardID is the name of a shard.
func ShardID(index int) string { return fmt.Sprintf("shardId-%012d", index) }

// shard finds the stream and one of its shards.
func (s *Stream) shard(ctx context.Context, id string) (*stream, *shard, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	st, err := s.streams.find(s.name)
	if err != nil {
		return nil, nil, err
	}
	digits, ok := strings.CutPrefix(id, "shardId-")
	index, err := strconv.Atoi(digits)
	if !ok || err != nil || index < 0 || index >= st.Count || ShardID(index) != id {
		return nil, nil, fmt.Errorf("%.80q: %w", id, feed.ErrShardNotFound)
	}
	return st, st.shards[index], nil
}

// place finds the cursor and shard of an iterator.
func (s *Stream) place(ctx context.Context, from feed.Iterator) (cursor, *shard, error) {
	if err := ctx.Err(); err != nil {
		return cursor{}, nil, err
	}
	st, err := s.streams.find(s.name)
	if err != nil {
		return cursor{}, nil, err
	}
	c, err := decodeCursor(from)
	if err != nil {
		return cursor{}, nil, err
	}
	if c.stream != st.Number || c.shard < 0 || c.shard >= st.Count {
		return cursor{}, nil, feed.ErrIteratorExpired
	}
	return c, st.shards[c.shard], nil
}
