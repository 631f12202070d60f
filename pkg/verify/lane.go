package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/projection/refold"
	"reprise/pkg/verify/catchup"
)

// lane is one lane of a verification in progress.
type lane struct {
	check      *Checker
	id         event.Lane
	cut        eventlog.Head
	since      *eventlog.Head // up to where the lane was verified before, nil for not at all
	version    string
	generation datastore.Generation
	consumer   *catchup.Consumer
	// throwaway is what was rebuilt to be verified after the generation, nil for nothing, and
	// follower its consumer.
	throwaway datastore.Generation
	follower  *catchup.Consumer
	applier   *projection.Applier
	// verification is its id. progress and sums are how far the lane is verified, and
	// stored is the version of the stored progress.
	verification string
	progress     Progress
	stored       control.Version
	sums         bucketSums
	// rows bounds the rows of the next span; it is halved when they do not fit.
	rows int
	// known are buckets as of head; a bucket in
	// which the lane has nothing is nil. Both are those of a lane with a since.
	head  eventlog.Head
	known map[eventlog.Bucket]*bucket
}

// bucket is a bucket of the log to read, with the set of its records.
type bucket struct {
	id     eventlog.Bucket
	roster *eventlog.Roster
	// fresh says that the bucket may have been written just now.
	fresh bool
}

// begin begins with the lane, or with its throwaway, once its consumer has passed the cut or
// stands still before it, which it notes. Otherwise it waits a little.
func (l *lane) begin(ctx context.Context) (begun bool, err error) {
	if l.progress.Begun {
		return true, nil
	}
	state, err := l.consumer.Look(ctx, l.id, l.cut.Position)
	if err != nil {
		return false, err
	}
	if state == catchup.Coming {
		return false, l.check.Sleep(ctx, l.consumer.Interval())
	}
	l.progress.Begun, l.progress.Settled = true, state == catchup.Reached
	if state == catchup.Stalled {
		var found Findings
		found.add(Difference{Kind: Behind, Lane: l.id, Position: l.cut.Position,
			What: "the lane's consumer has not reached the cut", Want: string(l.cut.Position)})
		l.progress.Findings.addAll(l.of(found))
	}
	return true, nil
}

// of are findings in the generation that is being verified, by its part in it.
func (l *lane) of(found Findings) Findings {
	if l.progress.Rebuilt {
		return found.rebuilt()
	}
	return found
}

// turn begins with the throwaway, once the generation is verified.
func (l *lane) turn() {
	p := &l.progress
	p.Begun, p.Settled, p.After, p.Rebuilt = false, false, "", true
	l.sums = make(bucketSums)
	l.rebuilt()
}

// rebuilt makes the throwaway the generation that is verified.
func (l *lane) rebuilt() {
	l.generation, l.consumer = l.throwaway, l.follower
}

// next verifies the next span and stores the progress after it.
func (l *lane) next(ctx context.Context) error {
	s, err := l.verify(ctx)
	if errors.Is(err, refold.ErrFull) {
		if l.rows = len(s.rows) / 2; l.rows > 0 {
			return nil
		}
		s, err = l.passOver(ctx, s)
	}
	if err != nil {
		return err
	}
	if l.progress.Rebuilt {
		l.progress.RebuiltRows += int64(len(s.rows))
	} else {
		l.progress.Rows += int64(len(s.rows))
	}
	l.sums.addAll(s.sums)
	return l.save(ctx, s, s.last)
}

// save adds a span to the progress, which ends with last, "" if it is the last one.
func (l *lane) save(ctx context.Context, s *span, last string) error {
	p := &l.progress
	if p.Rebuilt {
		p.RebuiltEvents += s.events
	} else {
		p.Events += s.events
		p.Bytes += s.read
	}
	p.ReadUnits += s.units + documentUnits
	if last == "" && !p.Rebuilt {
		if err := l.finish(ctx, s); err != nil {
			return err
		}
	}
	found := l.of(s.findings)
	p.After, p.Done = last, last == ""
	if p.Done && !p.Rebuilt && l.throwaway != nil {
		p.Done = false
		l.turn()
	}
	l.rows = l.check.spanRows()
	return l.check.Store.saveProgress(ctx, l, &found)
}

