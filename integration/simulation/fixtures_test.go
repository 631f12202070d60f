package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
)

// fixtures are shared by all worlds and made once, outside of any schedule.
type fixtures struct {
	codec *record.Codec
	// set is the projections that a platform begins with. next is another
	// version of them, which makes other states from the same events.
	set, next *projection.Set
	// attacks are the enabled attacks.
	attacks attacks
	lanes   map[int]*event.Lanes
	names   map[int][]string
	// crowd are ids that fill the first stage of a row's filter. The filter
	// mistakes lookalike for one of them.
	crowd     []string
	lookalike string
}

// newFixtures also uses the codec once, whose channels would otherwise belong to
// the schedule that uses it first.
func newFixtures() (*fixtures, error) {
	codec, err := record.NewCodec()
	if err != nil {
		return nil, err
	}
	data, err := codec.Pack(record.Header{}, [][]byte{bytes.Repeat([]byte("warm"), 200)})
	if err == nil {
		_, _, err = codec.Unpack(data)
	}
	if err != nil {
		return nil, fmt.Errorf("warm codec up: %w", err)
	}
	set, err := newProjections(0)
	if err != nil {
		return nil, err
	}
	next, err := newProjections(1)
	if err != nil {
		return nil, err
	}
	f := &fixtures{codec: codec, set: set, next: next, attacks: allAttacks(),
		lanes: make(map[int]*event.Lanes), names: make(map[int][]string)}
	for _, n := range []int{1, 2, 4, 8} {
		if f.lanes[n], err = event.NewLanes(n); err != nil {
			return nil, err
		}
		f.names[n] = entityNames(f.lanes[n], 4)
	}
	return f, f.findLookalike()
}

// entityNames finds ids for every lane, some of which need escaping in keys.
func entityNames(lanes *event.Lanes, each int) []string {
	found := make([]int, lanes.Count())
	var names []string
	for i := 0; len(names) < each*lanes.Count(); i++ {
		name := fmt.Sprintf("e%d", i)
		if i%3 == 0 {
			name = fmt.Sprintf("e#%d", i)
		}
		if lane := lanes.Of(name); found[lane] < each {
			found[lane]++
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

const (
	// crowdSize is the number of ids that the first stage of a row's filter
	// holds.
	crowdSize = 16
	// busy is the entity that the crowd belongs to, in the worlds that have
	// one.
	busy = "busy"
	// maxLookalikes limits the search: about one id in 2,000 is a lookalike. The
	// search begins near one, as long as the filter's hashes do not change.
	maxLookalikes   = 200_000
	beginLookalikes = 7_967
)

func crowdEvent(id string) event.Event {
	return event.Event{
		ID:      id,
		Source:  "crowd",
		Type:    typeNoted,
		Subject: busy,
		Data:    fmt.Sprintf(`{"n":%d}`, textHash(id)%1_000_000),
	}
}

// probe is a generation with one row. It records whether an entity's history
// was read, which means that the filter mistook an id for a known one.
type probe struct {
	datastore.Generation
	eventlog.Log
	row  datastore.Row
	keep bool
	hit  bool
}

func (p *probe) Rows(context.Context, event.Lane, []string) (map[string]datastore.Row, error) {
	if p.row.Position == "" {
		return nil, nil
	}
	return map[string]datastore.Row{busy: cloneRow(p.row)}, nil
}

func (p *probe) WriteRows(_ context.Context, _ event.Lane, writes []datastore.RowWrite) ([]string, error) {
	if p.keep {
		p.row = writes[0].Row
	}
	return nil, nil
}

func (p *probe) History(context.Context, event.Lane, string, []eventlog.Bucket, event.Position, event.Position,
	func(eventlog.Bucket, *eventlog.Entry) error,
) error {
	p.hit = true
	return nil
}

// findLookalike uses the applier to search for an id that a row's filter mistakes
// for one of the crowd.
func (f *fixtures) findLookalike() error {
	p := &probe{keep: true}
	apply := func(id string, n int) error {
		at, err := event.NewPosition(epoch, fmt.Sprint(1_000+n), 0)
		if err != nil {
			return err
		}
		e := crowdEvent(id)
		placed := projection.Placed{Event: e, Position: at, Bucket: "2026-03-01T09", Line: e.AppendJSON(nil)}
		target := projection.Target{ID: "probe", Generation: p, Lane: 0}
		_, err = projection.NewApplier(f.set, p).Apply(context.Background(), target, []projection.Placed{placed})
		return err
	}
	for i := range crowdSize {
		f.crowd = append(f.crowd, fmt.Sprintf("c%d", i))
		if err := apply(f.crowd[i], i); err != nil {
			return fmt.Errorf("make crowd: %w", err)
		}
	}
	p.keep, p.hit = false, false
	for i := range maxLookalikes {
		f.lookalike = fmt.Sprintf("l%d", beginLookalikes+i)
		if err := apply(f.lookalike, crowdSize); err != nil {
			return fmt.Errorf("find lookalike: %w", err)
		}
		if p.hit {
			return nil
		}
	}
	return errors.New("find lookalike: the filter takes no id for another")
}

// crowdEvents are the events of the busy entity: the crowd, then the lookalike.
func (w *world) crowdEvents() []event.Event {
	w.names = append(w.names, busy)
	var events []event.Event
	for _, id := range append(w.crowd[:crowdSize:crowdSize], w.lookalike) {
		events = append(events, crowdEvent(id))
	}
	return events
}

// addReplay adds a replay that is requested once, as soon as after returns
// true.
func (w *world) addReplay(id string, request replay.Request, after func() bool) {
	r := newReplayModel(id)
	r.request, r.after = request, after
	r.request.Parallelism = 2
	w.replays[id] = r
	w.order = append(w.order, r)
}
