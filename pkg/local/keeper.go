package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/feed"
	"reprise/pkg/local/emulate"
	"reprise/pkg/platform"
)

const (
	// eventFactor and playbackFactor are the concurrent batches per shard.
	eventFactor    = 2
	playbackFactor = 2
	// keepEvery is how often the keeper reads the registry of generations without being
	// woken if something was written, and keepIdle how often if nothing was.
	keepEvery = time.Second
	keepIdle  = 10 * time.Second
	// reconcileEvery is how often replays and verifications are checked, and reconcileAgain
	// how soon after a check that failed.
	reconcileEvery = 5 * time.Minute
	reconcileAgain = 5 * time.Second
)

// The names of the consumers, under which their checkpoints are stored.
const (
	pumpName         = "pump"
	playbackName     = "apply-playback"
	microserviceName = "run-microservice"
)

func writerName(generation string) string { return "write#" + generation }

// consumers runs the consumers of all streams until ctx ends.
func (p *Platform) consumers(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.pump.Run(ctx) })
	group.Go(func() error {
		return p.mapping(playbackName, p.playback, playbackFactor, p.core.ApplyPlayback()).Run(ctx)
	})
	if p.core.Service != nil {
		group.Go(func() error {
			return p.mapping(microserviceName, p.events, eventFactor, p.core.Microservice()).Run(ctx)
		})
		group.Go(func() error { return p.retryEffects(ctx) })
	}
	group.Go(func() error { return p.keepWriters(ctx) })
	return group.Wait()
}

func (p *Platform) mapping(consumer string, d feed.Description, factor int, f platform.Batch) *emulate.Mapping {
	return &emulate.Mapping{
		Consumer:    consumer,
		Stream:      p.streams.Open(d.Name).(emulate.Source),
		Description: d,
		Checkpoints: feed.Checkpoints{Table: p.core.Table},
		Function:    f,
		Factor:      factor,
		Region:      region,
		Log:         p.options.Log,
	}
}

// wake makes the keeper of consumers read the registry of generations now.
func (p *Platform) wake(context.Context) error {
	select {
	case p.woken <- struct{}{}:
	default:
	}
	return nil
}

// keepWriters runs one consumer for every generation that follows the event
// stream. It logs an error once until it changes or passes.
func (p *Platform) keepWriters(ctx context.Context) error {
	trouble := trouble{log: p.options.Log, text: "consumers do not match the generations; retrying"}
	for {
		writes, kept := p.writes(), time.Now()
		err := p.core.Keeper().Keep(ctx)
		if errors.Is(err, errEnded) {
			return errors.Join(err, p.writers.endAll())
		}
		trouble.note(ctx, err)
		if err := p.untilWritten(ctx, writes, kept.Add(keepIdle)); err != nil {
			return p.writers.endAll()
		}
	}
}

// reconcile completes what earlier processes left unfinished of replays and verifications,
// and checks the code of the projections, at once and from time to time, until ctx ends. It
// runs beside the engine, since executions that wait can be told to go on only once the
// engine has taken them up. It logs an error once until it changes or passes.
func (p *Platform) reconcile(ctx context.Context) {
	trouble := trouble{log: p.options.Log, text: "replays and verifications are not checked; retrying"}
	checked := false
	for {
		wait, err := reconcileEvery, p.core.Reconcile(ctx)
		if err == nil || !checked {
			p.core.CheckCode(ctx)
			checked = true
		}
		if err != nil {
			wait = reconcileAgain
		}
		trouble.note(ctx, err)
		if emulate.Sleep(ctx, wait) != nil {
			return
		}
	}
}

// trouble logs what fails again and again once, until it changes or passes.
type trouble struct {
	log    *slog.Logger
	text   string
	logged string
}

// note notes how it went; after the end of ctx, errors are no trouble.
func (t *trouble) note(ctx context.Context, err error) {
	switch {
	case err == nil:
		t.logged = ""
	case ctx.Err() == nil && err.Error() != t.logged:
		t.logged = err.Error()
		t.log.LogAttrs(ctx, slog.LevelWarn, t.text, slog.String("error", t.logged))
	}
}