// settleTries is how often a span is read again while rows of it are being written in
// several steps.
const settleTries = 5

// verify verifies the next span. What differs is read again, consistently: only what
// differs then, too, counts.
func (l *lane) verify(ctx context.Context) (*span, error) {
	first := &span{lane: l}
	if err := first.readRows(ctx, l.progress.After, l.rows); err != nil {
		return first, err
	}
	if err := l.judge(ctx, first); err != nil || first.findings.none() {
		return first, err
	}
	for try := 0; ; try++ {
		again := &span{lane: l}
		if err := again.readAgain(ctx, first); err != nil {
			return again, err
		}
		if err := l.judge(ctx, again); err != nil {
			return again, err
		}
		if again.unsettled == 0 || try == settleTries {
			return again, nil
		}
		if err := l.check.Sleep(ctx, time.Second); err != nil {
			return again, err
		}
	}
}

// judge reads the log as of a head that is at or after every row of a span, and
// compares.
func (l *lane) judge(ctx context.Context, s *span) error {
	buckets, err := l.present(ctx)
	if err != nil {
		return err
	}
	if err := s.fold(ctx, buckets); err != nil {
		return err
	}
	s.judge(l.progress.Settled)
	return l.compareIndex(ctx, s)
}

// from is the first bucket with events that are to be verified.
func (l *lane) from() eventlog.Bucket {
	if l.since == nil {
		return ""
	}
	return l.since.Bucket
}

// present are the lane's buckets to verify as of its present head.
func (l *lane) present(ctx context.Context) ([]bucket, error) {
	head, err := l.check.Log.Heads.Load(ctx, l.id)
	if err != nil {
		return nil, err
	}
	buckets, err := l.buckets(ctx, &head, l.from())
	if err != nil || l.since == nil {
		return buckets, err
	}
	if l.known == nil {
		l.known = make(map[eventlog.Bucket]*bucket)
	}
	l.head = head
	for i := range buckets {
		l.known[buckets[i].id] = &buckets[i]
	}
	return buckets, nil
}

// buckets are the lane's buckets at or after one as of a head: those with a manifest, and
// those that the log itself has witnessed.
func (l *lane) buckets(ctx context.Context, head *eventlog.Head, from eventlog.Bucket) ([]bucket, error) {
	manifests := make(map[eventlog.Bucket]eventlog.Manifest)
	err := l.check.Log.Heads.Manifests(ctx, l.id, *head, from, "",
		func(b eventlog.Bucket, m eventlog.Manifest) error {
			manifests[b] = m
			return nil
		})
	if err != nil {
		return nil, err
	}
	witnessed, err := l.witnessed(ctx, head, from)
	if err != nil {
		return nil, err
	}
	for _, w := range witnessed {
		if _, known := manifests[w.Bucket]; !known {
			// Without a manifest, any record that the register lists counts.
			manifests[w.Bucket] = eventlog.Manifest{Count: 1, First: w.First, Last: head.Position}
		}
	}
	var buckets []bucket
	for b, m := range manifests {
		roster, err := l.check.Log.Heads.Roster(ctx, l.id, head, &m)
		if err != nil {
			return nil, err
		}
		buckets = append(buckets, bucket{id: b, roster: roster, fresh: b >= l.check.fresh()})
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return cmp.Compare(a.id, b.id) })
	return buckets, nil
}

// witnessed are the log's witnesses, up to a head, of the lane's buckets at or after one.
func (l *lane) witnessed(
	ctx context.Context, head *eventlog.Head, from eventlog.Bucket,
) ([]eventlog.Witness, error) {
	const page = 500
	var all []eventlog.Witness
	after := eventlog.Bucket("")
	if begin, _, err := l.check.Width.Range(from); err == nil {
		after = l.check.Width.Of(begin - 1)
	}
	for {
		some, err := l.check.Log.Log.Witnesses(ctx, l.id, after, page)
		if err != nil {
			return nil, fmt.Errorf("read witnesses: %w", err)
		}
		for _, w := range some {
			if w.First <= head.Position {
				all = append(all, w)
			}
			after = w.Bucket
		}
		if len(some) < page {
			return all, nil
		}
	}
}
