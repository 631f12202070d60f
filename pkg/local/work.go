package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/api"
	"reprise/pkg/api/web"
	"reprise/pkg/local/daily"
	"reprise/pkg/local/emulate"
	"reprise/pkg/storefault"
	"reprise/pkg/verify"
)

const (
	// roomEvery is how often a full disk is checked for room.
	roomEvery = 250 * time.Millisecond
	// firstPause and lastPause bound the wait before an engine that failed is
	// started again.
	firstPause = time.Second
	lastPause  = time.Minute
)

// ServeHTTP serves the HTTP API and the console. Requests wait while the platform is
// opened again, except for live feeds, which last.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.URL.Path == livePath {
		p.live.ServeHTTP(w, r)
		return
	}
	p.front.RLock()
	defer p.front.RUnlock()
	p.api.ServeHTTP(w, r)
}

// livePath is where live feeds are.
const livePath = "/live"

// look implements api.Live's Look.
func (p *Platform) look(see func(*api.API) error) error {
	p.front.RLock()
	defer p.front.RUnlock()
	return see(p.core.API())
}

// writes implements api.Live's Writes.
func (p *Platform) writes() uint64 {
	p.front.RLock()
	defer p.front.RUnlock()
	return p.db.Writes()
}

// liveTick implements api.Live's Tick.
func liveTick() (ticks <-chan time.Time, stop func()) {
	ticker := time.NewTicker(api.LiveTick)
	return ticker.C, ticker.Stop
}

// hold implements emulate.Hold.
func (p *Platform) hold(r *http.Request) *web.Problem {
	p.front.RLock()
	pump := p.pump
	p.front.RUnlock()
	return pace{pump.Lag, time.Now, emulate.Sleep}.hold(r)
}

// work runs everything but the HTTP API until ctx ends.
func (p *Platform) work(ctx context.Context) error {
	if err := p.awaitRoom(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.execute(ctx) })
	group.Go(func() error { return p.consumers(ctx) })
	group.Go(func() error { return p.trim(ctx) })
	group.Go(func() error { p.live.Sample(ctx); return nil })
	group.Go(func() error { p.reconcile(ctx); return nil })
	group.Go(func() error { p.verifyNightly(ctx); return nil })
	return group.Wait()
}

// awaitRoom waits until a platform that was opened on a full disk is open for
// writing.
func (p *Platform) awaitRoom(ctx context.Context) error {
	for p.db.ReadOnly() {
		p.options.Log.LogAttrs(ctx, slog.LevelWarn, "the disk is full: only reads are served until there is room")
		if err := p.pollRoom(ctx); err != nil {
			return nil
		}
		if err := p.reopen(ctx); err != nil {
			return fmt.Errorf("open platform again: %w", err)
		}
		if !p.db.ReadOnly() {
			p.options.Log.LogAttrs(ctx, slog.LevelWarn, "the disk has room again: everything goes on")
			p.warnOfVersion(ctx)
			return nil
		}
	}
	return nil
}

// pollRoom returns nil once the disk has room, or the error of ctx.
func (p *Platform) pollRoom(ctx context.Context) error {
	for !p.db.HasRoom() {
		if err := emulate.Sleep(ctx, roomEvery); err != nil {
			return err
		}
	}
	return nil
}

// reopen opens the data directory again, while no request is served.
func (p *Platform) reopen(ctx context.Context) error {
	p.front.Lock()
	defer p.front.Unlock()
	if err := p.Close(); err != nil {
		return err
	}
	return p.open(ctx)
}

// pauseEngine ends the running engine, if any. Its executions go on with the next
// engine, from what the journal says.
func (p *Platform) pauseEngine() {
	if pause := p.pause.Load(); pause != nil {
		(*pause)()
	}
}

// execute runs the state machine engine until ctx ends. While the disk is full,
// executions wait. After another error of the journal the engine is started again,
// since that error may concern a single execution or pass.
func (p *Platform) execute(ctx context.Context) error {
	wait, logged := firstPause, ""
	for {
		running, end := context.WithCancel(ctx)
		p.pause.Store(&end)
		err := p.engine.Load().Run(running)
		end()
		if ctx.Err() != nil {
			return nil
		}
		full := err == nil || errors.Is(err, storefault.ErrFull)
		text := "the disk is full: replays wait until there is room"
		if !full {
			text = err.Error()
		}
		if text != logged {
			logged = text
			p.options.Log.LogAttrs(ctx, slog.LevelWarn, "replays are interrupted", slog.String("cause", text))
		}
		if full {
			wait = firstPause
			err = p.pollRoom(ctx)
		} else {
			err = emulate.Sleep(ctx, wait)
			wait = min(2*wait, lastPause)
		}
		if err != nil {
			return nil
		}
		if err := p.openEngine(); err != nil {
			return err
		}
	}
}

// verifyNightly verifies the active generation and the log every night, if that is asked
// for, until ctx ends.
func (p *Platform) verifyNightly(ctx context.Context) {
	if p.options.VerifyAt == nil {
		return
	}
	starter := &daily.Starter{At: *p.options.VerifyAt, Now: time.Now, Sleep: emulate.Sleep, Start: p.verifyAt}
	starter.Run(ctx)
}

// verifyAt starts the verification of a night. It is named after the night, so that a
// platform that is started again in that minute starts no second one.
func (p *Platform) verifyAt(ctx context.Context, night time.Time) {
	name := "nightly-" + night.Format("20060102-1504")
	depth := p.options.VerifyDepth
	_, _, err := p.core.Verifications().Start(ctx, name,
		verify.Request{Depth: depth, Full: depth == verify.Rebuild, Budget: p.options.VerifyBudget})
	level, text := slog.LevelInfo, ""
	if err != nil {
		level, text = slog.LevelError, err.Error()
	}
	p.options.Log.LogAttrs(ctx, level, "nightly verification", slog.String("verification", name),
		slog.String("error", text))
}
