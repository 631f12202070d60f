package simulation

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"reprise/pkg/replay/segment"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/lifecycle"
)

// epoch is the epoch of the event stream of every world.
const epoch = 1

// world is the platform of one schedule and its attackers.
type world struct {
	*fixtures
	seed   uint64
	plant  plant
	lanes  *event.Lanes
	width  eventlog.Width
	random *rand.Rand
	gate   gate
	// direct guards the stores when calls bypass the gate.
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
	// attempts are the batches of the running commits.
	attempts map[attempt][]eventlog.Incoming

	shape shape
	// drawn are the attacks of this world, code is the version of the
	// projections in new invocations, deploys how often it changed, and versions
	// the version of every generation.
	drawn attacks
	// jumps are by how much the clock jumps.
	jumps []time.Duration
	// released are the task tokens for which success was sent.
	released map[string]bool
	code     int
	deploys  int
	// choosers is how many people choose generations, chosen how often they did.
	choosers, chosen int
	// skipped and halfway are those of counts.
	skipped, halfway int
	// refolds draws what has to do with folding entities again, nil if nothing does.
	// spoilt has the position of the refold that mends each spoilt row, by generation and
	// entity.
	refolds                      *rand.Rand
	spoilt                       map[string]event.Position
	refolded, spoiltRows, mended int
	// reversals draws those, nil if there are none; reversed and freed are as in counts.
	reversals       *rand.Rand
	reversed, freed int
	versions        map[string]int
	// wiped maps cleared generations to the step of the wipe, shown contains the
	// generations that have been active, and held maps holds to the step at which
	// they were taken.
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

	// executions are those that continue replays, by name, and checkpoints how many
	// events are delivered as of each checkpoint.
	executions  map[string]*machine
	checkpoints map[control.Key]int64

	pausing *pausing
	broken  *broken
	tracing bool
	log     []string
}

// shape is the kind of world that a seed makes.
type shape struct {
	events      int
	pageBytes   int
	recordBytes int
	batch       int
	patience    time.Duration
	lease       time.Duration
	// retention is the event stream's.
	retention time.Duration
	entities  int
	// duplicates configures when entities are indexed.
	duplicates []projection.Option
	// corrections draws corrections, nil if there are none.
	corrections *rand.Rand
	// long worlds have a lane of hundreds of records, one event each, so that a
	// consumer can be further behind than a head remembers.
	long bool
}

// indexing is the stream of the random source for limits of indexing.
const indexing = 7

// correcting is the stream of the random source for corrections.
const correcting = 8

func newWorld(f *fixtures, seed uint64, p plant, tracing bool) (*world, error) {
	began := time.Date(2026, 3, 1, 9, 50, 0, 0, time.UTC).UnixMilli()
	w := &world{fixtures: f, seed: seed, plant: p, random: rand.New(rand.NewPCG(seed, 1)), running: make(map[int]*actor),
		now: began, began: began, width: eventlog.Hour, replays: make(map[string]*replayModel), tracing: tracing,
		appliers: make(map[string]*projection.Applier), sources: make(map[string][]*source),
		attempts: make(map[attempt][]eventlog.Incoming), versions: make(map[string]int), wiped: make(map[string]int),
		shown: make(map[string]bool), held: make(map[int]int), statuses: make(map[string]datastore.Status),
		owners: make(map[string]string), released: make(map[string]bool), executions: make(map[string]*machine),
		checkpoints: make(map[control.Key]int64)}
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
		retention:   retention,
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
	// The limits have their own random source, so that a seed's world does not
	// change unless one of its entities is indexed.
	if limits := rand.New(rand.NewPCG(w.seed, indexing)); limits.IntN(2) == 0 {
		w.shape.duplicates = append(w.shape.duplicates, projection.IndexAbove(limits.Int64N(12), limits.IntN(4)))
	}
	// So have corrections.
	if corrections := rand.New(rand.NewPCG(w.seed, correcting)); corrections.IntN(2) == 0 {
		w.shape.corrections = corrections
		w.shape.duplicates = append(w.shape.duplicates, projection.ResumeAfter(1+corrections.IntN(3)))
	}
	w.stride = 1 + r.Int64N(40)
	force := []float64{0, 0.5, 1, 2}[r.IntN(4)]
	w.storm = storm{steps: 200 + r.IntN(2500), before: 0.01 * force, after: 0.015 * force, throttle: 0.01 * force,
		crash: 0.006 * force, freeze: 0.06 * force, cuts: 0.0006 * force}
	if r.IntN(2) == 0 {
		w.staleness = r.Int64N(3_000)
	}
	w.chooseReplays()
	w.chooseOrderings()
}

// found creates the first generation, as the start of a platform does.
func (w *world) found() error {
	ctx := context.Background()
	a := w.newActor("founder")
	a.direct = true
	w.active = datastore.FirstGeneration
	w.shown[datastore.FirstGeneration] = true
	_, err := w.registryOf(a).EnsureFirst(ctx, w.generationsOf(a), w.lanes.Count(), w.set.Version())
	if err != nil {
		return err
	}
	return w.beginVerifications(ctx, a)
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

// plant is a fault that a test plants to see the simulation find it. Each member
// decorates or replaces a part; nil leaves the part unchanged.
type plant struct {
	// pump decorates the stores to which the pump writes, commit its records.
	pump   func(a *actor, t control.Table, l eventlog.Log) (control.Table, eventlog.Log)
	commit func(w *world, lane event.Lane, records []eventlog.Incoming) []eventlog.Incoming
	// liveHeads is where the live consumers read heads.
	liveHeads func(control.Table) control.Table
	// store decorates the Data Store of consumers, history the log in which they
	// look for duplicates, consume the records of the playback consumer.
	store   func(a *actor, g datastore.Generations) datastore.Generations
	history func(w *world, l eventlog.Log) eventlog.Log
	applier []projection.Option
	consume func(w *world, lane event.Lane, records [][]byte) [][]byte
	// reader decorates the readers' stores, readGroup replaces the readers.
	reader    func(a *actor, t control.Table, s feed.Stream) (control.Table, feed.Stream)
	readGroup func(ctx context.Context, a *actor, id string, group int, deadline time.Time) (segment.Outcome, error)
	// write replaces the live consumers. applyRegistry decorates the table from which
	// the playback consumer reads the registry, judged the Data Store of those who
	// check generations, closer that of those who drop them.
	write         func(a *actor, generation string) work
	applyRegistry func(a *actor, t control.Table) control.Table
	judged        func(datastore.Generations) datastore.Generations
	closer        func(datastore.Generations) datastore.Generations
	// drainer decorates the control table of the drain; drain and promote replace
	// those steps.
	drainer func(control.Table) control.Table
	drain   func(ctx context.Context, a *actor, id string) (replay.Drain, error)
	promote func(ctx context.Context, a *actor, id string) (cutover.Promotion, error)
	// park and resume replace these acts of pausing.
	park   func(replay.Store) func(ctx context.Context, id, token string) (parked bool, err error)
	resume func(ctx context.Context, a *actor, s replay.Store, id string) error
	// promoter decorates the control table of the promotion, service what steers
	// replays, and adopted is done once an execution has begun to continue a replay.
	promoter func(control.Table) control.Table
	service  func(a *actor, s *lifecycle.Service)
	adopted  func(ctx context.Context, a *actor, id string) error
	// outdates says that the fault is meant for worlds whose cuts become outdated, and
	// ageless that nobody looks at the age of a cut.
	outdates, ageless bool
}
