package entities

import (
	"log/slog"

	"reprise/pkg/api/intake"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

// Entities serves the routes of entities and of what was set aside. It is safe for
// concurrent use.
type Entities struct {
	Registry    datastore.Registry
	Generations datastore.Generations
	Heads       eventlog.Heads
	EventLog    eventlog.Log
	Lanes       *event.Lanes
	Buckets     replay.EntityBuckets
	// Load puts corrections into the event stream.
	Load *intake.Load
	// Log receives internal errors, which no response shows, and every action
	// of an operator.
	Log *slog.Logger
}

// Bounded is a count that stops at a bound: a lower limit unless Complete is set.
type Bounded struct {
	Count    int64 `json:"count"`
	Complete bool  `json:"complete"`
}
