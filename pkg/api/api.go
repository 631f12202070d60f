package api

import (
	"context"
	"log/slog"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// Replays starts and cancels replays; *lifecycle.Service does.
type Replays interface {
	// Start records and starts a replay; created is false if the same replay
	// was requested before. Errors: replay.ErrRequest, replay.ErrExists.
	Start(ctx context.Context, name string, request replay.Request) (row replay.Row, created bool, err error)
	// Cancel stops a replay. Errors: replay.ErrNotFound, replay.ErrEnded,
	// replay.ErrPromoted.
	Cancel(ctx context.Context, id string) (replay.Row, error)
}

// API serves every route except those of Load. It is safe for concurrent use.
type API struct {
	Registry    datastore.Registry
	Generations datastore.Generations
	Heads       eventlog.Heads
	EventLog    eventlog.Log
	Lanes       *event.Lanes
	Buckets     replay.EntityBuckets
	Replays     Replays
	Viewer      *lifecycle.Viewer
	Platform    Platform
	// Load puts corrections into the event stream.
	Load *Load
	// Log receives internal errors, which no response shows, and every action
	// of an operator.
	Log *slog.Logger
}