// untilWritten waits until something may have changed: the keeper is woken, anything but
// so many writes is counted, or it is latest. It returns the error of ctx.
func (p *Platform) untilWritten(ctx context.Context, writes uint64, latest time.Time) error {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			if p.writes() != writes || !now.Before(latest) {
				return nil
			}
		case <-p.woken:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// writers are the running consumers of generations. It implements platform.Host
// for one keeper at a time.
type writers struct {
	platform *Platform
	running  map[string]writer
}

// writer is the consumer of one generation.
type writer struct {
	version string
	cancel  context.CancelFunc
	done    chan error
}

// errEnded means that a consumer ended although nobody stopped it.
var errEnded = errors.New("the consumer of a generation has ended")

// Consumers implements platform.Host.
func (w *writers) Consumers(ctx context.Context) ([]platform.Consumer, error) {
	var all []platform.Consumer
	for generation, one := range w.running {
		select {
		case err := <-one.done:
			delete(w.running, generation)
			if err == nil && ctx.Err() != nil {
				continue // it ended with the platform
			}
			return nil, fmt.Errorf("run consumer of generation %s: %w", generation, errors.Join(errEnded, err))
		default:
			all = append(
				all,
				platform.Consumer{Generation: generation, Version: one.version, Mapping: writerName(generation), Sound: true},
			)
		}
	}
	return all, nil
}

// Provide implements platform.Host. The consumer runs until ctx ends or it is
// removed.
func (w *writers) Provide(ctx context.Context, have platform.Consumer, version string) error {
	ctx, cancel := context.WithCancel(ctx)
	one := writer{version: version, cancel: cancel, done: make(chan error, 1)}
	m := w.platform.mapping(
		writerName(have.Generation),
		w.platform.events,
		eventFactor,
		w.platform.core.Write(have.Generation),
	)
	go func() { one.done <- m.Run(ctx) }()
	w.running[have.Generation] = one
	return nil
}

// Remove implements platform.Host.
func (w *writers) Remove(_ context.Context, have platform.Consumer) error {
	one := w.running[have.Generation]
	delete(w.running, have.Generation)
	return one.end()
}

// end stops the consumer and waits for it.
func (w writer) end() error {
	w.cancel()
	return <-w.done
}

func (w *writers) endAll() error {
	var errs []error
	for _, one := range w.running {
		errs = append(errs, one.end())
	}
	clear(w.running)
	return errors.Join(errs...)
}

const (
	// effectsEvery is how often entities whose effects wait are looked for while something
	// is written, effectsIdle how often while nothing is.
	effectsEvery = time.Second
	effectsIdle  = time.Minute
)

// retryEffects takes up the effects of entities that wait, when they are due, until ctx
// ends. It logs an error once until it changes or passes.
func (p *Platform) retryEffects(ctx context.Context) error {
	trouble := trouble{log: p.options.Log, text: "effects that wait are not taken up; retrying"}
	for {
		writes, swept := p.writes(), time.Now()
		due, err := p.sweepEffects(ctx)
		trouble.note(ctx, err)
		latest := swept.Add(effectsIdle)
		if !due.IsZero() && due.Before(latest) {
			latest = due
		}
		if p.untilDue(ctx, writes, latest) != nil {
			return nil
		}
	}
}

func (p *Platform) sweepEffects(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, functionTimeout)
	defer cancel()
	return p.core.RetryEffects(ctx)
}

// untilDue waits until something was written since so many writes, or it is latest, and at
// least for a moment. It returns the error of ctx.
func (p *Platform) untilDue(ctx context.Context, writes uint64, latest time.Time) error {
	const moment = 50 * time.Millisecond
	timer := time.NewTimer(max(moment, time.Until(latest)))
	defer timer.Stop()
	ticker := time.NewTicker(effectsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if p.writes() != writes {
				return nil
			}
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
