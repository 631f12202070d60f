package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"reprise/pkg/api/entities"
	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/projection/codecheck"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/storefault"
)

// Platform reports what depends on where the platform runs: on one machine it
// reads its own store, on AWS Kinesis, Step Functions and CloudWatch. Methods are
// safe for concurrent use.
type Platform interface {
	Executions
	// Streams describes the event stream and the playback streams.
	Streams(ctx context.Context) ([]StreamStatus, error)
	// Consumers reports how far each consumer of a stream lags.
	Consumers(ctx context.Context) ([]ConsumerStatus, error)
	// Running lists the running executions.
	Running(ctx context.Context) ([]ExecutionStatus, error)
	// Storage describes the disk and what is wrong with it, nil if unknown.
	Storage(ctx context.Context) (*StorageStatus, error)
	// DiskBytes is the space that the platform takes on disk, nil if unknown.
	DiskBytes(ctx context.Context) (*int64, error)
}

// StreamStatus describes a stream.
type StreamStatus struct {
	Name   string `json:"name"`
	Shards int    `json:"shards"`
	// Newest is the arrival of the newest record, null if there is none.
	Newest *time.Time `json:"newest"`
}

// ConsumerStatus is a consumer's lag; null means unknown.
type ConsumerStatus struct {
	Name   string `json:"name"`
	Stream string `json:"stream"`
	// BehindRecords is the number of records that it has not processed,
	// BehindMillis how long ago the oldest of them arrived.
	BehindRecords *int64 `json:"behindRecords"`
	BehindMillis  *int64 `json:"behindMillis"`
}

// ExecutionStatus is an execution of a state machine.
type ExecutionStatus struct {
	Machine string    `json:"machine"`
	Name    string    `json:"name"`
	Status  string    `json:"status"`
	Started time.Time `json:"started"`
}

// StatusView is the state of the whole platform.
type StatusView struct {
	Streams     []StreamStatus    `json:"streams"`
	Consumers   []ConsumerStatus  `json:"consumers"`
	Log         LogStatus         `json:"log"`
	Active      string            `json:"active"`
	Generations []GenerationView  `json:"generations"`
	Executions  []ExecutionStatus `json:"executions"`
	// Replays are those that have not ended, at most maxRunning.
	Replays     []lifecycle.View `json:"replays"`
	Quarantined entities.Bounded `json:"quarantined"`
	Parked      entities.Bounded `json:"parked"`
	// Ignored counts the events that no projection of the active generation
	// handles.
	Ignored   datastore.Ignored `json:"ignored"`
	DiskBytes *int64            `json:"diskBytes"`
	Storage   *StorageStatus    `json:"storage,omitempty"`
	// Unreadable names the parts of this answer that are empty because stored data
	// is damaged.
	Unreadable []string `json:"unreadable,omitempty"`
	// Code is the latest check of the projections' code against the active
	// generation, nil if there was none.
	Code *codecheck.Report `json:"code,omitempty"`
}

// LogStatus is the size of the log.
type LogStatus struct {
	Lanes  int   `json:"lanes"`
	Events int64 `json:"events"`
	// Bytes is the length of all events, uncompressed.
	Bytes  int64      `json:"bytes"`
	Newest *time.Time `json:"newest"`
}

const maxRunning = 20

func (a *API) getStatus(r *http.Request) (web.Reply, error) {
	view, err := a.gatherStatus(r.Context())
	return web.Answer(http.StatusOK, view), err
}

func (a *API) gatherStatus(ctx context.Context) (view StatusView, err error) {
	for _, part := range []struct {
		name   string
		gather func(context.Context, *StatusView) error
	}{
		{"streams", a.streamStatus},
		{"consumers", a.consumerStatus},
		{"executions", a.executionStatus},
		{"log", a.logStatus},
		{"generations", a.storeStatus},
		{"code", a.codeStatus},
		{"replays", a.replayStatus},
		{"quarantined", a.quarantineStatus},
		{"parked", a.parkedStatus},
		{"storage", a.storageStatus}, // last, because the others may find damage
	} {
		err := part.gather(ctx, &view)
		if errors.Is(err, storefault.ErrDamaged) {
			view.Unreadable = append(view.Unreadable, part.name)
		} else if err != nil {
			return view, fmt.Errorf("gather status: %w", err)
		}
	}
	return view, nil
}

func (a *API) streamStatus(ctx context.Context, view *StatusView) (err error) {
	view.Streams, err = notNull(a.Platform.Streams(ctx))
	return err
}

func (a *API) consumerStatus(ctx context.Context, view *StatusView) (err error) {
	view.Consumers, err = notNull(a.Platform.Consumers(ctx))
	return err
}

func (a *API) executionStatus(ctx context.Context, view *StatusView) (err error) {
	view.Executions, err = notNull(a.Platform.Running(ctx))
	return err
}

func (a *API) storageStatus(ctx context.Context, view *StatusView) (err error) {
	if view.DiskBytes, err = a.Platform.DiskBytes(ctx); err != nil {
		return err
	}
	view.Storage, err = a.Platform.Storage(ctx)
	return err
}

// notNull makes a list that is never null in JSON.
func notNull[T any](list []T, err error) ([]T, error) { return append([]T{}, list...), err }

func (a *API) logStatus(ctx context.Context, view *StatusView) error {
	heads, err := a.Heads.LoadAll(ctx, a.Lanes.Count())
	if err != nil {
		return err
	}
	view.Log.Lanes = len(heads)
	for _, head := range heads {
		view.Log.Events += head.Count
		view.Log.Bytes += head.Bytes
		if newest := time.UnixMilli(head.Logged).UTC(); head.Position != "" &&
			(view.Log.Newest == nil || newest.After(*view.Log.Newest)) {
			view.Log.Newest = &newest
		}
	}
	return nil
}

func (a *API) storeStatus(ctx context.Context, view *StatusView) error {
	generations, marks, err := a.generationsView(ctx)
	view.Active = generations.Active
	view.Generations, err = notNull(generations.Generations, err)
	view.Ignored = datastore.IgnoredIn(marks)
	return err
}

func (a *API) replayStatus(ctx context.Context, view *StatusView) error {
	view.Replays = []lifecycle.View{}
	var open []replay.Row
	err := a.Viewer.Store.List(ctx, func(row replay.Row) error {
		if !row.Status.Ended() && len(open) < maxRunning {
			open = append(open, row)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, row := range open {
		shown, err := a.Viewer.View(ctx, row)
		if err != nil {
			return err
		}
		view.Replays = append(view.Replays, shown)
	}
	return nil
}

func (a *API) quarantineStatus(ctx context.Context, view *StatusView) (err error) {
	view.Quarantined, err = a.CountQuarantined(ctx)
	return err
}

func (a *API) parkedStatus(ctx context.Context, view *StatusView) (err error) {
	view.Parked, err = a.CountParked(ctx)
	return err
}
