package eventlogdynamo

import (
	"context"
	"errors"
	"sync/atomic"

	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

const (
	// defaultPageBytes is the size of a page without a limit.
	defaultPageBytes = 1 << 20
	// guessedLine is the assumed size of a line before one is read.
	guessedLine = 512
)

// lineSize is a running mean of the sizes of lines. AWS charges a query for every item
// that it reads, even if the page has no room for it, and lines are larger than
// compressed items. So a query asks only for as many items as should fit.
type lineSize struct{ mean atomic.Int64 }

// items returns how many lines should fit into room.
func (s *lineSize) items(room int) int {
	mean := s.mean.Load()
	if mean == 0 {
		mean = guessedLine
	}
	return max(1, room/int(mean))
}

// learn updates the mean with count lines of bytes in total. Racing updates may be
// lost, which does no harm.
func (s *lineSize) learn(count, bytes int) {
	if count == 0 {
		return
	}
	next := int64(max(1, bytes/count))
	if old := s.mean.Load(); old > 0 {
		next = (3*old + next + 3) / 4
	}
	s.mean.Store(next)
}

// Read implements eventlog.Log.
func (l *Log) Read(ctx context.Context, lane event.Lane, bucket eventlog.Bucket, after string,
	limit eventlog.PageLimit, consistent bool,
) (eventlog.Page, error) {
	if err := eventlog.CheckRead(bucket, after); err != nil {
		return eventlog.Page{}, failed("read page", err)
	}
	return l.page(ctx, dynamostore.Range{PK: bucketKey(lane, bucket), After: after, Consistent: consistent}, limit)
}

// ReadEntity implements eventlog.Log.
func (l *Log) ReadEntity(ctx context.Context, lane event.Lane, bucket eventlog.Bucket, entity, after string,
	limit eventlog.PageLimit,
) (eventlog.Page, error) {
	if err := errors.Join(ctx.Err(), eventlog.CheckRead(bucket, after)); err != nil {
		return eventlog.Page{}, failed("read page", err)
	}
	if event.CheckEntity(entity) != nil {
		return eventlog.Page{}, nil // the entity has no events
	}
	// '$' follows '#', so the range ends after the entity's last key.
	escaped := event.EscapeEntity(entity)
	r := dynamostore.Range{PK: bucketKey(lane, bucket), From: escaped + "#", To: escaped + "$", Consistent: true}
	if after > r.From {
		r.From = dynamostore.Above(after)
	}
	if r.From > r.To {
		return eventlog.Page{}, nil
	}
	return l.page(ctx, r, limit)
}

// page fills a page with as many queries as needed. It returns a page that is more
// than half full, since another query for a few items costs at least a read unit.
func (l *Log) page(ctx context.Context, r dynamostore.Range, limit eventlog.PageLimit) (eventlog.Page, error) {
	if err := ctx.Err(); err != nil {
		return eventlog.Page{}, failed("read page", err)
	}
	if limit.Bytes <= 0 {
		limit.Bytes = defaultPageBytes
	}
	limit.Entries = max(limit.Entries, 1)
	p := pager{limit: limit}
	for {
		size := min(limit.Entries-len(p.page.Entries), l.lines.items(limit.Bytes-p.bytes))
		items, next, err := l.store.Page(ctx, l.client, r, size)
		if err != nil {
			return eventlog.Page{}, failed("read page", err)
		}
		full, err := p.addAll(l, items)
		if err != nil {
			return eventlog.Page{}, failed("read page", err)
		}
		if full {
			return p.page, nil
		}
		if next == "" || p.halfFull() {
			p.page.Next = next
			return p.page, nil
		}
		r = r.Behind(next)
	}
}

// pager fills a page up to its limits.
type pager struct {
	limit eventlog.PageLimit
	page  eventlog.Page
	bytes int
}

// addAll adds entries until one does not fit, and reports whether that happened.
func (p *pager) addAll(l *Log, items []dynamostore.Item) (full bool, err error) {
	bytes := 0
	defer func() { l.lines.learn(len(items), bytes) }()
	for _, item := range items {
		entry, err := l.decode(item)
		if err != nil {
			return false, err
		}
		bytes += len(entry.Line)
		if full {
			continue
		}
		if n := len(p.page.Entries); n > 0 && p.bytes+len(entry.Line) > p.limit.Bytes {
			p.page.Next = p.page.Entries[n-1].SortKey()
			full = true
			continue
		}
		p.page.Entries = append(p.page.Entries, entry)
		p.bytes += len(entry.Line)
	}
	return full, nil
}

func (p *pager) halfFull() bool {
	return 2*len(p.page.Entries) >= p.limit.Entries || 2*p.bytes >= p.limit.Bytes
}
