package local

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/sync/errgroup"

	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/handler"
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
	pump := &handler.Pump{Log: p.options.Log, Pump: &eventlog.Pump{
		Log: p.log, Heads: p.heads, Decoder: p.decoder, Width: p.options.Bucket}}
	group.Go(func() error { return p.mapping("pump", p.events, eventFactor, pump.Handle).run(ctx) })
	playback := &handler.ApplyPlayback{Log: p.options.Log, Consumer: &replay.Consumer{
		Store: p.store, Registry: p.registry, Generations: p.generations, Applier: p.applier,
		Codec: p.codec, Lanes: p.lanes, Width: p.options.Bucket}}
	group.Go(func() error {
		return p.mapping("apply-playback", p.playback, playbackFactor, playback.Handle).run(ctx)
	})
	group.Go(func() error { return p.keepWriters(ctx) })
	return group.Wait()
}

func (p *Platform) mapping(consumer string, d feed.Description, factor int,
	f func(context.Context, events.KinesisEvent) (events.KinesisEventResponse, error),
) *mapping {
	return &mapping{consumer: consumer, stream: p.streams.Open(d.Name).(source), description: d,
		checkpoints: feed.Checkpoints{Table: p.table}, function: f, factor: factor, log: p.options.Log}
}

// writer is the consumer of one generation.
type writer struct {
	cancel context.CancelFunc
	done   chan error
}

// keepWriters gives every generation that follows the event stream a consumer
// of its own, for as long as it does.
func (p *Platform) keepWriters(ctx context.Context) error {
	writers := make(map[string]writer)
	defer func() {
		for _, w := range writers {
			w.cancel()
			_ = <-w.done // it was told to end
		}
	}()
	for {
		if err := p.matchWriters(ctx, writers); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		timer := time.NewTimer(lookAround)
		select {
		case <-timer.C:
		case <-p.nudge:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
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
			return fmt.Errorf("consumer of generation %s ended: %w", id, err)
		default:
		}
		if !wanted[id] {
			w.cancel()
			_ = <-w.done // it was told to end
			delete(writers, id)
		}
	}
	return nil
}

func (p *Platform) startWriter(ctx context.Context, generation string) writer {
	ctx, cancel := context.WithCancel(ctx)
	write := &handler.Write{Generation: generation, Log: p.options.Log, Live: &projection.Live{
		Heads: p.heads, Registry: p.registry, Generations: p.generations, Decoder: p.decoder,
		Width: p.options.Bucket, Applier: p.applier, Patience: writePatience, Pause: pauseFor}}
	w := writer{cancel: cancel, done: make(chan error, 1)}
	go func() { w.done <- p.mapping(writerName(generation), p.events, eventFactor, write.Handle).run(ctx) }()
	return w
}
