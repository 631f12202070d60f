package api

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"reprise/pkg/api/trail"
	"reprise/pkg/replay/lifecycle"
)

// beat is the kind of the events that say that the platform is well although nothing
// changes. It is not sent while the platform cannot be read.
const beat = "beat"

// producer reads what changes, for all watchers.
type producer struct {
	live *Live
	open openReplays
	// writes is what had been written at the last look, and due when status is read
	// although nothing was written since.
	writes     uint64
	tick       int
	lookAt     int
	statusAt   int
	statusSeen uint64
	failing    bool
}

func (l *Live) produce(ctx context.Context) {
	ticks, stop := l.Tick()
	defer stop()
	p := &producer{live: l}
	for {
		if err := p.look(ctx); err != nil && ctx.Err() == nil {
			if !p.failing {
				l.Log.LogAttrs(ctx, slog.LevelWarn, "the live feed stands still", slog.String("error", err.Error()))
			}
			p.failing = true
		} else {
			p.failing = false
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks:
			p.tick++
		}
	}
}

// look reads what may have changed, and publishes it.
func (p *producer) look(ctx context.Context) error {
	writes := p.live.Writes()
	if p.tick == 0 || p.failing || writes != p.writes || p.tick >= p.lookAt {
		if err := p.live.Look(func(a *API) error { return p.replays(ctx, a) }); err != nil {
			return err
		}
		p.writes, p.lookAt = writes, p.tick+ticksIdle
	}
	if changed := writes != p.statusSeen || p.tick+ticksIdle == p.lookAt; p.tick >= p.statusAt && changed {
		if err := p.live.Look(func(a *API) error { return p.status(ctx, a) }); err != nil {
			return err
		}
		p.statusSeen, p.statusAt = writes, p.tick+ticksStatus
	}
	if p.tick%ticksBeat == 0 {
		return p.live.publish(beat, struct{}{})
	}
	return nil
}

func (p *producer) status(ctx context.Context, a *API) error {
	view, err := a.gatherStatus(ctx)
	if err != nil {
		return err
	}
	return p.live.publish("status", steady(view))
}

// freeStep is in which steps live feeds tell of the disk's free space: other programs
// change it all the time, and each change would make every open page draw itself again.
const freeStep = 64 << 20

// steady is a status without changes that nobody has to see.
func steady(view StatusView) StatusView {
	if view.Storage == nil || view.Storage.FreeBytes == nil {
		return view
	}
	storage := *view.Storage
	storage.FreeBytes = new(*storage.FreeBytes / freeStep * freeStep)
	view.Storage = &storage
	return view
}

func (p *producer) replays(ctx context.Context, a *API) error {
	views, err := p.open.look(ctx, a)
	if err != nil {
		return err
	}
	return p.live.publish("replays", LiveReplays{Replays: views})
}

// openReplays are the replays that had not ended at the last look.
type openReplays []string

// look returns the replays that have not ended, and those that have since the last look.
func (o *openReplays) look(ctx context.Context, a *API) ([]lifecycle.View, error) {
	var view StatusView
	if err := a.replayStatus(ctx, &view); err != nil {
		return nil, err
	}
	ids := make([]string, len(view.Replays))
	for i := range view.Replays {
		ids[i] = view.Replays[i].ID
	}
	for _, id := range *o {
		if slices.Contains(ids, id) {
			continue
		}
		row, err := a.Viewer.Store.Load(ctx, id)
		if err != nil {
			return nil, err
		}
		ended, err := a.Viewer.View(ctx, row)
		if err != nil {
			return nil, err
		}
		view.Replays = append(view.Replays, ended)
	}
	*o = ids
	return view.Replays, nil
}

// Sample keeps samples of the replays that run, until ctx ends. It reads only if the
// platform has written something since the last time, and of an idle one nothing but a
// counter.
func (l *Live) Sample(ctx context.Context) {
	ticks, stop := l.Tick()
	defer stop()
	var open openReplays
	for tick, seen := 0, uint64(0); ; tick++ {
		if writes := l.Writes(); tick%ticksSample == 0 && writes != seen {
			// What cannot be read now is read the next time.
			if err := l.Look(func(a *API) error { return l.sample(ctx, a, &open) }); err == nil {
				seen = writes
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
	}
}

func (l *Live) sample(ctx context.Context, a *API, open *openReplays) error {
	views, err := open.look(ctx, a)
	if err != nil || len(views) == 0 {
		return err
	}
	lag, err := a.liveLag(ctx)
	if err != nil {
		return err
	}
	now := a.Viewer.Store.Now().UTC()
	for i := range views {
		v := &views[i]
		s := trail.Sample{
			At:        now,
			Status:    v.Status,
			Read:      v.Progress.Read,
			Consumed:  v.Progress.Consumed,
			LagMillis: lag,
		}
		if v.Ended != nil {
			s.At = v.Ended.UTC()
		}
		if v.Pace != nil {
			s.Limit, s.Rate, s.Reason = v.Pace.Limit, v.Pace.Rate, v.Pace.Reason
		}
		l.trail.Add(v.ID, s)
	}
	return nil
}

// liveLag is how far the slowest consumer of live traffic is behind, nil if unknown.
func (a *API) liveLag(ctx context.Context) (most *int64, err error) {
	consumers, err := a.Platform.Consumers(ctx)
	for i := range consumers {
		millis := consumers[i].BehindMillis
		if millis != nil && !strings.Contains(consumers[i].Name, "playback") && (most == nil || *millis > *most) {
			most = millis
		}
	}
	return most, err
}
