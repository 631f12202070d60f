package eventlog

import (
	"context"
	"errors"

	"reprise/pkg/event"
)

var (
	// ErrChanged says that another content is stored under an entry's key, which
	// is never overwritten. It cannot happen in an intact platform.
	ErrChanged = errors.New("the log holds another event at this position")
	// ErrThrottled says that the store accepts no more at the moment: retry
	// later.
	ErrThrottled = errors.New("event log is throttled")
)

// Entry is one event in the log.
type Entry struct {
	Entity   string
	Position event.Position
	// Logged is the event's logged time in milliseconds since 1970.
	Logged int64
	// Line is the event's canonical encoding.
	Line []byte
}

// SortKey is the entry's key within its lane-bucket.
func (e *Entry) SortKey() string { return event.SortKey(e.Entity, e.Position) }

// Quarantined is a record that was set aside because it could not be decoded or
// came late. It is never applied; to release it, send its events again.
type Quarantined struct {
	Position event.Position `json:"position"`
	// Reason is "undecodable" or "late".
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	// Arrival is in milliseconds since 1970.
	Arrival int64 `json:"arrival"`
	// Data is the record as it was received.
	Data []byte `json:"data"`
}

// PageLimit bounds a page of entries. A page ends at the first limit that it
// reaches, but contains at least one entry if there is one.
type PageLimit struct {
	// Entries is at least 1.
	Entries int
	// Bytes bounds the lines; 0 means 1 MiB, the most that DynamoDB returns.
	Bytes int
}

// Page is a part of a lane-bucket in key order.
type Page struct {
	Entries []Entry
	// Next is the sort key after which the next page begins; "" for the last page.
	Next string
}

// Log is the contract of the Events table: append-only, one item per event.
// Methods are safe for concurrent use. Errors other than those named are faults
// of the store: a retry may help, and a Put that failed may have stored any part
// of its entries. A method that returns ErrLimit has stored nothing; looking up
// what it would refuse to store finds nothing.
type Log interface {
	// Put stores entries of one lane-bucket, each on condition that its key is
	// new, and returns when all are durable. An entry that exists already with
	// the same line counts as stored and keeps its logged time: a crashed attempt
	// may have left it. With a different line, Put returns ErrChanged.
	Put(ctx context.Context, lane event.Lane, bucket Bucket, entries []Entry) error
	// Read returns a page of a lane-bucket after a sort key ("" for the start).
	// If consistent is set, it contains every entry whose Put returned before
	// Read began; otherwise the newest may be missing, at half the price on
	// DynamoDB. The caller owns the page.
	Read(ctx context.Context, lane event.Lane, bucket Bucket, after string, limit PageLimit, consistent bool) (Page, error)
	// ReadEntity is a consistent Read of one entity's entries only.
	ReadEntity(ctx context.Context, lane event.Lane, bucket Bucket, entity, after string, limit PageLimit) (Page, error)
	// Has reports, consistently, whether an entry is stored.
	Has(ctx context.Context, lane event.Lane, bucket Bucket, entity string, at event.Position) (bool, error)
	// Quarantine stores q; the first record stored at a position is kept.
	Quarantine(ctx context.Context, lane event.Lane, q Quarantined) error
	// ListQuarantine returns up to limit of a lane's quarantined records at
	// positions after the given one, ascending.
	ListQuarantine(ctx context.Context, lane event.Lane, after event.Position, limit int) ([]Quarantined, error)
	// PutWitness stores the witness of a lane and bucket. An identical one counts
	// as stored; a different one is ErrChanged.
	PutWitness(ctx context.Context, lane event.Lane, w Witness) error
	// Witnesses returns, consistently, up to limit of a lane's witnesses of
	// buckets after the given one, ascending.
	Witnesses(ctx context.Context, lane event.Lane, after Bucket, limit int) ([]Witness, error)
}
