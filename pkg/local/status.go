package local

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/feed"
	"reprise/pkg/local/feedpebble"
)

// status implements api.Status.
type status struct{ *Platform }

// shardStatus is a stream that describes its shards.
type shardStatus interface {
	Status(ctx context.Context, shard string) (feedpebble.Status, error)
}

func (s status) Streams(ctx context.Context) ([]api.StreamStatus, error) {
	var all []api.StreamStatus
	for _, d := range []feed.Description{s.events, s.playback} {
		one := api.StreamStatus{Name: d.Name, Shards: d.Shards}
		stream := s.streams.Open(d.Name)
		shards, err := stream.Shards(ctx)
		if err != nil {
			return nil, err
		}
		for _, shard := range shards {
			at, err := stream.(shardStatus).Status(ctx, shard.ID)
			if err != nil {
				return nil, err
			}
			if at.Newest != "" && (one.Newest == nil || at.Arrival.After(*one.Newest)) {
				arrival := at.Arrival.UTC()
				one.Newest = &arrival
			}
		}
		all = append(all, one)
	}
	return all, nil
}

func (s status) Consumers(ctx context.Context) ([]api.ConsumerStatus, error) {
	registered, err := s.core.Registry().Load(ctx)
	if err != nil {
		return nil, err
	}
	type consumer struct {
		name   string
		stream feed.Description
	}
	consumers := []consumer{{pumpName, s.events}, {playbackName, s.playback}}
	if s.core.Service != nil {
		consumers = append(consumers, consumer{microserviceName, s.events})
	}
	for _, info := range registered.Generations {
		if info.Consumes() {
			consumers = append(consumers, consumer{writerName(info.ID), s.events})
		}
	}
	var all []api.ConsumerStatus
	for _, c := range consumers {
		lag, err := s.lag(ctx, c.stream, c.name)
		if err != nil {
			return nil, fmt.Errorf("find lag of %s: %w", c.name, err)
		}
		all = append(all, api.ConsumerStatus{Name: c.name, Stream: c.stream.Name,
			BehindRecords: &lag.records, BehindMillis: &lag.millis})
	}
	return all, nil
}

// lagOf is the lag of the consumer of the playback stream, or of the pump, whose lag is
// the only other one that is needed.
func (s status) lagOf(ctx context.Context, function string) (time.Duration, bool, error) {
	stream, consumer := s.events, pumpName
	if function == playbackName {
		stream, consumer = s.playback, playbackName
	}
	behind, err := s.lag(ctx, stream, consumer)
	return time.Duration(behind.millis) * time.Millisecond, err == nil, err
}

// lag is how far a consumer is behind.
type lag struct{ records, millis int64 }

func (s status) lag(ctx context.Context, d feed.Description, consumer string) (lag, error) {
	var sum lag
	stream := s.streams.Open(d.Name)
	shards, err := stream.Shards(ctx)
	if err != nil {
		return lag{}, err
	}
	checkpoints := feed.Checkpoints{Table: s.core.Table}
	for _, shard := range shards {
		done, err := checkpoints.Load(ctx, consumer, d.Identity, shard.ID)
		if err != nil {
			return lag{}, err
		}
		at, err := stream.(shardStatus).Status(ctx, shard.ID)
		if err != nil {
			return lag{}, err
		}
		behind := number(at.Newest) - max(number(done), number(at.Trimmed))
		if behind <= 0 {
			continue
		}
		oldest, err := arrivalBehind(ctx, stream, shard.ID, done)
		if err != nil {
			return lag{}, err
		}
		if oldest.IsZero() {
			continue // the numbers are those of lost records
		}
		sum.records += behind
		sum.millis = max(sum.millis, time.Since(oldest).Milliseconds())
	}
	return sum, nil
}

// number parses a sequence number. The embedded stream numbers the records of a
// shard without gaps, except for lost records.
func number(sequence string) int64 {
	n, err := strconv.ParseInt(sequence, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func arrivalBehind(ctx context.Context, stream feed.Stream, shard, after string) (time.Time, error) {
	at, err := stream.Iterator(ctx, shard, feed.Start{After: after})
	if err != nil {
		return time.Time{}, err
	}
	batch, err := stream.Read(ctx, at, 1)
	if err != nil || len(batch.Records) == 0 {
		return time.Time{}, err
	}
	return batch.Records[0].Arrival, nil
}

// lost describes the accepted losses for the proofs of replays.
func (p *Platform) lost() ([]string, error) {
	losses, err := p.streams.Losses(eventStream)
	texts := make([]string, len(losses))
	for i, l := range losses {
		texts[i] = l.String()
	}
	return texts, err
}

// Storage implements api.Platform.
func (s status) Storage(context.Context) (*api.StorageStatus, error) {
	view := &api.StorageStatus{
		State:        api.StorageOK,
		ReserveBytes: int64(s.db.ReserveBytes()),
		Damaged:      []api.DamagedFile{},
		Lost:         []api.LostRecords{},
		Warnings:     []string{},
	}
	room := s.db.Room()
	if room.Err != nil {
		view.Warnings = append(view.Warnings, room.Err.Error())
	}
	if room.Known {
		bytes := int64(room.Free)
		view.FreeBytes = &bytes
	}
	switch {
	case s.db.Failed():
		view.State = api.StorageFailed
	case s.db.ReadOnly() || !room.Enough:
		view.State = api.StorageFull
	}
	for _, d := range s.db.Damages() {
		view.Damaged = append(view.Damaged, api.DamagedFile{File: d.File, First: d.First, Last: d.Last, Found: d.At.UTC()})
	}
	view.Warnings = append(view.Warnings, s.streams.Warnings()...)
	if s.clockWarning != "" {
		view.Warnings = append(view.Warnings, s.clockWarning)
	}
	losses, err := s.streams.Losses(eventStream)
	for _, l := range losses {
		view.Lost = append(view.Lost, api.LostRecords{
			Stream:   eventStream,
			Shard:    feedpebble.ShardID(l.Shard),
			First:    strconv.FormatUint(l.First, 10),
			Last:     strconv.FormatUint(l.Last, 10),
			Until:    l.Until,
			Accepted: l.Accepted,
		})
	}
	return view, err
}

// DiskBytes implements api.Platform.
func (s status) DiskBytes(context.Context) (*int64, error) {
	size := int64(s.db.SizeBytes())
	return &size, nil
}
