package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/meter"
	"reprise/pkg/projection/refold"
)

const (
	// changedAtOnce bounds the rows that are in memory at a time, and foldsAtOnce the
	// entities that are folded at a time.
	changedAtOnce = 64
	foldsAtOnce   = 4
)

// nextChanged verifies the next entities with events since the last cut, and stores the
// progress after them. After the deadline it begins with no more of them.
func (l *lane) nextChanged(ctx context.Context, deadline time.Time) error {
	recent, err := l.present(ctx)
	if err != nil {
		return err
	}
	w := &sweep{lane: l, after: l.progress.After, limit: min(l.rows, changedRows), found: make(map[string]*changed)}
	for i := range recent {
		if err := w.bucket(ctx, &recent[i]); err != nil {
			return err
		}
	}
	s := &span{lane: l, events: w.events, read: w.read, units: w.units + bucketsCost(len(recent))}
	keys := w.fresh()
	for len(keys) > 0 {
		chunk := keys[:min(len(keys), changedAtOnce)]
		if err := l.verifyChanged(ctx, s, w, chunk); err != nil {
			return err
		}
		l.progress.Rows += int64(len(chunk))
		if keys = keys[len(chunk):]; len(keys) > 0 && !l.check.Store.Now().Before(deadline) {
			w.stop = chunk[len(chunk)-1]
			w.trim()
			break
		}
	}
	for _, c := range w.found {
		l.sums.addAll(c.sums)
	}
	return l.save(ctx, s, w.stop)
}

// verifyChanged verifies some entities. What differs is read again, consistently: only
// what differs then, too, counts.
func (l *lane) verifyChanged(ctx context.Context, s *span, w *sweep, keys []string) error {
	some := make([]*changed, len(keys))
	for i, key := range keys {
		some[i] = w.found[key]
	}
	looks, err := l.look(ctx, s, some, false)
	if err != nil {
		return err
	}
	differ := differing(some, looks)
	for try := 0; len(differ) > 0; try++ {
		if looks, err = l.look(ctx, s, differ, true); err != nil {
			return err
		}
		var wait []*changed
		for i, at := range looks {
			if at.unsettled > 0 && try < settleTries {
				wait = append(wait, differ[i])
				continue
			}
			s.findings.addAll(at.findings)
		}
		if differ = wait; len(differ) > 0 {
			if err := l.check.Sleep(ctx, time.Second); err != nil {
				return err
			}
		}
	}
	return nil
}

func differing(some []*changed, looks []*span) (differ []*changed) {
	for i, at := range looks {
		if !at.findings.none() {
			differ = append(differ, some[i])
		}
	}
	return differ
}

// look reads the rows of entities, then their events, and compares. The first look
// believes the rows' lists of buckets; the second one reads all buckets of the lane, as
// long as there is room for what differs.
func (l *lane) look(ctx context.Context, s *span, some []*changed, again bool) ([]*span, error) {
	names := make([]string, len(some))
	for i, c := range some {
		names[i] = c.entity
	}
	rows, err := l.rowsOf(ctx, names, again)
	if err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	all := again && len(l.progress.Findings.Samples)+len(s.findings.Samples) < maxSamples
	buckets, err := l.bucketsOf(ctx, some, rows, all)
	if err != nil {
		return nil, err
	}
	looks := make([]*span, len(some))
	g, groupCtx := errgroup.WithContext(ctx)
	g.SetLimit(foldsAtOnce)
	for i, c := range some {
		looks[i] = &span{lane: l, only: c.entity, consistent: again, units: meter.Read(0, again)}
		if row, found := rows[c.entity]; found {
			looks[i].rows = []datastore.Row{row}
			looks[i].units = meter.Read(rowSize(&row), again)
		}
		g.Go(func() error {
			err := looks[i].one(groupCtx, buckets[i], foldsAtOnce)
			if errors.Is(err, refold.ErrFull) {
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i := range looks {
		if looks[i], err = l.alone(ctx, looks[i], buckets[i]); err != nil {
			return nil, err
		}
		s.events += looks[i].events
		s.read += looks[i].read
		s.units += looks[i].units
	}
	return looks, nil
}

// rowsOf reads rows, at the lower price unless they must be the latest: one of a moment ago
// is compared at its own position, too.
func (l *lane) rowsOf(ctx context.Context, names []string, latest bool) (map[string]datastore.Row, error) {
	if cheap, offers := l.generation.(datastore.Glancer); offers && !latest {
		return cheap.Glance(ctx, l.id, names)
	}
	return l.generation.Rows(ctx, l.id, names)
}

// alone repeats a look that did not fit beside others, if need be in passes.
func (l *lane) alone(ctx context.Context, at *span, buckets []bucket) (*span, error) {
	if at.judged {
		return at, nil
	}
	again := &span{lane: l, only: at.only, rows: at.rows, consistent: at.consistent}
	err := again.one(ctx, buckets, 1)
	if errors.Is(err, refold.ErrFull) {
		return l.large(ctx, at, buckets)
	}
	return again, err
}

// one folds the only entity of a span and judges it, with a share of the memory.
func (s *span) one(ctx context.Context, buckets []bucket, share int64) error {
	s.held = make(map[string]*held)
	s.index()
	s.share = share
	if err := s.foldIn(ctx, buckets); err != nil {
		return err
	}
	s.judge(s.lane.progress.Settled)
	s.judged = true
	return nil
}

// bucketsOf are the buckets to read of each entity, as of a head that covers its row.
func (l *lane) bucketsOf(
	ctx context.Context, some []*changed, rows map[string]datastore.Row, all bool,
) ([][]bucket, error) {
	lists := make([][]bucket, len(some))
	if all {
		head, err := l.check.Log.Heads.Load(ctx, l.id)
		if err != nil {
			return nil, err
		}
		whole, err := l.buckets(ctx, &head, "")
		for i := range lists {
			lists[i] = whole
		}
		return lists, err
	}
	for _, row := range rows {
		if row.Position > l.head.Position {
			if _, err := l.present(ctx); err != nil {
				return nil, err
			}
			break
		}
	}
	ids, wanted := make([][]eventlog.Bucket, len(some)), []eventlog.Bucket(nil)
	for i, c := range some {
		ids[i] = slices.Concat(eventlog.ExpandBuckets(rows[c.entity].Buckets), slices.Collect(maps.Keys(c.sums)))
		slices.Sort(ids[i])
		ids[i] = slices.Compact(ids[i])
		wanted = append(wanted, ids[i]...)
	}
	if err := l.learn(ctx, wanted); err != nil {
		return nil, err
	}
	for i := range some {
		for _, id := range ids[i] {
			if b := l.known[id]; b != nil {
				lists[i] = append(lists[i], *b)
			}
		}
	}
	return lists, nil
}

// learn loads what is not known of some buckets.
func (l *lane) learn(ctx context.Context, wanted []eventlog.Bucket) error {
	slices.Sort(wanted)
	wanted = slices.DeleteFunc(slices.Compact(wanted), func(id eventlog.Bucket) bool {
		_, known := l.known[id]
		return known
	})
	heads := l.check.Log.Heads
	manifests, err := heads.ManifestsOf(ctx, l.id, l.head, wanted)
	if err != nil {
		return err
	}
	for _, id := range wanted {
		m, found := manifests[id]
		if !found {
			l.known[id] = nil // the lane has nothing there
			continue
		}
		roster, err := heads.Roster(ctx, l.id, &l.head, &m)
		if err != nil {
			return err
		}
		l.known[id] = &bucket{id: id, roster: roster, fresh: id >= l.check.fresh()}
	}
	return nil
}
