package extract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/request"
)

// reader reads one page.
type reader struct {
	x         *Extract
	asked     *PageRequest
	after     Place
	selection request.Selection
	// scopes are the only entities that are read, in the order of their keys, if scoped
	// is set.
	scopes     []string
	scoped     bool
	from, to   eventlog.Bucket
	consistent bool

	head eventlog.Head
	page Page
	// bytes and shown are the length of what was read and of what the page has.
	bytes, shown int
}

func (p *reader) read(ctx context.Context) (err error) {
	if p.head, err = p.x.Heads.Load(ctx, p.asked.Lane); err != nil {
		return err
	}
	if p.head.Position < p.asked.Cut {
		return web.NewProblem(http.StatusConflict, "cut-unknown",
			"the log does not reach up to this cut: it is that of another log, or the control table has gone back")
	}
	if p.scoped && len(p.scopes) == 0 {
		return nil
	}
	manifests, more, err := p.manifests(ctx)
	if err != nil {
		return err
	}
	for i := range manifests {
		full, err := p.bucket(ctx, manifests[i].Bucket, &manifests[i].Manifest)
		if err != nil {
			return fmt.Errorf("read bucket %s: %w", manifests[i].Bucket, err)
		}
		if full {
			return nil
		}
		// Between two buckets, the next page begins behind all keys of the first.
		if i+1 < len(manifests) && (p.bytes >= maxRead || p.shown >= maxShown) {
			p.page.Next = &Place{Bucket: manifests[i+1].Bucket}
			return nil
		}
	}
	p.page.Next = more
	return nil
}

// manifests are those of the buckets that the page looks at, and where the page after
// it begins.
func (p *reader) manifests(ctx context.Context) (some []eventlog.ClosedManifest, more *Place, err error) {
	from := max(p.from, p.after.Bucket)
	err = p.x.Heads.Manifests(ctx, p.asked.Lane, p.head, from, p.to, func(b eventlog.Bucket, m eventlog.Manifest) error {
		switch {
		case m.First > p.asked.Cut: // so are those of all later buckets
			return errFull
		case len(some) == maxBuckets:
			more = &Place{Bucket: b}
			return errFull
		}
		some = append(some, eventlog.ClosedManifest{Bucket: b, Manifest: m})
		return nil
	})
	if errors.Is(err, errFull) {
		err = nil
	}
	return some, more, err
}

// bucket adds a bucket to the page, and reports whether the page is full before the
// bucket's end.
func (p *reader) bucket(ctx context.Context, b eventlog.Bucket, m *eventlog.Manifest) (full bool, err error) {
	p.page.Buckets = append(p.page.Buckets, Bucket{Bucket: b, Events: []json.RawMessage{}})
	into := &p.page.Buckets[len(p.page.Buckets)-1]
	if !p.scoped && m.Last <= p.asked.Cut {
		whole := replay.SumOf(m)
		into.Whole = &whole
	}
	next := ""
	if b == p.after.Bucket {
		next = p.after.Key
	}
	roster, err := p.x.Heads.Roster(ctx, p.asked.Lane, &p.head, m)
	if err != nil {
		return false, err
	}
	if p.scoped {
		full, err = p.entities(ctx, into, roster, next)
	} else {
		full, err = p.pages(ctx, into, roster, next, func(after string, limit eventlog.PageLimit) (eventlog.Page, error) {
			return p.x.Log.Read(ctx, p.asked.Lane, b, after, limit, p.consistent)
		})
	}
	into.Done = err == nil && !full
	return full, err
}

// entities adds the events of the selected entities of a bucket.
func (p *reader) entities(ctx context.Context, into *Bucket, roster *eventlog.Roster, after string) (bool, error) {
	for _, entity := range p.scopes {
		last := event.EscapeEntity(entity) + "#~"
		if after > last {
			continue
		}
		begin := ""
		if after > event.EscapeEntity(entity)+"#" {
			begin = after
		}
		full, err := p.pages(ctx, into, roster, begin, func(from string, limit eventlog.PageLimit) (eventlog.Page, error) {
			return p.x.Log.ReadEntity(ctx, p.asked.Lane, into.Bucket, entity, from, limit)
		})
		if full || err != nil {
			return full, err
		}
	}
	return false, nil
}

// pages adds what read returns, from a key on.
func (p *reader) pages(ctx context.Context, into *Bucket, roster *eventlog.Roster, after string,
	read func(after string, limit eventlog.PageLimit) (eventlog.Page, error),
) (full bool, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		page, err := read(after, eventlog.PageLimit{Entries: readEntries})
		if err != nil {
			return false, err
		}
		for i := range page.Entries {
			if err := p.take(into, roster, &page.Entries[i]); err != nil {
				return false, err
			}
		}
		if page.Next == "" {
			return false, nil
		}
		after = page.Next
		if p.bytes >= maxRead || p.shown >= maxShown {
			p.page.Next = &Place{into.Bucket, after}
			return true, nil
		}
	}
}

func (p *reader) take(into *Bucket, roster *eventlog.Roster, e *eventlog.Entry) error {
	p.bytes += len(e.Line)
	if e.Position > p.asked.Cut || !roster.Has(e.Position) {
		return nil
	}
	into.Read.Add(len(e.Line), event.DigestOf(e.Position, e.Line))
	wanted, err := p.selection.Wants(e.Entity, e.Logged, e.Line)
	if err != nil {
		return fmt.Errorf("event at %s: %w", e.Position, err)
	}
	if wanted {
		placed := event.AppendPlaced(nil, e.Line, e.Position, e.Logged)
		into.Events = append(into.Events, placed)
		p.shown += len(placed)
	}
	return nil
}
