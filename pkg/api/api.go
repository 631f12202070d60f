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
	// Start enters and starts a replay; created is false where the same one
	// was asked for before. Errors: replay.ErrRequest, replay.ErrExists.
	Start(ctx context.Context, name string, request replay.Request) (row replay.Row, created bool, err error)
	// Cancel stops a replay. Errors: replay.ErrNotFound, replay.ErrEnded,
	// replay.ErrPromoted.
	Cancel(ctx context.Context, id string) (replay.Row, error)
}

// API serves every route but those of Load: it reads the log, the Data Store
// and replays, and starts what operators ask for. It is safe for concurrent
// use.
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
	// Log gets what went wrong inside, which no response tells, and every act
	// that empties or stops something.
	Log *slog.Logger
}
