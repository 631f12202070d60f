package platform

import (
	"context"
	"io"
	"log/slog"
	"reprise/pkg/replay/lifecycle"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/gateway"
	"reprise/pkg/meter"
	"reprise/pkg/projection"
)

// Parts are what a platform is put together from. A function that needs none of
// a part may lack it: on AWS each has the permissions for its own only.
type Parts struct {
	Settings Settings

	Table       control.Table
	EventLog    eventlog.Log
	Generations datastore.Generations
	// Events and Playback are the streams, Epoch is that of the event stream:
	// Open finds it.
	Events, Playback feed.Stream
	Epoch            int
	Lanes            *event.Lanes
	Codec            *record.Codec
	// Applier folds events with the projections. It outlives a platform where a
	// process makes several.
	Applier *projection.Applier
	// Service reacts to the events of the live path, through Outside; nil where
	// there is no business logic with effects.
	Service gateway.Service
	Outside gateway.Gateway

	// Executions are those of the replay state machine.
	Executions lifecycle.Executions
	// Transitions counts those of an execution and its children.
	Transitions func(ctx context.Context, id string) (int, error)
	// Host runs the generations' consumers. Nudge asks for a look at them soon; a
	// schedule looks anyway.
	Host  Host
	Nudge func(context.Context) error
	// Lag says how far a function is behind the stream that it reads; known is
	// false where nobody can tell.
	Lag func(ctx context.Context, function string) (lag time.Duration, known bool, err error)
	// Status tells the API what only the services know.
	Status api.Platform
	// NoRoom reports whether an error means that no event can be stored any
	// more; nil where that cannot be.
	NoRoom func(error) bool

	// Function is the name of the function that the process serves; Meter counts
	// what its adapters use. Without a meter replays have no cost.
	Function string
	Meter    *meter.Meter

	Log    *slog.Logger
	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration) error
	Random io.Reader
}

// Settings are what a platform is set to. Lanes, which never change either, are a
// part.
type Settings struct {
	// Bucket never changes once a platform is created.
	Bucket eventlog.Width
	// Retention is how long the event stream keeps records.
	Retention time.Duration
	// Machine is the ARN of the replay state machine.
	Machine string
	// Published names the code of this deploy, with which consumers are started.
	Published string
	// LongStep bounds a step that reads, ShortStep one that waits for others.
	LongStep, ShortStep time.Duration
	// Lease is how long a promotion holds the active generation's consumer; a
	// writer that finds it expired breaks it.
	Lease time.Duration
	// Poll is how often a promotion looks at marks and heads, DrainPoll how often
	// a drain does.
	Poll, DrainPoll time.Duration
	// DrainPatience is how long no mark may move before lanes count as stalled,
	// DrainLimit how long a drain may go on without progress; 0 is its default.
	DrainPatience, DrainLimit time.Duration
	// WritePatience is how long consumers of the event stream wait for the pump,
	// which reads the same records at the same time.
	WritePatience time.Duration
	// LagEvery is how long a lag that was looked up is gone by.
	LagEvery time.Duration
	// PageBytes bounds a page of the log, RecordBytes a playback record; 0 is the
	// reader's default.
	PageBytes, RecordBytes int
}
