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

// seen is the state of the projection under test: what it was given, in order.
type seen struct {
	Seen []int `json:"seen"`
}

type payload struct {
	Serial int `json:"n"`
}

var errRefused = errors.New("the event is refused")

func newProjections() (*projection.Set, error) {
	return projection.NewSet(projection.New("seen", 1, []string{typeNoted, typeOther, typeRefused},
		func(state seen, e *event.Event) (seen, error) {
			if e.Type == typeRefused {
				return state, errRefused
			}
			var p payload
			if err := json.Unmarshal([]byte(e.Data), &p); err != nil {
				return state, err
			}
			return seen{append(slices.Clone(state.Seen), p.Serial)}, nil
		}))
}

// modelEvent is an event as the event stream orders it.
type modelEvent struct {
	entity   string
	position event.Position
	kind     string
	line     []byte
	logged   int64
	bucket   eventlog.Bucket
	digest   event.Digest
}

// modelLane is what the event stream has of a lane.
type modelLane struct {
	events []modelEvent
	// bad are the positions of records that cannot be decoded.
	bad    []event.Position
	logged int64
	// manifests by bucket, of all events so far.
	covered eventlog.Head
	// checked is the number of events, and of bad records, under the head.
	checked, checkedBad int
}

// modelEntity folds an entity's events by the plainest rule there is.
type modelEntity struct {
	positions []event.Position
	rows      []datastore.Row
	ids       map[string]string
	state     seen
}

// model is the sequential truth: what the order of the event stream demands.
type model struct {
	world    *world
	lanes    []modelLane
	entities map[string]*modelEntity
}

func newModel(w *world) *model {
	return &model{world: w, lanes: make([]modelLane, w.lanes.Count()), entities: make(map[string]*modelEntity)}
}

// saw takes in a record at the moment the event stream took it.
func (m *model) saw(r streamRecord) {
	lane := &m.lanes[r.lane]
	header, lines, err := m.world.codec.Unpack(r.data)
	if err != nil {
		at, err := event.NewPosition(epoch, r.sequence, 0)
		if err != nil {
			m.world.breakf(order, "a sequence number is none: %v", err)
		}
		lane.bad = append(lane.bad, at)
		return
	}
	for i, line := range lines {
		e, err := event.Parse(string(line))
		at, placed := event.NewPosition(epoch, r.sequence, i)
		if err != nil || placed != nil {
			m.world.breakf(order, "the model cannot read an event: %v, %v", err, placed)
			return
		}
		arrival := r.arrival
		if own, ok := e.Timestamp(); header.KeepTime && ok {
			arrival = own.UnixMilli()
		}
		lane.logged = max(lane.logged, arrival)
		lane.events = append(lane.events, modelEvent{entity: e.Subject, position: at, kind: e.Type, line: line,
			logged: lane.logged, bucket: m.world.width.Of(lane.logged), digest: event.DigestOf(at, line)})
		m.fold(&lane.events[len(lane.events)-1], &e)
	}
}

func (m *model) entity(id string) *modelEntity {
	found := m.entities[id]
	if found == nil {
		found = &modelEntity{ids: make(map[string]string)}
		m.entities[id] = found
	}
	return found
}

// fold appends the row that an entity must have once it has seen the event.
func (m *model) fold(at *modelEvent, e *event.Event) {
	entity := m.entity(at.entity)
	row := datastore.Row{Entity: at.entity}
	if n := len(entity.rows); n > 0 {
		row = cloneRow(entity.rows[n-1])
	}
	row.Position = at.position
	if n := len(row.Buckets); n == 0 || row.Buckets[n-1] != at.bucket {
		row.Buckets = append(row.Buckets, at.bucket)
	}
	identity := e.Source + "\x00" + e.ID
	first, repeated := entity.ids[identity]
	switch {
	case repeated:
		row.Duplicates++
		if first != string(at.line) {
			row.Conflicts++
		}
	case row.Parked != nil:
		row.Parked.Waiting++
	case at.kind == typeIgnored:
		row.Ignored++
	case at.kind == typeRefused:
		row.Parked = &datastore.Parked{Position: at.position, Type: at.kind}
	default:
		entity.apply(&row, at, e)
	}
	if !repeated {
		entity.ids[identity] = string(at.line)
	}
	entity.positions = append(entity.positions, at.position)
	entity.rows = append(entity.rows, row)
}

func (m *modelEntity) apply(row *datastore.Row, at *modelEvent, e *event.Event) {
	var p payload
	_ = json.Unmarshal([]byte(e.Data), &p) // the producers write it
	m.state.Seen = append(m.state.Seen, p.Serial)
	state, err := json.Marshal(m.state)
	if err != nil {
		return
	}
	row.State = state
	row.Count++
	row.Chain = row.Chain.Chain(at.digest)
}

// last is the position of an entity's last event up to at, "" where there is
// none.
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

func (m *modelEntity) row(at event.Position) (*datastore.Row, bool) {
	i, found := slices.BinarySearch(m.positions, at)
	if !found {
		return nil, false
	}
	return &m.rows[i], true
}

// count is how many of the events lie at or before a position.
func (l *modelLane) count(at event.Position) int {
	i, found := slices.BinarySearchFunc(l.events, at, func(e modelEvent, at event.Position) int {
		return strings.Compare(string(e.position), string(at))
	})
	if found {
		i++
	}
	return i
}
