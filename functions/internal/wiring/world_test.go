package wiring

import (
	"bytes"
	"context"
	"testing"
	"time"

	"reprise/functions/internal/consumers"
	"reprise/pkg/aws/settings"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/pebbletest"
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
	stores := pebbletest.Open(t)
	names, err := settings.NewNames("reprise")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{names.EventStream(), names.PlaybackStream()} {
		if _, err := stores.Streams.Create(t.Context(), name, 1); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{logged: new(bytes.Buffer)}
	w.parts = Parts{
		Settings: settings.Settings{Names: names, Lanes: 2, Bucket: eventlog.Day, Retention: 24 * time.Hour,
			StateMachine: machineARN, WriteVersion: "1", Parallelization: 2},
		Log: NewLog(w.logged, "test"), Table: stores.Table, EventLog: stores.Log, Streams: stores.Streams,
		Generations: stores.Generations, Lag: w, Now: time.Now, Pause: func(context.Context, time.Duration) error { return nil },
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
