package projection

import (
	"context"
	"errors"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// The limits of an entity that is folded again from its first event on, which happens
// between two writes of rows.
const (
	MaxRefoldEvents  = 20_000
	MaxRefoldBytes   = 32 << 20
	MaxRefoldBuckets = 1000
)

const (
	// chunkRefolded bounds the work of folding again between two writes of rows: the
	// bytes of the events, and eventOverhead for each.
	chunkRefolded = 32 << 20
	eventOverhead = 1 << 10
)

// errTooLong says that an entity has more events, or events in more buckets, than are
// folded again at once.
var errTooLong = errors.New("the entity's history is too long to be folded again")

// refolding is how a fold acts on corrections that have their entity folded again. The
// zero value does not: what is folded from the first event on needs no such correction.
type refolding struct {
	// events bounds the events of an entity, 0 if these corrections have no effect.
	events int
	// done counts the times that the entity was folded again, left those that it was left
	// as it is, and work measures it like chunkRefolded.
	done, left int64
	work       int
}

// applies reports whether the entity is folded again at an event that repeats no other.
// An entity of which the generation has seen nothing has nothing to fold again.
func (r *refolding) applies(f *rowFold, s *sighting) bool {
	if r.events == 0 || f.row.Position == "" || s.Event.Type != event.TypeRefolded {
		return false
	}
	_, is := event.RefoldOf(&s.Event)
	return is
}

// anew folds all events of the entity before s again, from nothing and by the same
// rules, and replaces the row by what they come to; the row's position, and whether it
// is indexed, stay. It returns whether s repeats one of them, which the history tells
// more surely than what was stored with the row. An entity with too many events, or with
// one that cannot be decoded, is left as it is.
func (f *rowFold) anew(ctx context.Context, s *sighting) (content uint64, duplicate bool, err error) {
	past, err := f.survey(ctx, s)
	if _, undecodable := errors.AsType[*event.Invalid](err); undecodable || errors.Is(err, errTooLong) {
		f.refolding.left++
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	fresh := rowFold{set: f.set, past: past.first, history: f.history, overlooked: past.named}
	fresh.row = datastore.Row{Entity: f.row.Entity}
	var ids filter
	err = f.before(ctx, s, func(b eventlog.Bucket, entry *eventlog.Entry) error {
		next, err := sightingOf(b, entry)
		if err != nil {
			return err
		}
		if past.first[next.id].Position == next.Position {
			ids = ids.add(next.id)
		}
		_, err = fresh.take(ctx, &next)
		return err
	})
	if err != nil {
		return 0, false, err
	}
	f.refolding.done++
	f.replace(&fresh.row)
	return f.renew(past, ids, s)
}

// replace takes over what was folded again.
func (f *rowFold) replace(fresh *datastore.Row) {
	old := f.row
	f.row, f.fold = *fresh, nil
	f.row.Position = max(old.Position, fresh.Position)
	f.row.Version, f.row.Replay = old.Version, old.Replay
	f.row.Indexed, f.row.IndexedBucket = old.Indexed, old.IndexedBucket
}

// renew replaces what is known of the entity's identities by what its history has.
func (f *rowFold) renew(past *survey, ids filter, s *sighting) (content uint64, duplicate bool, err error) {
	first, duplicate := past.first[s.id]
	small, filtered := f.past.(*smallPast)
	if !filtered {
		return first.Content, duplicate, nil
	}
	seen := make(map[event.Digest]uint64, len(past.first)+1)
	for key, identity := range past.first {
		seen[key] = identity.Content
	}
	if !duplicate {
		seen[s.id], ids = s.content, ids.add(s.id)
	}
	small.filter, small.exact, small.batch = ids, &identities{seen: seen}, nil
	return first.Content, duplicate, nil
}

// survey is what is known of an entity's history before it is folded again.
type survey struct {
	// first is the first event with each identity.
	first indexedPast
	// named is the position of the last correction that names an identity.
	named map[event.Digest]event.Position
}

// survey reads the entity's events before s for the first time. It returns errTooLong
// if there are too many.
func (f *rowFold) survey(ctx context.Context, s *sighting) (*survey, error) {
	found := &survey{first: make(indexedPast), named: make(map[event.Digest]event.Position)}
	events, bytes := 0, 0
	err := f.before(ctx, s, func(b eventlog.Bucket, entry *eventlog.Entry) error {
		events, bytes = events+1, bytes+len(entry.Line)
		if events > f.refolding.events || bytes > MaxRefoldBytes {
			return errTooLong
		}
		next, err := sightingOf(b, entry)
		if err != nil {
			return err
		}
		if _, repeated := found.first[next.id]; repeated {
			return nil
		}
		found.first[next.id] = datastore.Identity{Position: next.Position, Content: next.content}
		if skip, is := event.SkipOf(&next.Event); is {
			found.named[skip.Named()] = next.Position
		}
		return nil
	})
	return found, err
}

// before reads the entity's events before s. The log has all of them: its head covers s.
func (f *rowFold) before(
	ctx context.Context, s *sighting, visit func(eventlog.Bucket, *eventlog.Entry) error,
) error {
	buckets := eventlog.ExpandBuckets(eventlog.AddBucket(f.row.Buckets, s.Bucket))
	if len(buckets) > MaxRefoldBuckets {
		return errTooLong
	}
	return f.history(ctx, f.row.Entity, buckets, "", s.Position,
		func(b eventlog.Bucket, entry *eventlog.Entry) error {
			f.refolding.work += len(entry.Line) + eventOverhead
			if entry.Position >= s.Position {
				return nil
			}
			return visit(b, entry)
		})
}
