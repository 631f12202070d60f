package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/engine"
	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/domain"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/local/controlpebble"
	"reprise/pkg/local/datastorepebble"
	"reprise/pkg/local/eventlogpebble"
	"reprise/pkg/local/feedpebble"
	"reprise/pkg/local/journalpebble"
	"reprise/pkg/local/localstore"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
)

// The names of the streams.
const (
	eventStream    = "reprise-events"
	playbackStream = "reprise-playback"
)

// Platform is everything behind the gateway, wired and not yet running.
type Platform struct {
	options     Options
	db          *localstore.DB
	codec       *record.Codec
	lanes       *event.Lanes
	table       control.Table
	log         eventlog.Log
	heads       eventlog.Heads
	decoder     *eventlog.Decoder
	streams     *feedpebble.Streams
	events      feed.Description
	playback    feed.Description
	generations datastore.Generations
	registry    datastore.Registry
	applier     *projection.Applier
	store       replay.Store
	closer      *replay.Closer
	service     *replay.Service
	engine      *engine.Engine
	// nudge wakes the keeper of consumers.
	nudge chan struct{}
}

// Open opens the data directory and wires the platform. Close it.
func Open(ctx context.Context, options Options) (*Platform, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Platform{options: options, nudge: make(chan struct{}, 1)}
	if p.lanes, err = event.NewLanes(options.Lanes); err != nil {
		return nil, err
	}
	p.db, err = localstore.Open(options.Dir, localstore.Options{FS: options.FS, Settings: localstore.Settings{
		Lanes: options.Lanes, BucketWidth: int64(time.Duration(options.Bucket) / time.Second),
	}})
	if err != nil {
		return nil, err
	}
	if err := p.wire(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Close releases the data directory. Nothing may use the platform afterwards.
func (p *Platform) Close() error {
	if p.codec != nil {
		p.codec.Close()
	}
	return p.db.Close()
}

func (p *Platform) wire(ctx context.Context) error {
	if err := p.openStores(ctx); err != nil {
		return err
	}
	set, err := projection.NewSet(p.projections()...)
	if err != nil {
		return err
	}
	p.applier = projection.NewApplier(set, eventlog.View{Log: p.log, Heads: p.heads})
	p.registry = datastore.Registry{Table: p.table, Now: time.Now}
	p.store = replay.Store{Table: p.table, Now: time.Now, Version: set.Version()}
	p.closer = &replay.Closer{Store: p.store, Registry: p.registry, Generations: p.generations, Lanes: p.lanes.Count()}
	p.service = &replay.Service{Store: p.store, Closer: p.closer, Random: rand.Reader}
	if err := p.openEngine(); err != nil {
		return err
	}
	p.service.Executions = executions{p.engine}
	return p.firstGeneration(ctx, set.Version())
}

func (p *Platform) projections() []projection.Projection {
	if p.options.Projections != nil {
		return p.options.Projections
	}
	return domain.Projections()
}

func (p *Platform) openStores(ctx context.Context) (err error) {
	if p.codec, err = record.NewCodec(); err != nil {
		return err
	}
	if p.table, err = controlpebble.New(p.db.Space("control")); err != nil {
		return err
	}
	p.log = eventlogpebble.New(p.db.Space("log"))
	p.heads = eventlog.Heads{Table: p.table}
	if p.streams, err = feedpebble.New(p.db.Space("feed"), time.Now); err != nil {
		return err
	}
	if p.generations, err = datastorepebble.New(p.db.Space("datastore")); err != nil {
		return err
	}
	if p.events, err = p.stream(ctx, eventStream); err != nil {
		return err
	}
	if p.playback, err = p.stream(ctx, playbackStream); err != nil {
		return err
	}
	epoch, err := feed.Epochs{Table: p.table}.Of(ctx, p.events.Identity)
	if err != nil {
		return err
	}
	p.decoder = &eventlog.Decoder{Codec: p.codec, Lanes: p.lanes, Epoch: epoch}
	return nil
}

// stream returns a stream, making it where it does not exist. One that exists
// keeps its shards.
func (p *Platform) stream(ctx context.Context, name string) (feed.Description, error) {
	description, err := p.streams.Describe(ctx, name)
	if errors.Is(err, feed.ErrStreamNotFound) {
		description, err = p.streams.Create(ctx, name, p.options.Shards)
	}
	if err != nil {
		return feed.Description{}, fmt.Errorf("open stream %s: %w", name, err)
	}
	return description, nil
}

// firstGeneration makes the generation that a new platform starts with. Its
// marks come first, so that it is never taken for a lost one.
func (p *Platform) firstGeneration(ctx context.Context, version string) error {
	roll, err := p.registry.Load(ctx)
	if err != nil || roll.Active != "" {
		return err
	}
	const first = "g0001"
	if err := p.generations.Create(ctx, first); err != nil {
		return fmt.Errorf("create first generation: %w", err)
	}
	for lane := range p.lanes.Count() {
		if err := replay.BeginMark(ctx, p.generations.Open(first), event.Lane(lane), eventlog.Head{}); err != nil {
			return err
		}
	}
	_, err = p.registry.Begin(ctx, "", version)
	return err
}

func (p *Platform) openEngine() error {
	functions := p.functions()
	machine, err := replayMachine(functions)
	if err != nil {
		return err
	}
	p.engine, err = engine.New(engine.Config{
		Machines: map[string]*asl.Machine{machineName: machine},
		Invoker:  functions,
		Journal:  journalpebble.New(p.db.Space("asl")),
		Logger:   p.options.Log,
		OnEnd:    onEnd(p.service),
		Region:   region, Account: account,
		KeepEnded: 10_000,
	})
	if err != nil {
		return fmt.Errorf("open state machine runner: %w", err)
	}
	return nil
}

// Playback is the playback stream, for subscribers on this machine. The
// records that it holds are described in pkg/event/record/FORMAT.md.
func (p *Platform) Playback() feed.Stream { return p.streams.Open(playbackStream) }
