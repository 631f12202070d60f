package projection

import (
	"context"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// Placed is an event at its place in the log.
type Placed struct {
	Event    event.Event
	Position event.Position
	Bucket   eventlog.Bucket
	// Line is the canonical encoding.
	Line []byte
}

// history reads the entity's events up to a position, oldest first.
type history func(ctx context.Context, entity string, buckets []eventlog.Bucket, upTo event.Position,
	visit func(eventlog.Bucket, *eventlog.Entry) error) error

// maxExact is the number of an entity's events up to which their identities
// are held in memory. Of a larger entity only those that the batch asks for
// are looked up, in one read of its history a batch.
const maxExact = 400_000

// rowFold folds a batch of one entity's events into its row.
type rowFold struct {
	set     *Set
	row     datastore.Row
	filter  filter
	fold    Fold
	history history
	// exact is the set of identities up to the row's position, loaded when the
	// filter cannot rule a duplicate out; until then batch has those of the
	// events folded in this batch.
	exact *identities
	batch map[event.Digest]uint64
	// only restricts what exact holds; nil means all.
	only map[event.Digest]bool
}

// foldRow returns row with the events folded in that lie behind its position.
// exact is the cached set of the row's identities or nil; the set as of the
// returned row, or nil, comes back. Rejections do not return as errors: they
// park the entity.
func foldRow(ctx context.Context, set *Set, row datastore.Row, exact *identities, events []*Placed, read history,
) (datastore.Row, *identities, error) {
	f := &rowFold{set: set, row: row, filter: append(filter(nil), row.Filter...), history: read, exact: exact}
	if row.Parked != nil {
		parked := *row.Parked
		f.row.Parked = &parked
	}
	if exact == nil && seenBy(&row) > maxExact {
		f.only = identitiesOf(events)
	}
	for _, p := range events {
		if p.Position <= f.row.Position {
			continue
		}
		if err := f.take(ctx, p); err != nil {
			return row, nil, err
		}
	}
	f.row.Filter = f.filter
	f.row.Version = set.Version()
	if f.exact == nil || f.only != nil {
		return f.row, nil, nil
	}
	f.exact.upTo = f.row.Position
	return f.row, f.exact, nil
}

// seenBy is the number of the entity's events up to the row's position.
func seenBy(row *datastore.Row) int64 {
	n := row.Count + row.Duplicates + row.Ignored
	if row.Parked != nil {
		n += 1 + row.Parked.Waiting
	}
	return n
}

func identitiesOf(events []*Placed) map[event.Digest]bool {
	ids := make(map[event.Digest]bool, len(events))
	for _, p := range events {
		ids[p.Event.Identity()] = true
	}
	return ids
}

func (f *rowFold) take(ctx context.Context, p *Placed) error {
	duplicate, err := f.duplicate(ctx, p)
	if err != nil {
		return err
	}
	f.see(p)
	switch {
	case duplicate:
		f.row.Duplicates++
	case f.row.Parked != nil:
		f.row.Parked.Waiting++
	default:
		f.apply(p)
	}
	return nil
}

// see records that the event was seen, whatever becomes of it.
func (f *rowFold) see(p *Placed) {
	f.row.Position = p.Position
	f.row.Buckets = eventlog.AddBucket(f.row.Buckets, p.Bucket)
}

// duplicate applies the rule: an event is a duplicate if one at an earlier
// position of the entity in the log has the same source and id.
func (f *rowFold) duplicate(ctx context.Context, p *Placed) (bool, error) {
	id := p.Event.Identity()
	if f.exact == nil && f.filter.mayHave(id) {
		if err := f.loadExact(ctx); err != nil {
			return false, err
		}
	}
	content := contentOf(p.Line)
	seen, found := f.lookUp(id)
	if found {
		if seen != content {
			f.row.Conflicts++
		}
		return true, nil
	}
	f.remember(id, content)
	f.filter = f.filter.add(id)
	return false, nil
}

func (f *rowFold) lookUp(id event.Digest) (uint64, bool) {
	if f.exact != nil {
		content, found := f.exact.seen[id]
		return content, found
	}
	content, found := f.batch[id]
	return content, found
}

func (f *rowFold) remember(id event.Digest, content uint64) {
	if f.exact != nil {
		f.exact.seen[id] = content
		return
	}
	if f.batch == nil {
		f.batch = make(map[event.Digest]uint64)
	}
	f.batch[id] = content
}

func contentOf(line []byte) uint64 { return event.ContentOf(line).Hi }

// loadExact reads the identities of all events up to the row's position and
// adds those of the batch so far: one strongly consistent read of the history,
// whatever the number of suspects.
func (f *rowFold) loadExact(ctx context.Context) error {
	f.exact = &identities{seen: make(map[event.Digest]uint64)}
	if f.row.Position == "" {
		return nil
	}
	// The events of this batch up to the row's position are in the log as well.
	return f.history(ctx, f.row.Entity, eventlog.ExpandBuckets(f.row.Buckets), f.row.Position, func(_ eventlog.Bucket, entry *eventlog.Entry) error {
		past, err := event.Parse(string(entry.Line))
		if err != nil {
			return fmt.Errorf("parse event at %s: %w", entry.Position, err)
		}
		id := past.Identity()
		if f.only != nil && !f.only[id] {
			return nil
		}
		if _, found := f.exact.seen[id]; !found {
			f.exact.seen[id] = contentOf(entry.Line)
		}
		return nil
	})
}

func (f *rowFold) apply(p *Placed) {
	projection := f.set.For(p.Event.Type)
	if projection == nil {
		f.row.Ignored++
		return
	}
	if err := f.applyTo(projection, p); err != nil {
		f.row.Parked = &datastore.Parked{Position: p.Position, Type: p.Event.Type, Reason: clip(err.Error())}
		f.fold = nil
		return
	}
	f.row.Count++
	f.row.Chain = f.row.Chain.Chain(event.DigestOf(p.Position, p.Line))
}

func (f *rowFold) applyTo(projection Projection, p *Placed) error {
	if f.row.Projection == "" {
		f.row.Projection = projection.Name()
	}
	if f.row.Projection != projection.Name() {
		return fmt.Errorf("the entity belongs to projection %s, not to %s", f.row.Projection, projection.Name())
	}
	if f.fold == nil {
		fold, err := projection.Begin(f.row.State)
		if err != nil {
			return err
		}
		f.fold = fold
	}
	state, err := f.fold.Apply(&p.Event)
	if err != nil {
		return err
	}
	f.row.State = state
	return nil
}

const maxReason = 300

func clip(reason string) string {
	if len(reason) > maxReason {
		return reason[:maxReason] + "…"
	}
	return reason
}
