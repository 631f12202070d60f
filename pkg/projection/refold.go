package projection

import (
	"context"
	"errors"
	"slices"

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

// reversing is what a fold knows of the reversals of its entity.
type reversing struct {
	// within bounds the events of an entity that can be folded without one of them. It is
	// 0 in a fold from nothing that knows already which events are reversed in the end.
	within int
	// out are the events that are left out, since they are reversed.
	out map[event.Digest]bool
	// unfit is why a reversal that is folded now cannot be acted on, "" if it can.
	unfit string
	// reversed counts the times that the entity was folded without an event, or with it
	// again, because of a reversal.
	reversed int64
}

// leavesOut reports whether s reverses an event by having the entity folded without it.
// Where nothing was before, nothing is reversed.
func (r *reversing) leavesOut(f *rowFold, s *sighting) bool {
	if r.within == 0 || f.row.Position == "" {
		return false
	}
	reversal, is := event.ReversalOf(&s.Event)
	return is && reversal.Inverse == nil
}

// folds folds the entity again if s is a correction that asks for it.
func (f *rowFold) folds(ctx context.Context, s *sighting) (content uint64, duplicate bool, err error) {
	f.unfit = ""
	switch {
	case f.leavesOut(f, s):
		if f.unfit, content, duplicate, err = f.anew(ctx, s, f.within); err == nil && f.unfit == "" {
			f.reversing.reversed++
		}
	case f.refolding.applies(f, s):
		var why string
		if why, content, duplicate, err = f.anew(ctx, s, f.refolding.events); err != nil {
			break
		}
		if why != "" {
			f.left++
		} else {
			f.done++
		}
	}
	return content, duplicate, err
}

// unfitness is why an entity cannot be folded again after an error, "" if that may succeed
// another time.
func unfitness(err error) string {
	if _, undecodable := errors.AsType[*event.Invalid](err); undecodable {
		return "an event of the entity cannot be decoded, so it cannot be folded again"
	}
	if errors.Is(err, errTooLong) {
		return errTooLong.Error()
	}
	return ""
}

// anew folds all events of the entity before s again, from nothing and by the same
// rules, and replaces the row by what they come to; the row's position, and whether it
// is indexed, stay. Events that are reversed, also by s, are left out. It returns whether
// s repeats one of them, which the history tells more surely than what was stored with
// the row. An entity with too many events, or with one that cannot be decoded, is left as
// it is: unfit says why.
func (f *rowFold) anew(ctx context.Context, s *sighting, within int) (
	unfit string, content uint64, duplicate bool, err error,
) {
	past, err := f.survey(ctx, s, within)
	if unfit = unfitness(err); unfit != "" {
		return unfit, 0, false, nil
	}
	if err != nil {
		return "", 0, false, err
	}
	if _, repeated := past.first[s.id]; !repeated {
		past.reverse(s)
	}
	fresh := rowFold{set: f.set, past: past.first, history: f.history, overlooked: past.named}
	fresh.out = past.reversed()
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
		return "", 0, false, err
	}
	f.replace(&fresh.row)
	content, duplicate = f.renew(past, ids, s)
	return "", content, duplicate, nil
}

// Whole folds the events that an entity has in the log before a position, in the given
// buckets, from nothing and by the rules by which they are folded one after the other: in
// time linear in their number, however many of them are reversed or stepped over. An entity
// with more of them than can be folded again is an error.
func (a *Applier) Whole(
	ctx context.Context, lane event.Lane, entity string, buckets []eventlog.Bucket, before event.Position,
) (row datastore.Row, err error) {
	if len(buckets) == 0 {
		return datastore.Row{Entity: entity, Version: a.Version()}, nil
	}
	end := sighting{Placed: &Placed{Position: before, Bucket: buckets[len(buckets)-1]}}
	err = a.set.attempt(ctx, func(ctx context.Context) error {
		r := run{applier: a, to: Target{Lane: lane}}
		f := rowFold{set: a.set.watchedIn(ctx), past: indexedPast(nil), history: r.history}
		f.row = datastore.Row{Entity: entity, Buckets: buckets, Version: a.Version()}
		unfit, _, _, err := f.anew(ctx, &end, a.limits.refold)
		if err == nil && unfit != "" {
			err = errors.New(unfit)
		}
		row = f.row
		return err
	})
	return row, err
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
func (f *rowFold) renew(past *survey, ids filter, s *sighting) (content uint64, duplicate bool) {
	first, duplicate := past.first[s.id]
	small, filtered := f.past.(*smallPast)
	if !filtered {
		return first.Content, duplicate
	}
	seen := make(map[event.Digest]uint64, len(past.first)+1)
	for key, identity := range past.first {
		seen[key] = identity.Content
	}
	if !duplicate {
		seen[s.id], ids = s.content, ids.add(s.id)
	}
	small.filter, small.exact, small.batch = ids, &identities{seen: seen}, nil
	return first.Content, duplicate
}

// survey is what is known of an entity's history before it is folded again.
type survey struct {
	// first is the first event with each identity.
	first indexedPast
	// named is the position of the last correction that names an identity.
	named map[event.Digest]event.Position
	// reversals are those that name an earlier event, in order.
	reversals []reversal
}

type reversal struct {
	id, named event.Digest
	// inverse is set if the reversal is applied like an event.
	inverse bool
}

// learn takes in the next event that repeats none.
func (v *survey) learn(s *sighting) {
	v.first[s.id] = datastore.Identity{Position: s.Position, Content: s.content}
	if skip, is := event.SkipOf(&s.Event); is {
		v.named[skip.Named()] = s.Position
	}
	v.reverse(s)
}

// reverse takes in what the next event reverses.
func (v *survey) reverse(s *sighting) {
	r, is := event.ReversalOf(&s.Event)
	if _, earlier := v.first[r.Named()]; is && earlier && r.Named() != s.id {
		v.reversals = append(v.reversals, reversal{s.id, r.Named(), r.Inverse != nil})
	}
}

// reversed are the events that are left out. A reversal that is reversed itself reverses
// nothing.
func (v *survey) reversed() map[event.Digest]bool {
	out := make(map[event.Digest]bool)
	for _, r := range slices.Backward(v.reversals) {
		if !r.inverse && !out[r.id] {
			out[r.named] = true
		}
	}
	return out
}

// survey reads the entity's events before s for the first time. It returns errTooLong
// if there are too many.
func (f *rowFold) survey(ctx context.Context, s *sighting, within int) (*survey, error) {
	found := &survey{first: make(indexedPast), named: make(map[event.Digest]event.Position)}
	events, bytes := 0, 0
	err := f.before(ctx, s, func(b eventlog.Bucket, entry *eventlog.Entry) error {
		events, bytes = events+1, bytes+len(entry.Line)
		if events > within || bytes > MaxRefoldBytes {
			return errTooLong
		}
		next, err := sightingOf(b, entry)
		if err != nil {
			return err
		}
		if _, repeated := found.first[next.id]; !repeated {
			found.learn(&next)
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
