package platform

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/effects"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/meter"
	"reprise/pkg/meter/spending"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
)

// Platform makes functions. It is safe for concurrent use.
type Platform struct {
	Parts
	heads    eventlog.Heads
	registry datastore.Registry
	store    replay.Store
	decoder  *eventlog.Decoder
	// reactor is nil without a service, or if reactorErr says what is wrong with it.
	reactor    *effects.Reactor
	reactorErr error
	spending   *spending.Recorder
}

// New makes a platform. It reads and writes nothing.
func New(parts Parts) *Platform {
	p := &Platform{Parts: parts,
		heads:    eventlog.Heads{Table: parts.Table},
		registry: datastore.Registry{Table: parts.Table, Now: parts.Now},
		store:    replay.Store{Table: parts.Table, Now: parts.Now, Version: parts.Applier.Version()},
		decoder:  &eventlog.Decoder{Codec: parts.Codec, Lanes: parts.Lanes, Epoch: parts.Epoch},
	}
	if parts.Service != nil {
		p.reactor, p.reactorErr = effects.NewReactor(p.reacting())
	}
	if parts.Meter != nil {
		p.spending = &spending.Recorder{Store: p.store, Used: meter.NewOutstanding(parts.Meter), Function: parts.Function}
	}
	return p
}

// ErrSettingsChanged means that lanes or bucket width differ from those with
// which the platform was created. They never change: restore the old ones.
var ErrSettingsChanged = errors.New("lanes and bucket width are fixed when a platform is created")

// fixed is the record of the settings that never change.
type fixed struct {
	Lanes  int    `json:"lanes"`
	Bucket string `json:"bucket"`
}

// Open makes a platform and sets the Lanes, Codec, Applier and Epoch of parts;
// stream is the identity of the event stream. It records lanes and bucket width
// of a new platform, and fails with ErrSettingsChanged if they differ later. The
// caller must close the Codec.
func Open(
	ctx context.Context, parts Parts, lanes int, projections []projection.Projection, stream string,
) (p *Platform, err error) {
	if err := parts.complete(lanes, projections); err != nil {
		return nil, fmt.Errorf("open platform: %w", err)
	}
	defer func() {
		if err != nil {
			parts.Codec.Close()
		}
	}()
	if err := checkFixed(ctx, parts.Table, fixed{lanes, time.Duration(parts.Settings.Bucket).String()}); err != nil {
		return nil, fmt.Errorf("open platform: %w", err)
	}
	if parts.Epoch, err = (feed.Epochs{Table: parts.Table}).Of(ctx, stream); err != nil {
		return nil, err
	}
	p = New(parts)
	if p.reactorErr != nil {
		return nil, fmt.Errorf("open platform: %w", p.reactorErr)
	}
	return p, nil
}

func (p *Parts) complete(lanes int, projections []projection.Projection) (err error) {
	if p.Lanes, err = event.NewLanes(lanes); err != nil {
		return err
	}
	set, err := projection.NewSet(projections...)
	if err != nil {
		return err
	}
	p.Applier = projection.NewApplier(set, eventlog.View{Log: p.EventLog, Heads: eventlog.Heads{Table: p.Table}})
	p.Codec, err = record.NewCodec()
	return err
}

func checkFixed(ctx context.Context, table control.Table, now fixed) error {
	recorded := now
	key := control.Key{Partition: "platform", Sort: "fixed"}
	_, err := control.Update(ctx, table, key, func(f *fixed, exists bool) error {
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
			now.Lanes, now.Bucket, recorded.Lanes, recorded.Bucket, ErrSettingsChanged)
	}
	return nil
}
