package wiring

import (
	"context"

	"reprise/pkg/api"
)

// status tells the API what only the services know.
type status struct{ *Platform }

// Streams implements api.Platform. The newest record is not known without
// reading.
func (s status) Streams(ctx context.Context) ([]api.StreamStatus, error) {
	var all []api.StreamStatus
	for _, name := range []string{s.Settings.Names.EventStream(), s.Settings.Names.PlaybackStream()} {
		described, err := s.Platform.Streams.Describe(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, api.StreamStatus{Name: name, Shards: described.Shards})
	}
	return all, nil
}

// Consumers implements api.Platform. The generations' consumers are one
// function, so that the slowest one shows.
func (s status) Consumers(ctx context.Context) ([]api.ConsumerStatus, error) {
	names := s.Settings.Names
	var all []api.ConsumerStatus
	for _, consumer := range []struct{ function, stream string }{
		{"pump-events", names.EventStream()}, {"write-state", names.EventStream()},
		{"run-microservice", names.EventStream()}, {"apply-playback", names.PlaybackStream()},
	} {
		one := api.ConsumerStatus{Name: consumer.function, Stream: consumer.stream}
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

// Executions implements api.Platform.
func (s status) Executions(ctx context.Context) ([]api.ExecutionStatus, error) {
	return s.Running.Running(ctx)
}

// DiskBytes implements api.Platform.
func (s status) DiskBytes(context.Context) (*int64, error) { return nil, nil }
