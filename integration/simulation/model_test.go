package simulation

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// The event types of a world.
const (
	typeNoted   = "sim.noted"
	typeOther   = "sim.other"
	typeRefused = "sim.refused"
	typeIgnored = "sim.ignored"
)

// seen is the state of the projection under test: its events in order.
type seen struct {
	Seen []int `json:"seen"`
}

type payload struct {
	Serial int `json:"n"`
}

var errRefused = errors.New("the event is refused")

// versionStep is what a version adds to every serial. Both versions can read each
// other's states, which differ only in the numbers.
const versionStep = 5_000_000

// newProjections makes a version of the projections, counted from 0.
func newProjections(version int) (*projection.Set, error) {
	return projection.NewSet(projection.New("seen", 1+version, []string{typeNoted, typeOther, typeRefused},
		func(state seen, e *event.Event) (seen, error) {
			if e.Type == typeRefused {
				return state, errRefused
			}
			var p payload
			if err := json.Unmarshal([]byte(e.Data), &p); err != nil {
				return state, err
			}
			return seen{append(slices.Clone(state.Seen), p.Serial+version*versionStep)}, nil
		}))
}

// modelEvent is an event of the log.
type modelEvent struct {
	entity   string
	position event.Position
	kind     string
	line     []byte
	logged   int64
	bucket   eventlog.Bucket
	digest   event.Digest
	// corrects is set for a correction; one that was spoilt is an event that no
	// projection handles.
	corrects bool
}

// ignored reports whether no projection handles the event.
func (e *modelEvent) ignored() bool {
	return e.kind == typeIgnored || !e.corrects &&
		(e.kind == event.TypeSkipped || e.kind == event.TypeRefolded || strings.HasSuffix(e.kind, event.ReversedSuffix))
}

// modelLane is a lane's part of the event stream and of the log.
type modelLane struct {
	// records are all records that were put. events are the events of those in
	// the log. Both are in the order of positions.
	records []modelRecord
	events  []modelEvent
	logged  int64
	// covered is the head. manifests are those as of that head.
	covered   eventlog.Head
	manifests map[eventlog.Bucket]eventlog.Manifest
}

// modelEntity folds an entity's events by the simplest possible rule.
type modelEntity struct {
	positions []event.Position
	// rows are the rows of each version after each event.
	rows  [versions][]datastore.Row
	ids   map[string]string
	state [versions]seen
	// fresh are the events that repeat no other.
	fresh []freshEvent
}

// freshEvent is an event that repeats no other.
type freshEvent struct {
	*modelEvent
	event event.Event
	// names is the identity that a correction names.
	names string
	// reverses is the identity that a reversal names.
	reverses string
	reversal event.Reversal
}

func identityOf(source, id string) string { return source + "\x00" + id }

// model is the sequential truth: the events of the log in the order of positions.
type model struct {
	world    *world
	lanes    []modelLane
	entities map[string]*modelEntity
}

func newModel(w *world) *model {
	m := &model{world: w, lanes: make([]modelLane, w.lanes.Count()), entities: make(map[string]*modelEntity)}
	for i := range m.lanes {
		m.lanes[i].manifests = make(map[eventlog.Bucket]eventlog.Manifest)
	}
	return m
}

func (m *model) entity(id string) *modelEntity {
	found := m.entities[id]
	if found == nil {
		found = &modelEntity{ids: make(map[string]string)}
		m.entities[id] = found
	}
	return found
}

