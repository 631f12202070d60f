package local

import (
	"context"
	"log/slog"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/feed"
	"reprise/pkg/local/emulate"
)

const (
	// trimEvery is how often expired records are deleted.
	trimEvery = time.Minute
	// keepExecutions is how long ended executions are kept, as on AWS.
	keepExecutions = 90 * 24 * time.Hour
	// trimRecords limits one read.
	trimRecords = 64
	// playbackRetention is how long playback records are kept for subscribers.
	playbackRetention = time.Hour
)

// trim deletes expired records from the streams until ctx ends. Unlike on AWS,
// records that a consumer still needs never expire, because a machine may be off
// for longer than the retention.
func (p *Platform) trim(ctx context.Context) error {
	for {
		if err := p.trimOnce(ctx, time.Now()); err != nil && ctx.Err() == nil {
			p.options.Log.LogAttrs(ctx, slog.LevelWarn, "expired records not deleted; retrying",
				slog.String("error", err.Error()))
		}
		if emulate.Sleep(ctx, trimEvery) != nil {
			return nil
		}
	}
}

func (p *Platform) trimOnce(ctx context.Context, now time.Time) error {
	if _, err := p.engine.Load().Prune(ctx, now.Add(-keepExecutions)); err != nil {
		return err
	}
	registered, err := p.core.Registry().Load(ctx)
	if err != nil {
		return err
	}
	consumers := []string{pumpName}
	if p.core.Service != nil {
		consumers = append(consumers, microserviceName)
	}
	for _, info := range registered.Generations {
		if info.Consumes() {
			consumers = append(consumers, writerName(info.ID))
		}
	}
	if err := p.trimStream(ctx, p.events, consumers, now.Add(-p.options.Retention)); err != nil {
		return err
	}
	keep := min(playbackRetention, p.options.Retention)
	return p.trimStream(ctx, p.playback, []string{playbackName}, now.Add(-keep))
}

func (p *Platform) trimStream(ctx context.Context, d feed.Description, consumers []string, before time.Time) error {
	stream := p.streams.Open(d.Name)
	shards, err := stream.Shards(ctx)
	if err != nil {
		return err
	}
	for _, shard := range shards {
		done, err := p.doneByAll(ctx, d, consumers, shard.ID)
		if err != nil {
			return err
		}
		upTo, err := lastExpired(ctx, stream, shard.ID, done, before)
		if err != nil {
			return err
		}
		if upTo == "" {
			continue
		}
		if err := stream.(trimmer).Trim(ctx, shard.ID, upTo); err != nil {
			return err
		}
	}
	return nil
}

// trimmer is a stream that can delete its oldest records.
type trimmer interface {
	Trim(ctx context.Context, shard, upTo string) error
}

// doneByAll is the last record of a shard that all consumers have done.
func (p *Platform) doneByAll(
	ctx context.Context, d feed.Description, consumers []string, shard string,
) (string, error) {
	checkpoints := feed.Checkpoints{Table: p.core.Table}
	done := ""
	for i, consumer := range consumers {
		at, err := checkpoints.Load(ctx, consumer, d.Identity, shard)
		if err != nil {
			return "", err
		}
		if i == 0 || event.CompareSequences(at, done) < 0 {
			done = at
		}
	}
	return done, nil
}

// lastExpired is the last record of a shard, up to done, that arrived before a
// time; "" if there is none.
func lastExpired(ctx context.Context, stream feed.Stream, shard, done string, before time.Time) (string, error) {
	at, err := stream.Iterator(ctx, shard, feed.Start{})
	if err != nil {
		return "", err
	}
	last := ""
	for at != "" {
		batch, err := stream.Read(ctx, at, trimRecords)
		if err != nil {
			return "", err
		}
		for _, r := range batch.Records {
			if !r.Arrival.Before(before) || event.CompareSequences(r.Sequence, done) > 0 {
				return last, nil
			}
			last = r.Sequence
		}
		if len(batch.Records) == 0 {
			break
		}
		at = batch.Next
	}
	return last, nil
}
