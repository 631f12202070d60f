package eventlogpebble

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/localstore"
)

const (
	// defaultPageBytes is the size of a page without a limit.
	defaultPageBytes = 1 << 20
	// arenaBytes is the size of the buffers that lines of a page share.
	arenaBytes = 64 << 10
)

// Read implements eventlog.Log. Every read is consistent.
func (l *Log) Read(ctx context.Context, lane event.Lane, bucket eventlog.Bucket, after string,
	limit eventlog.PageLimit, _ bool,
) (eventlog.Page, error) {
	if err := errors.Join(ctx.Err(), eventlog.CheckRead(bucket, after)); err != nil {
		return eventlog.Page{}, fmt.Errorf("read page: %w", err)
	}
	prefix := bucketPrefix(lane, bucket)
	return l.page(ctx, prefix, len(prefix), after, limit)
}

// ReadEntity implements eventlog.Log.
func (l *Log) ReadEntity(ctx context.Context, lane event.Lane, bucket eventlog.Bucket, entity, after string,
	limit eventlog.PageLimit,
) (eventlog.Page, error) {
	if err := errors.Join(ctx.Err(), eventlog.CheckRead(bucket, after)); err != nil {
		return eventlog.Page{}, fmt.Errorf("read page: %w", err)
	}
	if event.CheckEntity(entity) != nil {
		return eventlog.Page{}, nil // it has none
	}
	prefix := bucketPrefix(lane, bucket)
	whole := append(append(slices.Clip(prefix), event.EscapeEntity(entity)...), '#')
	return l.page(ctx, whole, len(prefix), after, limit)
}

// page reads the range of prefix, whose sort keys begin at offset bucket.
func (l *Log) page(
	ctx context.Context, prefix []byte, bucket int, after string, limit eventlog.PageLimit,
) (eventlog.Page, error) {
	if limit.Bytes <= 0 {
		limit.Bytes = defaultPageBytes
	}
	limit.Entries = max(limit.Entries, 1)
	lower := prefix
	if after != "" {
		from := slices.Concat(prefix[:bucket], []byte(after), []byte{0})
		if string(from) > string(prefix) {
			lower = from
		}
	}
	p := pager{limit: limit}
	err := l.space.Scan(lower, localstore.PrefixEnd(prefix), func(key, value []byte) (bool, error) {
		return p.add(key[bucket:], value)
	})
	if err := errors.Join(err, ctx.Err()); err != nil {
		return eventlog.Page{}, fmt.Errorf("read page: %w", err)
	}
	return p.page, nil
}

// pager fills a page up to its limits.
type pager struct {
	limit eventlog.PageLimit
	page  eventlog.Page
	bytes int
	last  string
	arena []byte
}

// add adds the next entry, or ends the page before it.
func (p *pager) add(sortKey, value []byte) (more bool, err error) {
	logged, n := binary.Varint(value)
	if n <= 0 {
		return false, errors.New("decode entry: no logged time")
	}
	line := value[n:]
	if count := len(p.page.Entries); count > 0 && (count >= p.limit.Entries || p.bytes+len(line) > p.limit.Bytes) {
		p.page.Next = p.last
		return false, nil
	}
	p.last = string(sortKey)
	escaped, position, found := strings.Cut(p.last, "#")
	if !found {
		return false, fmt.Errorf("decode entry: %w", event.ErrKey)
	}
	entity, err := event.UnescapeEntity(escaped)
	if err != nil {
		return false, fmt.Errorf("decode entry: %w", err)
	}
	p.page.Entries = append(p.page.Entries, eventlog.Entry{
		Entity: entity, Position: event.Position(position), Logged: logged, Line: p.keep(line),
	})
	p.bytes += len(line)
	return true, nil
}

// keep copies a line into a buffer that several lines share.
func (p *pager) keep(line []byte) []byte {
	if len(line) > cap(p.arena)-len(p.arena) {
		p.arena = make([]byte, 0, max(arenaBytes, len(line)))
	}
	from := len(p.arena)
	p.arena = append(p.arena, line...)
	return p.arena[from:len(p.arena):len(p.arena)]
}
