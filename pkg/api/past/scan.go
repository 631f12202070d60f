package past

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay/request"
)

// What one page of an audit reads at most: the buckets of lanes, each a read or more, and
// the bytes of events.
const (
	maxScanSteps = 256
	maxScanBytes = 16 << 20
	scanEntries  = 5000
)

// scan reads one page of an audit. It is for one goroutine.
type scan struct {
	past      *Past
	selection request.Selection
	// prefix begins the sort keys that are read, "" for all, and last is the last bucket.
	prefix string
	last   eventlog.Bucket
	from   eventlog.Bucket
	limit  int

	at    scanPlace
	page  Audit
	steps int
	read  int64
	// size is what the page takes.
	size int
}

func newScan(a *Past, asked request.Request, at scanPlace, limit int) *scan {
	s := &scan{past: a, selection: asked.Selection(), limit: limit, at: at,
		from: a.Width.Of(asked.From.UnixMilli()), last: "~"} // after every bucket
	if asked.To != nil {
		s.last = a.Width.Of(asked.To.UnixMilli() - 1)
	}
	if len(asked.Prefixes) > 0 {
		s.prefix = event.EscapeEntity(asked.Prefixes[0])
	}
	s.page = Audit{Events: []Audited{}, Lanes: a.Lanes.Count()}
	return s
}

// run reads until the page is full or everything is read.
func (s *scan) run(ctx context.Context) error {
	defer func() { s.page.Done = int(s.at.lane) }()
	for int(s.at.lane) < s.page.Lanes {
		full, err := s.lane(ctx)
		if err != nil {
			return fmt.Errorf("audit lane %s: %w", s.at.lane, err)
		}
		if full {
			s.page.Next = s.at.String()
			return nil
		}
		s.at = scanPlace{lane: s.at.lane + 1}
		if s.step() && int(s.at.lane) < s.page.Lanes {
			s.page.Next = s.at.String()
			return nil
		}
	}
	return nil
}

// step counts a step, and reports whether there were enough.
func (s *scan) step() bool {
	s.steps++
	return s.steps >= maxScanSteps || s.read >= maxScanBytes
}

// lane reads the rest of a lane, and reports whether the page is full before its end.
func (s *scan) lane(ctx context.Context) (full bool, err error) {
	head, err := s.past.Heads.Load(ctx, s.at.lane)
	if err != nil {
		return false, err
	}
	var buckets []eventlog.ClosedManifest
	err = s.past.Heads.Manifests(ctx, s.at.lane, head, max(s.from, s.at.bucket), "",
		func(b eventlog.Bucket, m eventlog.Manifest) error {
			if b > s.last || len(buckets) > maxScanSteps {
				return errEnough
			}
			buckets = append(buckets, eventlog.ClosedManifest{Bucket: b, Manifest: m})
			return nil
		})
	if err := enough(err); err != nil {
		return false, err
	}
	for i := range buckets {
		b := &buckets[i]
		if b.Bucket != s.at.bucket {
			s.at.bucket, s.at.after = b.Bucket, ""
			if s.step() {
				return true, nil
			}
		}
		if full, err = s.bucket(ctx, &head, b); full || err != nil {
			return full, err
		}
	}
	return false, nil
}

// bucket reads the rest of a bucket, and reports whether the page is full before its end.
func (s *scan) bucket(ctx context.Context, head *eventlog.Head, of *eventlog.ClosedManifest) (full bool, err error) {
	after := max(s.at.after, s.prefix)
	for {
		page, err := s.past.EventLog.Read(ctx, s.at.lane, of.Bucket, after, eventlog.PageLimit{Entries: scanEntries}, true)
		if err != nil {
			return false, err
		}
		wanted, past, err := s.wanted(ctx, head, of, page.Entries)
		if err != nil {
			return false, err
		}
		for _, entry := range wanted {
			if len(s.page.Events) == s.limit || s.size >= web.MaxPageBytes {
				return true, nil
			}
			if err := s.add(entry); err != nil {
				return false, err
			}
			s.at.after = entry.SortKey()
		}
		if page.Next == "" || past {
			return false, nil
		}
		after, s.at.after = page.Next, page.Next
		if s.read >= maxScanBytes {
			return true, nil
		}
	}
}

// wanted returns the entries that the filter selects and that are in the log, and whether
// there is nothing of the prefix after them.
func (s *scan) wanted(
	ctx context.Context, head *eventlog.Head, of *eventlog.ClosedManifest, entries []eventlog.Entry,
) (wanted []*eventlog.Entry, past bool, err error) {
	var at []event.Position
	for i := range entries {
		entry := &entries[i]
		if past = !strings.HasPrefix(entry.SortKey(), s.prefix); past {
			break
		}
		s.read += int64(len(entry.Line))
		s.page.Read++
		want, err := s.selection.Wants(entry.Entity, entry.Logged, entry.Line)
		if err != nil {
			return nil, false, err
		}
		if want {
			wanted, at = append(wanted, entry), append(at, entry.Position)
		}
	}
	if len(at) == 0 {
		return nil, past, nil
	}
	in, err := s.past.Heads.InLog(ctx, s.at.lane, head, &of.Manifest, at)
	if err != nil {
		return nil, false, err
	}
	kept := wanted[:0]
	for i, entry := range wanted {
		if in[i] {
			kept = append(kept, entry)
		}
	}
	return kept, past, nil
}

func (s *scan) add(entry *eventlog.Entry) error {
	e, err := event.Parse(string(entry.Line))
	if err != nil {
		return fmt.Errorf("parse event at %s: %w", entry.Position, err)
	}
	one := Audited{
		Entity:   entry.Entity,
		Lane:     s.at.lane,
		Position: entry.Position,
		Logged:   timeOf(entry.Logged),
		ID:       e.ID,
		Source:   e.Source,
		Type:     e.Type,
		Causes:   causesOf(&e),
	}
	raw, err := json.Marshal(one)
	if err != nil {
		return fmt.Errorf("encode event at %s: %w", entry.Position, err)
	}
	s.page.Events, s.size = append(s.page.Events, one), s.size+len(raw)
	return nil
}
