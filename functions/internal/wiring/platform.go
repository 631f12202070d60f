package wiring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"reprise/functions/internal/consumers"
	"reprise/pkg/aws/settings"
	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/domain"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/meter"
	"reprise/pkg/meter/spending"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// Parts are the adapters that a platform rests on.
type Parts struct {
	Settings settings.Settings
	// Function is the function's folder.
	Function    string
	Log         *slog.Logger
	Table       control.Table
	EventLog    eventlog.Log
	Streams     feed.Streams
	Generations datastore.Generations
	// Executions are those of the replay state machine, and Running lists
	// them; only serve-api, close-replay and keep-consumers may.
	Executions lifecycle.Executions
	Running    RunningExecutions
	// Transitions counts those of an execution and its children; only
	// report-replay may.
	Transitions func(ctx context.Context, execution string) (int, error)
	// Meter is what the adapters count in; nil: nothing is counted, and replays
	// have no cost.
	Meter *meter.Meter
	// Lag tells how far a function lags behind the stream that it reads.
	Lag LagReader
	// Consumers makes the host of the generations' consumers of a stream.
	Consumers func(streamARN string) consumers.Host
	// Nudge asks for a look at the consumers soon; the schedule looks anyway.
	Nudge func(context.Context) error
	Now   func() time.Time
	Pause func(ctx context.Context, d time.Duration) error
}

// Platform is what functions are made of. It is safe for concurrent use.
type Platform struct {
	Parts
	lanes    *event.Lanes
	codec    *record.Codec
	heads    eventlog.Heads
	registry datastore.Registry
	store    replay.Store
	applier  *projection.Applier
	events   feed.Description
	decoder  *eventlog.Decoder
	spending *spending.Recorder
}

// ErrFixed says that lanes or bucket width are not those that the platform was
// created with. They never change: deploy with the old ones.
var ErrFixed = errors.New("lanes and bucket width are fixed when a platform is created")

// fixed is what is recorded of them.
type fixed struct {
	Lanes  int    `json:"lanes"`
	Bucket string `json:"bucket"`
}

// New wires a platform. It reads the control table and describes the event
// stream, once for a function's environment.
func New(ctx context.Context, parts Parts) (*Platform, error) {
	p := &Platform{Parts: parts}
	var err error
	if p.lanes, err = event.NewLanes(parts.Settings.Lanes); err != nil {
		return nil, fmt.Errorf("wire platform: %w", err)
	}
	if p.codec, err = record.NewCodec(); err != nil {
		return nil, fmt.Errorf("wire platform: %w", err)
	}
	set, err := projection.NewSet(domain.Projections()...)
	if err != nil {
		return nil, fmt.Errorf("wire platform: %w", err)
	}
	p.heads = eventlog.Heads{Table: parts.Table}
	p.registry = datastore.Registry{Table: parts.Table, Now: parts.Now}
	p.store = replay.Store{Table: parts.Table, Now: parts.Now, Version: set.Version()}
	if parts.Meter != nil {
		p.spending = &spending.Recorder{Store: p.store, Used: meter.NewOutstanding(parts.Meter), Function: parts.Function}
	}
	p.applier = projection.NewApplier(set, eventlog.View{Log: parts.EventLog, Heads: p.heads})
	if err := p.checkFixed(ctx); err != nil {
		return nil, fmt.Errorf("wire platform: %w", err)
	}
	if p.events, err = parts.Streams.Describe(ctx, parts.Settings.Names.EventStream()); err != nil {
		return nil, fmt.Errorf("describe event stream: %w", err)
	}
	epoch, err := feed.Epochs{Table: parts.Table}.Of(ctx, p.events.Identity)
	if err != nil {
		return nil, err
	}
	p.decoder = &eventlog.Decoder{Codec: p.codec, Lanes: p.lanes, Epoch: epoch}
	return p, nil
}

// checkFixed records lanes and bucket width of a new platform, and refuses
// others ever after.
func (p *Platform) checkFixed(ctx context.Context) error {
	now := fixed{p.Settings.Lanes, time.Duration(p.Settings.Bucket).String()}
	recorded := now
	key := control.Key{Partition: "platform", Sort: "fixed"}
	_, err := control.Update(ctx, p.Table, key, func(f *fixed, exists bool) error {
		if exists {
			recorded = *f
			return control.Unchanged()
		}
		*f = now
		return nil
	})
	if err != nil {
		return fmt.Errorf("check lanes and bucket width: %w", err)
	}
	if recorded != now {
		return fmt.Errorf("%d lanes and buckets of %s, recorded are %d and %s: %w",
			now.Lanes, now.Bucket, recorded.Lanes, recorded.Bucket, ErrFixed)
	}
	return nil
}
