package api

import (
	"context"

	"reprise/pkg/api/entities"
	"reprise/pkg/api/extract"
	"reprise/pkg/api/generations"
	"reprise/pkg/api/outgoing"
	"reprise/pkg/api/past"
	"reprise/pkg/api/reversals"
	"reprise/pkg/api/verifications"
	"reprise/pkg/meter/forecast"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/request"
)

// Replays starts and steers replays; *lifecycle.Service does.
type Replays interface {
	// Start records and starts a replay; created is false if the same replay
	// was requested before. Errors: replay.ErrRequest, replay.ErrExists.
	Start(ctx context.Context, name string, request replay.Request) (row replay.Row, created bool, err error)
	// Cancel stops a replay. Errors: replay.ErrNotFound, replay.ErrEnded,
	// replay.ErrPromoted.
	Cancel(ctx context.Context, id string) (replay.Row, error)
	// Pause lets a replay stand still until it is resumed. Errors: replay.ErrNotFound,
	// replay.ErrEnded, replay.ErrPromoted, replay.ErrPromoting.
	Pause(ctx context.Context, id string) (replay.Row, error)
	// Resume lets a paused replay go on. Errors: replay.ErrNotFound, replay.ErrEnded,
	// replay.ErrOverBudget.
	Resume(ctx context.Context, id string) (replay.Row, error)
	// SetRate sets the limit of a replay in events per second, 0 for no limit. Errors:
	// replay.ErrNotFound, replay.ErrEnded, replay.ErrRequest.
	SetRate(ctx context.Context, id string, rate int) (replay.Row, error)
	// SetBudget sets the budget of a replay, which the zero Budget lifts. Errors:
	// replay.ErrNotFound, replay.ErrEnded, replay.ErrRequest.
	SetBudget(ctx context.Context, id string, limit request.Budget) (replay.Row, error)
	// SetParallelism sets how many segment readers run at a time. Errors:
	// replay.ErrNotFound, replay.ErrEnded, replay.ErrRequest.
	SetParallelism(ctx context.Context, id string, n int) (replay.Row, error)
	// Continue lets a failed replay go on from its checkpoints. Errors:
	// replay.ErrNotFound, replay.ErrNotFailed, replay.ErrCannotContinue.
	Continue(ctx context.Context, id string) (replay.Row, error)
}

// Forecaster plans replays without starting them; *forecast.Forecaster does. Errors:
// replay.ErrRequest.
type Forecaster interface {
	Forecast(ctx context.Context, request replay.Request) (forecast.Plan, error)
}

// API serves every route except those of an intake.Load. It is safe for concurrent
// use.
type API struct {
	entities.Entities
	// Past serves the routes of look-ups into the past.
	Past past.Past
	// Reversals serves the route that reverses events.
	Reversals  reversals.Reversals
	Replays    Replays
	Forecaster Forecaster
	Viewer     *lifecycle.Viewer
	Platform   Platform
	// Verifications serves the routes of verifications.
	Verifications verifications.Verifications
	// Changes serves the routes that change which generation is active.
	Changes generations.Generations
	// Outgoing serves the routes of effects.
	Outgoing outgoing.Outgoing
	// Extract serves the routes that read the log itself.
	Extract extract.Extract
}