// fold appends the rows that an entity must have after the event.
func (m *model) fold(at *modelEvent, e *event.Event) {
	entity := m.entity(at.entity)
	identity := identityOf(e.Source, e.ID)
	first, repeated := entity.ids[identity]
	fresh := freshEvent{modelEvent: at, event: *e}
	if skip, is := event.SkipOf(e); is {
		fresh.names = identityOf(skip.Source, skip.ID)
	}
	fresh.reverse()
	if !repeated {
		entity.fresh = append(entity.fresh, fresh)
	}
	for version := range versions {
		row := datastore.Row{Entity: at.entity, Version: m.world.setAt(version).Version()}
		if n := len(entity.rows[version]); n > 0 {
			row = cloneRow(entity.rows[version][n-1])
		}
		row.Position = at.position
		if n := len(row.Buckets); n == 0 || row.Buckets[n-1] != at.bucket {
			row.Buckets = append(row.Buckets, at.bucket)
		}
		switch {
		case repeated:
			row.Duplicates++
			if first != string(at.line) {
				row.Conflicts++
			}
		case fresh.leavesOut() || (row.Parked != nil && fresh.names != ""):
			m.world.sawReversal(&fresh, version, row.Parked != nil)
			row = entity.refold(version, row, entity.fresh, "")
		case row.Parked != nil:
			row.Parked.Waiting++
		case at.corrects && !fresh.applies():
			row.Corrections++
		case at.ignored():
			row.Ignored++
		case fresh.refused():
			row.Parked = &datastore.Parked{Position: at.position, Type: at.kind}
		default:
			entity.apply(version, &row, &fresh)
		}
		entity.rows[version] = append(entity.rows[version], row)
	}
	if !repeated {
		entity.ids[identity] = string(at.line)
	}
	entity.positions = append(entity.positions, at.position)
}

// halfway is the row of a version after the event at a position, when the events that
// waited have been folded again up to those that row says. The correction is the next
// event.
func (m *modelEntity) halfway(version int, row *datastore.Row) (*datastore.Row, bool) {
	whole, found := m.row(version, row.Position)
	next := slices.IndexFunc(m.fresh, func(f freshEvent) bool { return f.position > row.Position })
	if !found || next < 0 || m.fresh[next].names == "" || row.Parked.Position > row.Parked.Again.After {
		return nil, false
	}
	seen, state := m.fresh[:next+1], m.state[version]
	end := row.Parked.Again.After
	if !row.Parked.Again.Over {
		end = row.Parked.Position
	}
	want := m.refold(version, cloneRow(*whole), seen, end)
	m.state[version] = state
	parked := slices.IndexFunc(seen, func(f freshEvent) bool { return f.position == row.Parked.Position })
	if parked < 0 || !seen[parked].refused() {
		return nil, false
	}
	if row.Parked.Again.Over {
		want.Skipped-- // the parked event counts once all is done
	} else if want.Parked == nil {
		want.Skipped-- // a later correction names it
	}
	want.Parked = &datastore.Parked{Position: row.Parked.Position}
	for _, f := range seen[:next] {
		if f.position > end {
			want.Parked.Waiting++
		}
	}
	return &want, true
}

func (m *modelEntity) apply(version int, row *datastore.Row, f *freshEvent) {
	var p payload
	_ = json.Unmarshal([]byte(f.data()), &p) // the producers write it
	m.state[version].Seen = append(m.state[version].Seen, p.Serial+version*versionStep)
	state, err := json.Marshal(m.state[version])
	if err != nil {
		return
	}
	row.State = state
	row.Count++
	row.Chain = row.Chain.Chain(f.digest)
}

// last is the position of an entity's last event up to at, or "".
func (m *modelEntity) last(at event.Position) event.Position {
	i, found := slices.BinarySearch(m.positions, at)
	switch {
	case found:
		return at
	case i == 0:
		return ""
	}
	return m.positions[i-1]
}

// row is the row of a version after the event at a position.
func (m *modelEntity) row(version int, at event.Position) (*datastore.Row, bool) {
	i, found := slices.BinarySearch(m.positions, at)
	if !found {
		return nil, false
	}
	return &m.rows[version][i], true
}

// count is the number of events up to a position.
func (l *modelLane) count(at event.Position) int {
	i, found := slices.BinarySearchFunc(l.events, at, func(e modelEvent, at event.Position) int {
		return strings.Compare(string(e.position), string(at))
	})
	if found {
		i++
	}
	return i
}

// ignored is the number of events up to a position that no projection handles.
func (l *modelLane) ignored(at event.Position) (n int64) {
	for _, e := range l.events[:l.count(at)] {
		if e.ignored() {
			n++
		}
	}
	return n
}
