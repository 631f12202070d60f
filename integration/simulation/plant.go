package simulation

import (
	"context"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// plant is a fault that is built in on purpose, to see the simulation find it.
// Each member stands between a part and its stores, or in a part's place; nil
// leaves the part as it is.
type plant struct {
	// pump decorates what the pump writes to, commit what it is given.
	pump   func(a *actor, t control.Table, l eventlog.Log) (control.Table, eventlog.Log)
	commit func(w *world, lane event.Lane, records []eventlog.Incoming) []eventlog.Incoming
	// liveHeads is where the live consumers read heads.
	liveHeads func(control.Table) control.Table
	// store is what consumers write to, history where they look for duplicates,
	// consume what the playback consumer is given.
	store   func(a *actor, g datastore.Generations) datastore.Generations
	history func(w *world, l eventlog.Log) eventlog.Log
	consume func(w *world, lane event.Lane, records [][]byte) [][]byte
	// reader decorates what readers use, readGroup takes their place.
	reader    func(a *actor, t control.Table, s feed.Stream) (control.Table, feed.Stream)
	readGroup func(ctx context.Context, a *actor, id string, group int, deadline time.Time) (replay.Outcome, error)
	// write takes the place of the live consumers, applyRoll decorates where the
	// playback consumer reads the registry, judged the Data Store as those see it who
	// judge a generation, closer as those who drop one.
	write     func(a *actor, generation string) work
	applyRoll func(a *actor, t control.Table) control.Table
	judged    func(datastore.Generations) datastore.Generations
	closer    func(datastore.Generations) datastore.Generations
	// drainer is the control table as the drain sees it; drain and promote take
	// the place of those steps.
	drainer func(control.Table) control.Table
	drain   func(ctx context.Context, a *actor, id string) (replay.Drain, error)
	promote func(ctx context.Context, a *actor, id string) (cutover.Promotion, error)
	// park and resume take the place of those acts of pausing.
	park   func(replay.Store) func(ctx context.Context, id, token string) (parked bool, err error)
	resume func(ctx context.Context, a *actor, s replay.Store, id string) error
}
