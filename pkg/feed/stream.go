package feed

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrStreamNotFound says that there is no such stream.
	ErrStreamNotFound = errors.New("stream not found")
	// ErrStreamExists says that a stream of that name exists with another
	// number of shards.
	ErrStreamExists = errors.New("stream exists with another number of shards")
	// ErrShardNotFound says that the stream has no such shard.
	ErrShardNotFound = errors.New("shard not found")
	// ErrIteratorExpired says that an iterator cannot be used any more: make
	// another after the last sequence number read.
	ErrIteratorExpired = errors.New("iterator expired")
	// ErrThrottled says that the stream takes no more at present: retry after
	// a pause.
	ErrThrottled = errors.New("stream is throttled")
	// ErrLimit says that a key, a record or a stream passes its limit. A retry
	// cannot help.
	ErrLimit = errors.New("record or stream passes a limit")
)

// Record is what a stream holds.
type Record struct {
	Key string
	// Sequence is a decimal number of up to 129 digits. It rises within a
	// shard; numbers compare by event.CompareSequences.
	Sequence string
	// Arrival is when the stream took the record, to the millisecond. It may
	// go back from one record to the next.
	Arrival time.Time
	Data    []byte
}

// Shard is a slice of the hash range.
type Shard struct {
	ID string
	// Parents are the shards that this one came from in a reshard; their
	// records come before its own.
	Parents []string
	// Closed is set once the shard takes no more records.
	Closed bool
}

// Start says where an iterator begins.
type Start struct {
	// After is a sequence number: begin behind it.
	After string
	// At is a time, none in the future: begin at the first record that arrived
	// at or after it. It is used where After is "". With both empty, begin at
	// the oldest.
	At time.Time
}

// Iterator is an opaque place in a shard.
type Iterator string

// Batch is what one Read gave.
type Batch struct {
	Records []Record
	// Next goes on behind the records; "" at the end of a closed shard.
	Next Iterator
	// Behind is how far the end of the batch lags behind the shard's newest
	// record, 0 at the tip. An adapter that cannot know says 0.
	Behind time.Duration
}

// Stream is the contract. Methods are safe for concurrent use. Errors other
// than those named are faults of the store: a retry may help.
type Stream interface {
	// Put appends data to the shard that the MD5 of key falls in and returns
	// the record's sequence number once it is durable. Puts of one key that
	// follow each other (the second after the first returned) have rising
	// sequence numbers. A Put that failed may have happened. One that an adapter
	// repeats by itself may stand twice, with nothing of its key in between.
	Put(ctx context.Context, key string, data []byte) (sequence string, err error)
	// Shards lists the shards, parents before children.
	Shards(ctx context.Context) ([]Shard, error)
	// Iterator makes an iterator. A sequence number that the stream never gave
	// and a time to come are errors.
	Iterator(ctx context.Context, shard string, start Start) (Iterator, error)
	// Read returns up to limit records, at least 1 and at most MaxReadRecords,
	// possibly none although there are more. Records are never returned out of
	// sequence.
	Read(ctx context.Context, from Iterator, limit int) (Batch, error)
}

// Description says what a stream is.
type Description struct {
	Name string
	// ARN names the stream in events that consumers get.
	ARN string
	// Identity differs between two streams of one name of which the second was
	// created after the first was deleted.
	Identity string
	Shards   int
	Created  time.Time
}

// Streams creates, finds and deletes streams. Methods are safe for concurrent
// use and idempotent. What CheckStream refuses cannot be created, with ErrLimit,
// and does not exist.
type Streams interface {
	// Create makes a stream with that many shards and returns when it can be
	// used. Where it exists with the same number, it returns that one.
	Create(ctx context.Context, name string, shards int) (Description, error)
	// Describe returns ErrStreamNotFound where there is none.
	Describe(ctx context.Context, name string) (Description, error)
	// Open returns the stream of that name. It makes no call: a missing stream
	// shows at the first use.
	Open(name string) Stream
	// Delete removes a stream with its records; no error where there is none.
	Delete(ctx context.Context, name string) error
}
