package archive

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/api/extract"
	"reprise/pkg/archive"
	"reprise/pkg/cli/progress"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay/request"
)

// lanesAtOnce bounds the lanes that are read at a time. Each holds a page and the events
// of a bucket in memory.
const lanesAtOnce = 4

// source is a log that can be exported; *client.Client is one.
type source interface {
	LogCut(ctx context.Context) (extract.Cut, error)
	LogPage(ctx context.Context, asked extract.PageRequest) (extract.Page, error)
}

// exporter writes an export.
type exporter struct {
	from    source
	out     *archive.Writer
	encoder *archive.Encoder
	// mask changes the line of an event; nil leaves all as they are.
	mask func(line []byte) ([]byte, error)
	show *shown

	// partBytes is where a part ends, and spoolBytes how much of a bucket is in memory.
	partBytes  int64
	spoolBytes int

	width eventlog.Width
	lanes *event.Lanes
	// scoped says that only entities are read, filtered that not all that is read is
	// returned, partial that not all of a lane is read.
	scoped, filtered, partial bool
	entities                  []string
}

// selectionText is a selection as the API takes it, nil for everything.
func selectionText(r request.Request) (json.RawMessage, error) {
	if !r.Filtered() {
		return nil, nil
	}
	return json.Marshal(request.Request{From: r.From, To: r.To, Types: r.Types, Entities: r.Entities,
		Prefixes: r.Prefixes, Attribute: r.Attribute})
}

// headerOf is the header of an export at a cut.
func headerOf(cut extract.Cut, selected json.RawMessage, masked *archive.Masked) archive.Header {
	h := archive.Header{
		Taken:       cut.Taken.UTC(),
		BucketHours: cut.BucketHours,
		Select:      selected,
		Masked:      masked,
	}
	for _, l := range cut.Lanes {
		lane := archive.Lane{Position: l.Position, Bucket: l.Bucket, Open: sumOf(l.Open),
			Sum: archive.Sum{Events: l.Count, Bytes: l.Bytes}, Undigested: l.Digest == nil}
		if l.Digest != nil {
			lane.Sum.Digest = *l.Digest
		}
		h.Lanes = append(h.Lanes, lane)
	}
	return h
}

// prepare derives what follows from the header.
func (x *exporter) prepare() (err error) {
	h := &x.out.Header
	x.width = eventlog.Width(time.Duration(h.BucketHours) * time.Hour)
	if x.lanes, err = event.NewLanes(len(h.Lanes)); err != nil || h.Select == nil {
		return err
	}
	r, err := request.Parse(h.Select)
	if err != nil {
		return fmt.Errorf("read selection: %w", err)
	}
	x.filtered, x.scoped, x.entities = true, r.Scoped(), r.Entities
	x.partial = x.scoped || r.Bounded()
	return nil
}

// concerns reports whether a lane can have selected events.
func (x *exporter) concerns(lane int) bool {
	return !x.scoped || slices.ContainsFunc(x.entities, func(id string) bool { return int(x.lanes.Of(id)) == lane })
}

// run reads what is not written yet, and finishes the export.
func (x *exporter) run(ctx context.Context) (archive.Manifest, error) {
	if err := x.prepare(); err != nil {
		return archive.Manifest{}, err
	}
	lanes := make([]*laneExport, len(x.out.Header.Lanes))
	for i := range lanes {
		lanes[i] = newLaneExport(x, i)
	}
	parts := x.out.Parts()
	for i := range parts {
		lane := parts[i].Lane
		done, err := lanes[lane].resume(&parts[i])
		if err != nil {
			return archive.Manifest{}, err
		}
		x.show.skip(parts[i].Read.Events)
		if done {
			lanes[lane].x = nil
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lanesAtOnce)
	for _, l := range lanes {
		if l.x == nil {
			continue
		}
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return l.run(ctx)
		})
	}
	if err := group.Wait(); err != nil {
		return archive.Manifest{}, err
	}
	return x.out.Finish()
}

// shown shows how many events are done with. It is safe for concurrent use.
type shown struct {
	meter *progress.Meter
	label string
	total int64
	now   func() time.Time

	mu   sync.Mutex
	sum  int64
	rate progress.Rate
}

// skip counts events that an earlier attempt was done with.
func (s *shown) skip(events int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum += events
}

func (s *shown) add(events int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum += events
	s.rate.Add(s.now(), float64(s.sum))
	state := progress.State{Label: s.label, Fraction: -1, Detail: progress.Count(s.sum) + " events"}
	if s.total > 0 {
		state.Fraction = min(1, float64(s.sum)/float64(s.total))
		state.Detail = progress.Count(s.sum) + " of " + progress.Count(s.total) + " events"
		state.Left = s.rate.Left(float64(s.total))
	}
	if rate := s.rate.PerSecond(); rate > 0 {
		state.Detail += ", " + progress.Count(int64(rate)) + "/s"
	}
	s.meter.Show(state)
}
