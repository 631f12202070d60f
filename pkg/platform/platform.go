package platform

import (
	"context"
	"errors"
	"fmt"
	"reprise/pkg/meter/spending"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/meter"
	"reprise/pkg/replay"
)

// Platform is what functions are made of. It is safe for concurrent use.
type Platform struct {
	Parts
	heads    eventlog.Heads
	registry datastore.Registry
	store    replay.Store
	decoder  *eventlog.Decoder
	spending *spending.Recorder
}

// New puts a platform together. It reads and writes nothing.
func New(parts Parts) *Platform {
	p := &Platform{Parts: parts,
		heads:    eventlog.Heads{Table: parts.Table},
		registry: datastore.Registry{Table: parts.Table, Now: parts.Now},
		store:    replay.Store{Table: parts.Table, Now: parts.Now, Version: parts.Applier.Version()},
		decoder:  &eventlog.Decoder{Codec: parts.Codec, Lanes: parts.Lanes, Epoch: parts.Epoch},
	}
	if parts.Meter != nil {
		p.spending = &spending.Recorder{Store: p.store, Used: meter.NewOutstanding(parts.Meter), Function: parts.Function}
	}
	return p
}

// ErrSettingsChanged says that lanes or bucket width are not those that the
// platform was created with. They never change: go back to the old ones.
var ErrSettingsChanged = errors.New("lanes and bucket width are fixed when a platform is created")

// fixed is what is recorded of them.
type fixed struct {
	Lanes  int    `json:"lanes"`
	Bucket string `json:"bucket"`
}

// Open returns the epoch of an event stream, by its identity, after it has held
// lanes and bucket width against those that the platform was created with. A new
// platform's are recorded.
func Open(ctx context.Context, table control.Table, lanes *event.Lanes, bucket eventlog.Width, stream string) (epoch int, err error) {
	if err := checkFixed(ctx, table, fixed{lanes.Count(), time.Duration(bucket).String()}); err != nil {
		return 0, fmt.Errorf("open platform: %w", err)
	}
	return feed.Epochs{Table: table}.Of(ctx, stream)
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
