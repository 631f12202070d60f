package eventlog

import (
	"context"
	"errors"

	"reprise/pkg/event"
)

var (
	// ErrChanged says that another content is stored under an entry's key. It
	// cannot happen to a sound platform and is never overwritten.
	ErrChanged = errors.New("the log holds another event at this position")
	// ErrThrottled says that the store takes no more at present: retry after a
	// pause.
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

// Quarantined is a record or event that is set aside at its position: it could
// not be decoded, or came late. It is never applied; sending it again is the
// way to release it.
type Quarantined struct {
	Position event.Position `json:"position"`
	// Reason is "undecodable" or "late".
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	// Arrival is in milliseconds since 1970.
	Arrival int64 `json:"arrival"`
	// Data is the record as it came, or the event's line.
	Data []byte `json:"data"`
}

// PageLimit bounds a page of entries. A page ends at the first limit that it
// reaches, but holds at least one entry where there is one.
type PageLimit struct {
	// Entries is at least 1.
	Entries int
	// Bytes counts lines; 0 means 1 MiB, which DynamoDB returns at most.
	Bytes int
}

// Page is a part of a lane-bucket in key order.
type Page struct {
	Entries []Entry
	// Next is the sort key to go on after; "" means that there is no more.
	Next string
}

// Log is the contract of the Events table: append-only, one item an event.
// Methods are safe for concurrent use. Errors other than those named are
// faults of the store: a retry may help, and a Put that failed may have stored
// any part of its entries. ErrLimit comes before anything was stored; what it
// refuses to store is not there when it is looked up.
type Log interface {
	// Put stores entries of one lane-bucket, each on condition that its key is
	// new, and returns when all are durable. An entry that is stored already
	// with the same line counts as stored and keeps the logged time that it has:
	// an attempt that died may have left it, on another head. Another line is
	// ErrChanged.
	Put(ctx context.Context, lane event.Lane, bucket Bucket, entries []Entry) error
	// Read returns a page of a lane-bucket behind the sort key after ("" for
	// the start). Every entry whose Put returned before Read began is seen if
	// consistent is set; otherwise the newest may be missing, at half the
	// price on DynamoDB. The caller owns the page.
	Read(ctx context.Context, lane event.Lane, bucket Bucket, after string, limit PageLimit, consistent bool) (Page, error)
	// ReadEntity is a consistent Read of one entity's entries.
	ReadEntity(ctx context.Context, lane event.Lane, bucket Bucket, entity, after string, limit PageLimit) (Page, error)
	// Has reports, consistently, whether an entry is stored.
	Has(ctx context.Context, lane event.Lane, bucket Bucket, entity string, at event.Position) (bool, error)
	// Quarantine stores q, once for its position.
	Quarantine(ctx context.Context, lane event.Lane, q Quarantined) error
	// ListQuarantine returns the first of a lane's quarantined records at
	// positions above after, ascending: limit of them, or all.
	ListQuarantine(ctx context.Context, lane event.Lane, after event.Position, limit int) ([]Quarantined, error)
	// PutWitness stores a witness, once for its lane and bucket: the same again
	// counts as stored, another one is ErrChanged.
	PutWitness(ctx context.Context, lane event.Lane, w Witness) error
	// Witnesses returns, consistently, up to limit of a lane's witnesses of
	// buckets behind after, ascending.
	Witnesses(ctx context.Context, lane event.Lane, after Bucket, limit int) ([]Witness, error)
}
