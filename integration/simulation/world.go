package simulation

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// epoch is that of the event stream of every world.
const epoch = 1

// fixtures are what worlds share, made once, outside of any schedule.
type fixtures struct {
	codec *record.Codec
	// set is the projections that a platform begins with, next another version
	// of them, which makes other states of the same events.
	set, next *projection.Set
	// attacks are those that a seed may draw.
	attacks attacks
	lanes   map[int]*event.Lanes
	names   map[int][]string
	// crowd are ids that fill the first stage of a row's filter, lookalike is
	// another that this filter takes for one of them.
	crowd     []string
	lookalike string
}

// newFixtures also warms the codec up, whose channels would otherwise belong
// to the schedule that uses it first.
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

// world is one schedule's platform, with all that attacks it.
type world struct {
	*fixtures
	seed   uint64
	plant  plant
	lanes  *event.Lanes
	width  eventlog.Width
	random *rand.Rand
	gate   gate
	// direct guards the stores where calls pass the gate.
	direct  sync.Mutex
	ready   []*call
	running map[int]*actor

	// now is the clock in milliseconds; drift is how far the clock of arrivals
	// is ahead of it.
	now, began, drift int64
	stride            int64
	storm             storm
	steps             int
	// staleness is for how long an inconsistent read may miss an entry.
	staleness int64

	table    *tableState
	events   *logState
	store    *storeState
	ingest   *streamState
	playback *streamState
	model    *model
	replays  map[string]*replayModel
	order    []*replayModel
	// names are the entities; only the first ordinary ones get events of all
	// kinds.
	names     []string
	ordinary  int
	laneNames []string
	appliers  map[string]*projection.Applier
	sources   map[string][]*source
	mappings  []mapping
	// attempts are the batches of the commits under way.
	attempts map[attempt][]eventlog.Incoming

	shape shape
	// drawn are the attacks of this world, code is the version of the
	// projections that invocations begin with from now on, deploys how often
	// that changed, and versions that of every generation.
	drawn    attacks
	code     int
	deploys  int
	versions map[string]int
	// wiped has the generations that were cleared, by when, shown those that
	// were active once, and held when each hold was taken.
	wiped    map[string]int
	shown    map[string]bool
	held     map[int]int
	holds    int
	statuses map[string]datastore.Status
	// owners are the replays of generations.
	owners   map[string]string
	deployAt []int
	wipes    []*wipe
	// begun is set once something happens by itself. producing and machines are
	// the numbers of producers and replays at work, promoting is set once a
	// generation is to become active. active is the generation that readers are
	// shown, flips how often that changed.
	begun     bool
	producing int
	machines  int
	promoting bool
	active    string
	flips     int

	pausing *pausing
	broken  *broken
	tracing bool
	log     []string
}

// shape is what kind of world a seed makes.
type shape struct {
	events      int
	pageBytes   int
	recordBytes int
	batch       int
	patience    time.Duration
	lease       time.Duration
	entities    int
	// duplicates says when entities are indexed.
	duplicates []projection.Option
	// long worlds have a lane of hundreds of records, one event each, so that a
	// consumer can be further behind than a head remembers.
	long bool
}

// indexing tells the source of limits from the world's own.
const indexing = 7

func newWorld(f *fixtures, seed uint64, p plant, tracing bool) (*world, error) {
	began := time.Date(2026, 3, 1, 9, 50, 0, 0, time.UTC).UnixMilli()
	w := &world{fixtures: f, seed: seed, plant: p, random: rand.New(rand.NewPCG(seed, 1)), running: make(map[int]*actor),
		now: began, began: began, width: eventlog.Hour, replays: make(map[string]*replayModel), tracing: tracing,
		appliers: make(map[string]*projection.Applier), sources: make(map[string][]*source),
		attempts: make(map[attempt][]eventlog.Incoming), versions: make(map[string]int), wiped: make(map[string]int),
		shown: make(map[string]bool), held: make(map[int]int), statuses: make(map[string]datastore.Status),
		owners: make(map[string]string)}
	w.choose()
	w.table = &tableState{world: w, stored: make(map[control.Key]document)}
	w.events = &logState{world: w, buckets: make(map[bucketKey][]storedEntry),
		quarantine: make(map[event.Lane]map[event.Position]eventlog.Quarantined),
		witnesses:  make(map[event.Lane][]eventlog.Witness), puts: make(map[attempt]map[event.Position]bool)}
	w.store = &storeState{world: w, tables: make(map[string]*generationState)}
	w.model = newModel(w)
	w.ingest = w.newStream("events", 1+w.random.IntN(2))
	w.ingest.saw = w.model.saw
	w.playback = w.newStream("playback", 1+w.random.IntN(2))
	w.playback.accept = w.sawPlayback
	w.chooseAttacks()
	return w, w.found()
}

// choose makes the shape of the world from its seed.
func (w *world) choose() {
	r := w.random
	w.lanes = w.fixtures.lanes[[]int{2, 4, 8}[r.IntN(3)]]
	for i := range w.lanes.Count() {
		w.laneNames = append(w.laneNames, event.Lane(i).String())
	}
	w.shape = shape{
		events:      10 + r.IntN(51),
		entities:    2 + r.IntN(3),
		pageBytes:   []int{1, 300, 900, 1 << 20}[r.IntN(4)],
		recordBytes: []int{1, 300, 900}[r.IntN(3)],
		batch:       1 + r.IntN(8),
		patience:    time.Duration(10+r.IntN(60)) * time.Millisecond,
		lease:       time.Duration(2_000+r.IntN(20_000)) * time.Millisecond,
	}
	all := w.fixtures.names[w.lanes.Count()]
	taken := make(map[event.Lane]int)
	for _, name := range all {
		if lane := w.lanes.Of(name); taken[lane] < w.shape.entities {
			taken[lane]++
			w.names = append(w.names, name)
		}
	}
	w.ordinary = len(w.names)
	// From a source of its own: a world of before keeps its course for as long as
	// none of its entities is indexed.
	if limits := rand.New(rand.NewPCG(w.seed, indexing)); limits.IntN(2) == 0 {
		w.shape.duplicates = append(w.shape.duplicates, projection.IndexAbove(limits.Int64N(12), limits.IntN(4)))
	}
	w.stride = 1 + r.Int64N(40)
	force := []float64{0, 0.5, 1, 2}[r.IntN(4)]
	w.storm = storm{steps: 200 + r.IntN(2500), before: 0.01 * force, after: 0.015 * force, throttle: 0.01 * force,
		crash: 0.006 * force, freeze: 0.06 * force, cuts: 0.0006 * force}
	if r.IntN(2) == 0 {
		w.staleness = r.Int64N(3_000)
	}
	w.chooseReplays()
}

// found enters the first generation, as the start of a platform does.
func (w *world) found() error {
	ctx := context.Background()
	a := w.newActor("founder")
	a.direct = true
	w.active = datastore.FirstGeneration
	w.shown[datastore.FirstGeneration] = true
	_, err := w.registryOf(a).EnsureFirst(ctx, w.generationsOf(a), w.lanes.Count(), w.set.Version())
	return err
}

// arrival is the clock of the event stream, which may go back a little.
func (w *world) arrival() int64 { return w.now + w.drift - w.random.Int64N(200) }

func (w *world) clock() time.Time { return time.UnixMilli(w.now).UTC() }

func (w *world) registryOf(a *actor) datastore.Registry {
	return datastore.Registry{Table: w.tableOf(a), Now: w.clock}
}

func (a *actor) sleep(ctx context.Context, d time.Duration) error {
	return a.pause(ctx, d.Milliseconds())
}
