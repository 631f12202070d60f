package wiring

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"reprise/functions/internal/consumers"
	"reprise/pkg/aws/settings"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/controlpebble"
	"reprise/pkg/local/datastorepebble"
	"reprise/pkg/local/eventlogpebble"
	"reprise/pkg/local/feedpebble"
	"reprise/pkg/local/localstore"
)

const machineARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:reprise-replay"

// world is a platform over embedded stores.
type world struct {
	parts  Parts
	logged *bytes.Buffer
	nudges int
	lag    time.Duration
	lagErr error
}

func (w *world) Lag(context.Context, string) (time.Duration, bool, error) {
	return w.lag, w.lagErr == nil, w.lagErr
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db, err := localstore.Open(t.TempDir(), localstore.Options{Settings: localstore.Settings{Lanes: 2, BucketWidth: 86400}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	table, err := controlpebble.New(db.Space("control"))
	generations, err2 := datastorepebble.New(db.Space("datastore"))
	streams, err3 := feedpebble.New(db.Space("feed"), time.Now)
	names, err4 := settings.NewNames("reprise")
	if err := errors.Join(err, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{names.EventStream(), names.PlaybackStream()} {
		if _, err := streams.Create(t.Context(), name, 1); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{logged: new(bytes.Buffer)}
	w.parts = Parts{
		Settings: settings.Settings{Names: names, Lanes: 2, Bucket: eventlog.Day, Retention: 24 * time.Hour,
			StateMachine: machineARN, WriteVersion: "1", Parallelization: 2},
		Log: NewLog(w.logged, "test"), Table: table, EventLog: eventlogpebble.New(db.Space("log")), Streams: streams,
		Generations: generations, Lag: w, Now: time.Now, Pause: func(context.Context, time.Duration) error { return nil },
		Nudge:     func(context.Context) error { w.nudges++; return nil },
		Consumers: func(string) consumers.Host { return noHost{} },
	}
	return w
}

func (w *world) platform(t *testing.T) *Platform {
	t.Helper()
	p, err := New(t.Context(), w.parts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// noHost has no consumers and makes none.
type noHost struct{}

func (noHost) List(context.Context) ([]consumers.Consumer, error) { return nil, nil }
func (noHost) SetAlias(context.Context, string, string) error     { return nil }
func (noHost) Map(context.Context, string) error                  { return nil }
func (noHost) Mend(context.Context, string) error                 { return nil }
func (noHost) Unmap(context.Context, string) error                { return nil }
func (noHost) DropAlias(context.Context, string) error            { return nil }
