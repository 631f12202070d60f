package wiring

import (
	"context"

	"reprise/pkg/handler"
)

// status tells the API what only the services know.
type status struct{ *Platform }

// Streams implements handler.Platform. The newest record is not known without
// reading.
func (s status) Streams(ctx context.Context) ([]handler.StreamStatus, error) {
	var all []handler.StreamStatus
	for _, name := range []string{s.Settings.Names.EventStream(), s.Settings.Names.PlaybackStream()} {
		described, err := s.Platform.Streams.Describe(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, handler.StreamStatus{Name: name, Shards: described.Shards})
	}
	return all, nil
}

// Consumers implements handler.Platform. The generations' consumers are one
// function, so that the slowest one shows.
func (s status) Consumers(ctx context.Context) ([]handler.ConsumerStatus, error) {
	names := s.Settings.Names
	var all []handler.ConsumerStatus
	for _, consumer := range []struct{ function, stream string }{
		{"pump-events", names.EventStream()}, {"write-state", names.EventStream()},
		{"run-microservice", names.EventStream()}, {"apply-playback", names.PlaybackStream()},
	} {
		one := handler.ConsumerStatus{Name: consumer.function, Stream: consumer.stream}
		lag, known, err := s.Lag.Lag(ctx, names.Function(consumer.function))
		if err != nil {
			return nil, err
		}
		if known {
			millis := lag.Milliseconds()
			one.BehindMillis = &millis
		}
		all = append(all, one)
	}
	return all, nil
}

// Executions implements handler.Platform.
func (s status) Executions(ctx context.Context) ([]handler.ExecutionStatus, error) {
	return s.Running.Running(ctx)
}

// DiskBytes implements handler.Platform.
func (s status) DiskBytes(context.Context) (*int64, error) { return nil, nil }
