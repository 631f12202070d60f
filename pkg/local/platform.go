package local

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/api"
	"reprise/pkg/asl"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/wire"
	"reprise/pkg/console"
	"reprise/pkg/control"
	"reprise/pkg/feed"
	"reprise/pkg/local/controlpebble"
	"reprise/pkg/local/datastorepebble"
	"reprise/pkg/local/emulate"
	"reprise/pkg/local/eventlogpebble"
	"reprise/pkg/local/feedpebble"
	"reprise/pkg/local/journalpebble"
	"reprise/pkg/local/keyfiles"
	"reprise/pkg/local/localstore"
	"reprise/pkg/personal"
	"reprise/pkg/platform"
)

// The names of the streams.
const (
	eventStream    = "reprise-events"
	playbackStream = "reprise-playback"
)

// The key spaces of the store.
const (
	logSpace     = "log"
	controlSpace = "control"
	feedSpace    = "feed"
	dataSpace    = "datastore"
	journalSpace = "asl"
	effectsSpace = "effects"
)

// Platform is an open platform; Serve runs it.
type Platform struct {
	core     *platform.Platform
	options  Options
	db       *localstore.DB
	streams  *feedpebble.Streams
	events   feed.Description
	playback feed.Description
	// engine is replaced after it ended, because an engine runs only once.
	engine atomic.Pointer[engine.Engine]
	// userMachines were read from Options.Workflows once, at the start, so that a
	// file that changes later cannot keep a new engine from opening.
	userMachines map[string]*asl.Machine
	// wire is the Step Functions API of the engine.
	wire atomic.Pointer[wire.Server]
	// pause ends the running engine; nil while none runs.
	pause atomic.Pointer[context.CancelFunc]
	// front is write-locked while the platform is opened again, and read-locked by
	// every request.
	front sync.RWMutex
	api   http.Handler
	// clockWarning is what checkClock found at the start.
	clockWarning string
	// slots has the keys of personal fields.
	slots   *keyfiles.Slots
	writers *writers
	pump    *emulate.Mapping
	woken   chan struct{} // wake was called
	live    api.Live
}

