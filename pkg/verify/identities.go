package verify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/meter"
	"reprise/pkg/projection"
	"reprise/pkg/projection/refold"
)

const (
	// maxPasses bounds how often the history of an entity is read to find its repeated
	// events.
	maxPasses = 64
	// indexParts are the queries that reading a part of the identity index takes, and
	// identityBytes about those of an entry beside its entity.
	indexParts, identityBytes = 256, 120
)

// passOver counts the events of an entity whose identities do not fit into memory, and of
// those without a row before it, and then verifies it alone.
func (l *lane) passOver(ctx context.Context, of *span) (*span, error) {
	s := &span{lane: l, after: of.after, last: of.rows[0].Entity, rows: of.rows, countOnly: true, consistent: true}
	s.held = make(map[string]*held)
	s.index()
	buckets, err := l.present(ctx)
	if err != nil {
		return s, err
	}
	if err := s.fold(ctx, buckets); err != nil {
		return s, err
	}
	if l.progress.Settled {
		s.judgeMissing()
	}
	only := &span{lane: l, only: s.last, rows: of.rows, consistent: true}
	for try := 0; ; try++ {
		at, err := l.large(ctx, only, buckets)
		if err != nil {
			return s, err
		}
		s.units += at.units
		if at.findings.none() || (try > 0 && at.unsettled == 0) || try == settleTries {
			s.findings.addAll(at.findings)
			return s, nil
		}
		if only, err = l.rowAgain(ctx, only); err != nil {
			return s, err
		}
		if buckets, err = l.present(ctx); err != nil {
			return s, err
		}
	}
}

// rowAgain reads the row of a span's only entity again.
func (l *lane) rowAgain(ctx context.Context, of *span) (*span, error) {
	rows, err := l.generation.Rows(ctx, l.id, []string{of.only})
	if err != nil {
		return nil, err
	}
	again := &span{lane: l, only: of.only, consistent: true}
	if row, found := rows[of.only]; found {
		again.rows = []datastore.Row{row}
	}
	return again, nil
}

// large verifies an entity whose identities do not fit into memory: it reads the history
// once for each part of them to find the repeated events, and then once more to fold it.
// An entity that takes too many passes, or has too many repeated events, is counted as
// unverified.
func (l *lane) large(ctx context.Context, of *span, buckets []bucket) (*span, error) {
	s := &span{lane: l, only: of.only, rows: of.rows, consistent: true}
	s.held = make(map[string]*held)
	s.index()
	var counts datastore.Counts
	for i := range s.rows {
		counts.Add(&s.rows[i])
	}
	// A part may be somewhat larger than the others.
	passes := counts.Seen()/l.check.spanEvents() + 1
	if passes > maxPasses {
		l.progress.Unverified++
		return s, nil
	}
	repeats := &refold.Repeats{Passes: int(passes), Most: int(min(2*l.check.spanEvents()+64, math.MaxInt32))}
	s.visit = repeats.Take
	for pass := range int(passes) {
		repeats.Begin(pass)
		if err := s.foldIn(ctx, buckets); err != nil {
			return l.tooLarge(s, err)
		}
	}
	repeats.End()
	s.visit, s.into.Repeats = nil, repeats
	if err := s.one(ctx, buckets, 1); err != nil {
		return l.tooLarge(s, err)
	}
	return s, nil
}

// tooLarge counts an entity that does not fit into memory as unverified.
func (l *lane) tooLarge(s *span, err error) (*span, error) {
	if !errors.Is(err, refold.ErrFull) {
		return s, err
	}
	l.progress.Unverified++
	return &span{lane: l, only: s.only, rows: s.rows, events: s.events, read: s.read, units: s.units}, nil
}

// visitor is given each event up to the row's position, in place of being folded.
type visitor func(*projection.Placed) error

// compareIndex compares the identity index of a span's entities with the identities of
// their events. Entries of events after a row's position are live traffic.
func (l *lane) compareIndex(ctx context.Context, s *span) error {
	index, offers := l.generation.(datastore.Recaller)
	indexed := slices.ContainsFunc(s.rows, func(row datastore.Row) bool { return row.Indexed != "" })
	if !offers || !indexed {
		return nil
	}
	right := make(map[string]int64)
	from, to := event.EscapeEntity(s.after), strings.TrimSuffix(s.stop, "~")
	entries, bytes := 0, 0
	err := index.Identities(ctx, l.id, from, to, func(e datastore.Identity) error {
		entries, bytes = entries+1, bytes+len(e.Entity)+identityBytes
		if s.judgeIdentity(&e) {
			right[e.Entity]++
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read identity index: %w", err)
	}
	s.units += indexParts + meter.Read(bytes, true)
	known := s.into.Known()
	for i := range s.rows {
		row := &s.rows[i]
		if row.Indexed != row.Position || right[row.Entity] >= known[row.Entity] {
			continue
		}
		s.findings.add(Difference{Kind: Index, Lane: l.id, Entity: row.Entity, Position: row.Position,
			What: "entries of the identity index that are right", Want: strconv.FormatInt(known[row.Entity], 10),
			Have: strconv.FormatInt(right[row.Entity], 10)})
	}
	return nil
}

// judgeIdentity reports whether an entry of the identity index is that of the first event
// with its identity up to the row's position, and notes what is wrong with others. An entry of
// a later event is not wrong while the first has not been entered: it is left by a consumer
// whose row was refused, and gives way to the first, since an index keeps the lowest position.
func (s *span) judgeIdentity(e *datastore.Identity) (right bool) {
	h, held := s.held[e.Entity]
	if !held || !s.covers(e.Entity) {
		return false
	}
	first, found := s.into.First(e.IndexKey())
	switch {
	case found && first == *e:
		return true
	case !found && e.Position > h.row.Position:
		return false // an event since
	case found && e.Position > first.Position && first.Position > h.row.Indexed:
		return false
	}
	d := Difference{Kind: Index, Lane: s.lane.id, Entity: e.Entity, Position: e.Position,
		What: "an entry of the identity index that no event has", Have: e.Key.String()}
	if found {
		d.What, d.Want, d.Have = "the first event with an identity, and its content",
			fmt.Sprintf("%s %016x", first.Position, first.Content), fmt.Sprintf("%s %016x", e.Position, e.Content)
	}
	s.findings.add(d)
	return false
}
