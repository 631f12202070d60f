package local

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/sync/errgroup"

	"reprise/pkg/consume"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/local/emulate"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
)

const (
	// eventFactor and playbackFactor are the batches of a shard at a time.
	eventFactor    = 2
	playbackFactor = 2
	// lookAround is how often the keeper looks at the roll by itself.
	lookAround = time.Second
	// writePatience is how long Write waits for the pump.
	writePatience = 200 * time.Millisecond
)

// consumers runs the consumers of all streams until ctx ends.
func (p *Platform) consumers(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	pump := &consume.Pump{Log: p.options.Log, Pump: &eventlog.Pump{
		Log: p.log, Heads: p.heads, Decoder: p.decoder, Width: p.options.Bucket}}
	group.Go(func() error { return p.mapping("pump", p.events, eventFactor, pump.Handle).Run(ctx) })
	playback := &consume.ApplyPlayback{Log: p.options.Log, Consumer: &replay.Consumer{
		Store: p.store, Registry: p.registry, Generations: p.generations, Applier: p.applier,
		Codec: p.codec, Lanes: p.lanes, Width: p.options.Bucket}}
	group.Go(func() error {
		return p.mapping("apply-playback", p.playback, playbackFactor, playback.Handle).Run(ctx)
	})
	group.Go(func() error { return p.keepWriters(ctx) })
	return group.Wait()
}

func (p *Platform) mapping(consumer string, d feed.Description, factor int,
	f func(context.Context, events.KinesisEvent) (events.KinesisEventResponse, error),
) *emulate.Mapping {
	return &emulate.Mapping{Consumer: consumer, Stream: p.streams.Open(d.Name).(emulate.Source), Description: d,
		Checkpoints: feed.Checkpoints{Table: p.table}, Function: f, Factor: factor, Region: region, Log: p.options.Log}
}

// writer is the consumer of one generation.
type writer struct {
	cancel context.CancelFunc
	done   chan error
}

// end stops the consumer and waits for it. What it returns then is nil, for it
// was told to end.
func (w writer) end() error {
	w.cancel()
	return <-w.done
}

// keepWriters gives every generation that follows the event stream a consumer
// of its own, for as long as it does.
func (p *Platform) keepWriters(ctx context.Context) error {
	writers := make(map[string]writer)
	for {
		if err := p.matchWriters(ctx, writers); err != nil {
			return errors.Join(err, endAll(writers))
		}
		timer := time.NewTimer(lookAround)
		select {
		case <-timer.C:
		case <-p.nudge:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return endAll(writers)
		}
	}
}

func endAll(writers map[string]writer) error {
	var errs []error
	for _, w := range writers {
		errs = append(errs, w.end())
	}
	return errors.Join(errs...)
}

func (p *Platform) matchWriters(ctx context.Context, writers map[string]writer) error {
	roll, err := p.registry.Load(ctx)
	if err != nil {
		return err
	}
	wanted := make(map[string]bool)
	for _, info := range roll.Generations {
		if info.Consumes() {
			wanted[info.ID] = true
		}
	}
	for id := range wanted {
		if _, running := writers[id]; !running {
			writers[id] = p.startWriter(ctx, id)
		}
	}
	for id, w := range writers {
		select {
		case err := <-w.done:
			delete(writers, id)
			if err == nil && ctx.Err() != nil {
				continue // it ended with the platform, as it should
			}
			return fmt.Errorf("consumer of generation %s ended: %w", id, err)
		default:
		}
		if !wanted[id] {
			delete(writers, id)
			if err := w.end(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Platform) startWriter(ctx context.Context, generation string) writer {
	ctx, cancel := context.WithCancel(ctx)
	write := &consume.Write{Generation: generation, Log: p.options.Log, Live: &projection.Live{
		Log: p.log, Heads: p.heads, Registry: p.registry, Generations: p.generations, Decoder: p.decoder,
		Width: p.options.Bucket, Applier: p.applier, Patience: writePatience, Pause: emulate.Pause}}
	w := writer{cancel: cancel, done: make(chan error, 1)}
	go func() { w.done <- p.mapping(writerName(generation), p.events, eventFactor, write.Handle).Run(ctx) }()
	return w
}
