package feed

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrStreamNotFound means that there is no such stream.
	ErrStreamNotFound = errors.New("stream not found")
	// ErrStreamExists means that a stream of that name exists with another
	// number of shards.
	ErrStreamExists = errors.New("stream exists with another number of shards")
	// ErrShardNotFound means that the stream has no such shard.
	ErrShardNotFound = errors.New("shard not found")
	// ErrIteratorExpired means that an iterator can no longer be used: make
	// another after the last sequence number read.
	ErrIteratorExpired = errors.New("iterator expired")
	// ErrThrottled means that the stream accepts no more requests at present:
	// retry later.
	ErrThrottled = errors.New("stream is throttled")
	// ErrLimit means that a key, a record or a stream exceeds its limit.
	// Retrying cannot help.
	ErrLimit = errors.New("record or stream passes a limit")
)

// Record is one record of a stream.
type Record struct {
	Key string
	// Sequence is a decimal number of up to 129 digits that rises within a
	// shard; event.CompareSequences compares two.
	Sequence string
	// Arrival is when the stream accepted the record, to the millisecond. It
	// may be earlier than the arrival of the record before.
	Arrival time.Time
	Data    []byte
}

// Shard is a slice of the hash range.
type Shard struct {
	ID string
	// Parents are the shards that this one was made from in a reshard; their
	// records precede its own.
	Parents []string
	// Closed is set once the shard accepts no more records.
	Closed bool
}

// Start says where an iterator begins.
type Start struct {
	// After is a sequence number: begin after it.
	After string
	// At is a time that is not in the future: begin at the first record that
	// arrived at or after it. It is ignored if After is set. If both are zero,
	// begin at the oldest record.
	At time.Time
}

// Iterator is an opaque place in a shard.
type Iterator string

// Batch is the result of one Read.
type Batch struct {
	Records []Record
	// Next continues after the records; "" at the end of a closed shard.
	Next Iterator
	// Behind is how far the end of the batch lags behind the shard's newest
	// record: 0 at the tip, and if the adapter does not know.
	Behind time.Duration
}

// Stream is the contract. Methods are safe for concurrent use. Errors other than
// those named are faults of the store: a retry may help.
type Stream interface {
	// Put appends data to the shard whose hash range contains the MD5 of key, and
	// returns the record's sequence number once the record is durable. If one Put
	// of a key begins after another has returned, its sequence number is higher. A
	// Put that failed may have happened. If an adapter retries by itself, the
	// record may be stored twice, with no other record of its key in between.
	Put(ctx context.Context, key string, data []byte) (sequence string, err error)
	// Shards lists the shards, parents before children.
	Shards(ctx context.Context) ([]Shard, error)
	// Iterator makes an iterator. A sequence number that the stream never
	// assigned and a time in the future are errors.
	Iterator(ctx context.Context, shard string, start Start) (Iterator, error)
	// Read returns up to limit records, in sequence. limit counts as at least 1
	// and at most MaxReadRecords. Read may return none although there are more.
	Read(ctx context.Context, from Iterator, limit int) (Batch, error)
}

// Input is a record to put.
type Input struct {
	Key  string
	Data []byte
}

// BatchStream is a Stream that stores several records with one wait for durability
// for each shard. Kinesis cannot be one: it stores a part of such a call and may
// reorder the rest.
type BatchStream interface {
	Stream
	// PutAll is Put of every record, those of a shard in the given order and all of
	// them or none. After an error any shard may have its records.
	PutAll(ctx context.Context, records []Input) (sequences []string, err error)
}

// Description describes a stream.
type Description struct {
	Name string
	// ARN names the stream in the events that consumers receive.
	ARN string
	// Identity distinguishes a stream from an earlier, deleted one of the same
	// name.
	Identity string
	Shards   int
	Created  time.Time
}

// Streams creates, finds and deletes streams. Methods are safe for concurrent use
// and idempotent. A name that CheckName refuses is treated as a missing stream.
type Streams interface {
	// Create makes a stream with that many shards and returns when it can be
	// used. If it exists with the same number of shards, Create returns that one.
	// Errors: ErrStreamExists, and ErrLimit if CheckStream refuses the stream.
	Create(ctx context.Context, name string, shards int) (Description, error)
	// Describe returns ErrStreamNotFound if there is no such stream.
	Describe(ctx context.Context, name string) (Description, error)
	// Open returns the stream of that name without a call: if it is missing, its
	// methods return ErrStreamNotFound.
	Open(name string) Stream
	// Delete removes a stream with its records. A missing stream is no error.
	Delete(ctx context.Context, name string) error
}
