package simulation

import (
	"context"
	"slices"
	"strings"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

type bucketKey struct {
	lane   event.Lane
	bucket eventlog.Bucket
}

// storedEntry is an entry with its key, when it was written and by which actor.
type storedEntry struct {
	key     string
	entry   eventlog.Entry
	written int64
	by      int
}

// logState is the Events table. Only the scheduler touches it.
type logState struct {
	world *world
	// buckets are sorted by key.
	buckets    map[bucketKey][]storedEntry
	quarantine map[event.Lane]map[event.Position]eventlog.Quarantined
	witnesses  map[event.Lane][]eventlog.Witness
	// puts are the records that actors without a driver put into the log.
	puts map[attempt]map[event.Position]bool
}

// logOf is the event log as one actor sees it.
type logOf struct {
	actor *actor
	state *logState
}

func (w *world) logOf(a *actor) eventlog.Log { return logOf{a, w.events} }

// who is the log's actor, or the caller's if it has none.
func (l logOf) who(ctx context.Context) *actor {
	if l.actor != nil {
		return l.actor
	}
	return actorOf(ctx)
}

func (k bucketKey) String() string { return k.lane.String() + "/" + string(k.bucket) }

// Put implements eventlog.Log.
func (l logOf) Put(ctx context.Context, lane event.Lane, bucket eventlog.Bucket, entries []eventlog.Entry) error {
	at := bucketKey{lane, bucket}
	a := l.who(ctx)
	return a.do(ctx, "log.put", at.String(), eventlog.ErrThrottled, func(f fate) error {
		for i := range entries {
			if !f.partly() {
				continue
			}
			if err := l.state.put(a, at, entries[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *logState) find(at bucketKey, key string) (int, bool) {
	return slices.BinarySearchFunc(s.buckets[at], key, func(e storedEntry, key string) int {
		return strings.Compare(e.key, key)
	})
}

// entry is the stored form of an event, or nil.
func (s *logState) entry(at bucketKey, e *modelEvent) *storedEntry {
	i, found := s.find(at, event.SortKey(e.entity, e.position))
	if !found {
		return nil
	}
	return &s.buckets[at][i]
}

// put does not change an entry that is already stored: an attempt that died may
// have stored the event with another logged time of the bucket.
func (s *logState) put(a *actor, at bucketKey, e eventlog.Entry) error {
	key := e.SortKey()
	s.world.sawEntry(at, &e)
	s.note(a, at.lane, e.Position)
	i, found := s.find(at, key)
	if found {
		if old := &s.buckets[at][i].entry; string(old.Line) != string(e.Line) {
			s.world.breakf(immutability, "another content is written at %s of lane %s", e.Position, at.lane)
			return eventlog.ErrChanged
		}
		return nil
	}
	e.Line = slices.Clone(e.Line)
	s.buckets[at] = slices.Insert(s.buckets[at], i, storedEntry{key, e, s.world.now, a.id})
	return nil
}

// note records what an actor without a driver puts into the log.
func (s *logState) note(a *actor, lane event.Lane, at event.Position) {
	r := s.world.model.lanes[lane].record(at)
	if !a.direct || r == nil {
		return
	}
	by := attempt{a.id, lane}
	if s.puts[by] == nil {
		s.puts[by] = make(map[event.Position]bool)
	}
	s.puts[by][r.first] = true
}

// Read implements eventlog.Log.
func (l logOf) Read(
	ctx context.Context,
	lane event.Lane,
	bucket eventlog.Bucket,
	after string,
	limit eventlog.PageLimit,
	consistent bool,
) (page eventlog.Page, err error) {
	at := bucketKey{lane, bucket}
	err = l.who(ctx).do(ctx, "log.read", at.String()+"/"+after, eventlog.ErrThrottled, func(fate) error {
		page = l.state.page(at, "", after, limit, consistent)
		return nil
	})
	return page, err
}

// ReadEntity implements eventlog.Log.
func (l logOf) ReadEntity(
	ctx context.Context,
	lane event.Lane,
	bucket eventlog.Bucket,
	entity, after string,
	limit eventlog.PageLimit,
) (page eventlog.Page, err error) {
	at := bucketKey{lane, bucket}
	err = l.who(ctx).do(ctx, "log.readentity", at.String()+"/"+entity+"/"+after, eventlog.ErrThrottled, func(fate) error {
		page = l.state.page(at, event.EscapeEntity(entity)+"#", after, limit, true)
		return nil
	})
	return page, err
}

func (s *logState) page(at bucketKey, prefix, after string, limit eventlog.PageLimit, consistent bool) eventlog.Page {
	var page eventlog.Page
	most, bytes := limit.Bytes, 0
	if most == 0 {
		most = 1 << 20
	}
	for i := range s.buckets[at] {
		stored := &s.buckets[at][i]
		if stored.key <= after || !strings.HasPrefix(stored.key, prefix) {
			continue
		}
		if len(page.Entries) == limit.Entries || (bytes >= most && len(page.Entries) > 0) {
			page.Next = page.Entries[len(page.Entries)-1].SortKey()
			break
		}
		if !consistent && s.world.now-stored.written < s.world.staleness && s.world.random.IntN(3) == 0 {
			continue
		}
		e := stored.entry
		e.Line = slices.Clone(e.Line)
		page.Entries = append(page.Entries, e)
		bytes += len(e.Line)
	}
	return page
}

// Has implements eventlog.Log.
func (l logOf) Has(ctx context.Context, lane event.Lane, bucket eventlog.Bucket, entity string, position event.Position,
) (found bool, err error) {
	at, key := bucketKey{lane, bucket}, event.SortKey(entity, position)
	err = l.who(ctx).do(ctx, "log.has", at.String()+"/"+key, eventlog.ErrThrottled, func(fate) error {
		_, found = l.state.find(at, key)
		return nil
	})
	return found, err
}

// Quarantine implements eventlog.Log.
func (l logOf) Quarantine(ctx context.Context, lane event.Lane, q eventlog.Quarantined) error {
	a := l.who(ctx)
	return a.do(ctx, "log.quarantine", lane.String()+"/"+string(q.Position), eventlog.ErrThrottled, func(fate) error {
		l.state.world.sawAside(a, lane, &q)
		if l.state.quarantine[lane] == nil {
			l.state.quarantine[lane] = make(map[event.Position]eventlog.Quarantined)
		}
		if _, found := l.state.quarantine[lane][q.Position]; !found {
			l.state.quarantine[lane][q.Position] = q
		}
		return nil
	})
}

// ListQuarantine implements eventlog.Log.
func (l logOf) ListQuarantine(
	ctx context.Context, lane event.Lane, after event.Position, limit int,
) (list []eventlog.Quarantined, err error) {
	err = l.who(ctx).do(ctx, "log.listquarantine", lane.String(), eventlog.ErrThrottled, func(fate) error {
		for _, q := range l.state.quarantine[lane] {
			if q.Position > after {
				list = append(list, q)
			}
		}
		slices.SortFunc(list, func(a, b eventlog.Quarantined) int {
			return strings.Compare(string(a.Position), string(b.Position))
		})
		list = list[:min(limit, len(list))]
		return nil
	})
	return list, err
}

// PutWitness implements eventlog.Log.
func (l logOf) PutWitness(ctx context.Context, lane event.Lane, w eventlog.Witness) error {
	return l.who(ctx).do(ctx, "log.putwitness", lane.String()+"/"+string(w.Bucket), eventlog.ErrThrottled,
		func(fate) error {
			for _, stored := range l.state.witnesses[lane] {
				if stored.Bucket == w.Bucket {
					if stored != w {
						return eventlog.ErrChanged
					}
					return nil
				}
			}
			l.state.witnesses[lane] = append(l.state.witnesses[lane], w)
			slices.SortFunc(l.state.witnesses[lane], func(a, b eventlog.Witness) int {
				return strings.Compare(string(a.Bucket), string(b.Bucket))
			})
			return nil
		})
}

// Witnesses implements eventlog.Log.
func (l logOf) Witnesses(
	ctx context.Context, lane event.Lane, after eventlog.Bucket, limit int,
) (list []eventlog.Witness, err error) {
	err = l.who(ctx).do(ctx, "log.witnesses", lane.String()+"/"+string(after), eventlog.ErrThrottled, func(fate) error {
		for _, w := range l.state.witnesses[lane] {
			if w.Bucket > after && len(list) < limit {
				list = append(list, w)
			}
		}
		return nil
	})
	return list, err
}