// Open opens the data directory and makes the platform. The caller must close
// it.
func Open(ctx context.Context, options Options) (*Platform, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Platform{options: options, woken: make(chan struct{}, 1)}
	p.live.Look, p.live.Writes, p.live.Tick, p.live.Log = p.look, p.writes, liveTick, options.Log
	if p.userMachines, err = readMachines(options.Workflows); err != nil {
		return nil, err
	}
	if err := p.open(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// open opens the data directory and the parts on it.
func (p *Platform) open(ctx context.Context) (err error) {
	p.db, err = localstore.Open(p.options.Dir, localstore.Options{
		FS: p.options.FS,
		Settings: localstore.Settings{
			Lanes:       p.options.Lanes,
			BucketWidth: int64(time.Duration(p.options.Bucket) / time.Second),
		},
		ReserveBytes: p.options.ReserveBytes,
		Describe: map[string]func([]byte) string{
			logSpace:  eventlogpebble.Describe,
			dataSpace: datastorepebble.Describe,
			feedSpace: feedpebble.Describe,
		},
		Crash: p.options.Crash,
	})
	if err != nil {
		return err
	}
	if err := p.connect(ctx); err != nil {
		return errors.Join(err, p.Close())
	}
	return nil
}

// Close releases the data directory. Nothing may use the platform afterwards.
func (p *Platform) Close() error {
	if p.core != nil {
		p.core.Codec.Close()
	}
	return errors.Join(p.slots.Close(), p.db.Close())
}

// connect makes the parts and connects them.
func (p *Platform) connect(ctx context.Context) error {
	parts := platform.Parts{
		Settings:         p.options.settings(),
		EventLog:         eventlogpebble.New(p.db.Space(logSpace)),
		Executions:       executions{p, machineName},
		VerifyExecutions: executions{p, verifyName},
		Status:           status{p},
		Lag:              status{p}.lagOf,
		Lost:             p.lost,
		WakeKeeper:       p.wake,
		Log:              p.options.Log,
		Now:              time.Now,
		Sleep:            emulate.Sleep,
		Random:           rand.Reader,
	}
	parts.Service, parts.Systems = p.options.service(), p.options.Systems
	p.writers = &writers{platform: p, running: make(map[string]writer)}
	parts.Host = p.writers
	if err := p.openStores(ctx, &parts); err != nil {
		return err
	}
	var err error
	p.core, err = platform.Open(ctx, parts, p.options.Lanes, p.options.projections(), p.events.Identity)
	if err != nil {
		return err
	}
	p.pump = p.mapping(pumpName, p.events, eventFactor, p.core.Pump())
	if err := p.openEngine(); err != nil {
		return err
	}
	if p.api, err = console.New(p.Handler(), console.About{Platform: "this machine"}); err != nil {
		return err
	}
	if err := p.checkClock(ctx); err != nil {
		return err
	}
	if p.db.ReadOnly() {
		return nil
	}
	return p.core.EnsureFirst(ctx)
}

func (p *Platform) openStores(ctx context.Context, parts *platform.Parts) (err error) {
	if parts.Table, err = controlpebble.New(p.db.Space(controlSpace)); err != nil {
		return err
	}
	if parts.Service != nil {
		if parts.Effects, err = controlpebble.New(p.db.Space(effectsSpace)); err != nil {
			return err
		}
	}
	if p.streams, err = feedpebble.New(p.db.Space(feedSpace), time.Now); err != nil {
		return err
	}
	if parts.Generations, err = datastorepebble.New(p.db.Space(dataSpace)); err != nil {
		return err
	}
	if parts.Personal, err = p.vault(ctx, parts.Table); err != nil {
		return err
	}
	if p.events, err = p.stream(ctx, eventStream); err != nil {
		return err
	}
	if err := p.streams.Guard(p.db, eventStream, p.options.AcceptLoss); err != nil {
		return err
	}
	if p.playback, err = p.stream(ctx, playbackStream); err != nil {
		return err
	}
	parts.Events, parts.Playback = p.streams.Open(eventStream), p.streams.Open(playbackStream)
	return nil
}

// keysDir is the directory of the keys of personal fields, within the data directory.
const keysDir = "keys"

// vault is what seals personal fields; nil if none are declared.
func (p *Platform) vault(ctx context.Context, table control.Table) (*personal.Vault, error) {
	fs := p.options.FS
	if fs == nil {
		fs = vfs.Default
	}
	dir := fs.PathJoin(p.options.Dir, keysDir)
	p.slots = keyfiles.NewSlots(fs, dir)
	vault, err := personal.New(personal.Config{
		Rules:   p.options.personal(),
		Keys:    &personal.TableKeys{Table: table, Material: p.slots},
		Wrapper: keyfiles.NewMaster(fs, dir, rand.Reader),
		Now:     time.Now,
		Random:  rand.Reader,
	})
	if err == nil {
		err = vault.Open(ctx)
	}
	if err == nil && !p.db.ReadOnly() {
		err = vault.Finish(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("open the keys of personal fields: %w", err)
	}
	return vault, nil
}

// ErrShards means that the event stream was created with another number of shards.
var ErrShards = errors.New("the event stream was created with another number of shards")

// stream returns a stream, which it creates if necessary.
func (p *Platform) stream(ctx context.Context, name string) (feed.Description, error) {
	description, err := p.streams.Describe(ctx, name)
	if errors.Is(err, feed.ErrStreamNotFound) {
		description, err = p.streams.Create(ctx, name, cmp.Or(p.options.Shards, DefaultShards))
	}
	if err == nil && p.options.Shards != 0 && p.options.Shards != description.Shards {
		err = fmt.Errorf("%w: %d instead of %d", ErrShards, description.Shards, p.options.Shards)
	}
	if err != nil {
		return feed.Description{}, fmt.Errorf("open stream %s: %w", name, err)
	}
	return description, nil
}

func (p *Platform) openEngine() error {
	functions := p.functions()
	machines, err := p.machines(functions)
	if err != nil {
		return err
	}
	made, err := engine.New(engine.Config{
		Machines:  machines,
		Invoker:   functions,
		Journal:   journalpebble.New(p.db.Space(journalSpace)),
		Logger:    p.options.Log,
		OnEnd:     onEnd(p.core.Close()),
		Region:    region,
		Account:   account,
		KeepEnded: 10_000,
	})
	if err != nil {
		return fmt.Errorf("open state machine engine: %w", err)
	}
	p.engine.Store(made)
	p.wire.Store(p.stepFunctions(made, machines))
	return nil
}

// Playback is the playback stream, for subscribers on this machine.
// pkg/event/record/FORMAT.md describes its records.
func (p *Platform) Playback() feed.Stream { return p.core.Playback }

// Handler serves the HTTP API, without the limits of a server. It is safe for
// concurrent use until the platform is closed.
func (p *Platform) Handler() http.Handler {
	playback := &api.Playback{Stream: p.core.Playback, Codec: p.core.Codec, Now: time.Now, Log: p.options.Log}
	return api.NewLocal(p.core.Load(false), p.core.Load(true), p.core.API(), playback, &p.live)
}
