package api

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// LanesView is how far every lane is in the log and in the active generation.
type LanesView struct {
	// Generation is the active one, "" if none is.
	Generation string `json:"generation"`
	// Lost is set if a lane has no live mark or events are known to be missing:
	// no more events are applied to the generation.
	Lost bool `json:"lost"`
	// Ignored counts the events that no projection of the generation handles.
	Ignored datastore.Ignored `json:"ignored"`
	Lanes   []LaneView        `json:"lanes"`
}

// LaneView is a lane's head and the active generation's live mark in it.
type LaneView struct {
	Lane event.Lane `json:"lane"`
	// Position is the last position in the log, "" before the first event.
	Position event.Position `json:"position"`
	// Logged is its logged time, null before the first event.
	Logged *time.Time `json:"logged"`
	Count  int64      `json:"count"`
	// Applied is how far the active generation has applied the log.
	Applied event.Position `json:"applied"`
}

// getLanes reads the marks before the heads, so that no lane shows more applied
// than logged.
func (a *API) getLanes(r *http.Request) (web.Reply, error) {
	registry, err := a.Registry.Load(r.Context())
	if err != nil {
		return web.Reply{}, err
	}
	view := LanesView{Generation: registry.Active, Lost: true, Lanes: make([]LaneView, a.Lanes.Count())}
	if info, found := registry.Find(registry.Active); found {
		marks, missing, err := a.liveMarks(r.Context(), info.ID)
		if err != nil {
			return web.Reply{}, err
		}
		view.Lost, view.Ignored = missing || info.Loss != nil, datastore.IgnoredIn(marks)
		for lane, mark := range marks {
			view.Lanes[lane].Applied = mark.Position
		}
	}
	heads, err := a.Heads.LoadAll(r.Context(), a.Lanes.Count())
	if err != nil {
		return web.Reply{}, err
	}
	for i, head := range heads {
		l := &view.Lanes[i]
		l.Lane, l.Position, l.Count = event.Lane(i), head.Position, head.Count
		if head.Position != "" {
			logged := time.UnixMilli(head.Logged).UTC()
			l.Logged = &logged
		}
	}
	return web.Answer(http.StatusOK, view), nil
}

// marksAtOnce bounds the marks that are read concurrently.
const marksAtOnce = 16

// liveMarks returns a generation's live marks and reports whether one is missing.
func (a *API) liveMarks(ctx context.Context, generation string) (marks []datastore.Mark, missing bool, err error) {
	opened := a.Generations.Open(generation)
	marks = make([]datastore.Mark, a.Lanes.Count())
	var anyMissing atomic.Bool
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(marksAtOnce)
	for lane := range event.Lane(len(marks)) {
		group.Go(func() (err error) {
			marks[lane], _, err = opened.Mark(ctx, datastore.LiveMark, lane)
			if datastore.IsGone(err) {
				anyMissing.Store(true)
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, false, fmt.Errorf("read live marks: %w", err)
	}
	return marks, anyMissing.Load(), nil
}
