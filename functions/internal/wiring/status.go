package wiring

import (
	"context"

	"reprise/pkg/api"
	"reprise/pkg/asl/states"
	"reprise/pkg/aws/feedkinesis"
	"reprise/pkg/aws/settings"
	"reprise/pkg/aws/stepfunctions"
)

// maxListed bounds the executions that a status shows.
const maxListed = 100

// status implements api.Platform: it gives the API what only the services know.
type status struct {
	names   settings.Names
	streams *feedkinesis.Streams
	machine *stepfunctions.Machine
	lag     iteratorAge
}

// Streams omits the newest record, which is unknown without reading the stream.
func (s status) Streams(ctx context.Context) ([]api.StreamStatus, error) {
	var all []api.StreamStatus
	for _, name := range []string{s.names.EventStream(), s.names.PlaybackStream()} {
		described, err := s.streams.Describe(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, api.StreamStatus{Name: name, Shards: described.Shards})
	}
	return all, nil
}

// Consumers reports the generations' consumers as one function, with the lag of the
// slowest.
func (s status) Consumers(ctx context.Context) ([]api.ConsumerStatus, error) {
	var all []api.ConsumerStatus
	for _, consumer := range []struct{ function, stream string }{
		{"pump-events", s.names.EventStream()}, {"write-state", s.names.EventStream()},
		{"run-microservice", s.names.EventStream()}, {"apply-playback", s.names.PlaybackStream()},
	} {
		one := api.ConsumerStatus{Name: consumer.function, Stream: consumer.stream}
		lag, known, err := s.lag.of(ctx, consumer.function)
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

// Executions returns the newest first.
func (s status) Executions(ctx context.Context) ([]api.ExecutionStatus, error) {
	page, _, err := s.machine.List(ctx, states.StatusRunning, "", maxListed)
	if err != nil {
		return nil, err
	}
	all := make([]api.ExecutionStatus, 0, len(page))
	for _, e := range page {
		all = append(all, api.ExecutionStatus{Machine: s.machine.Name(), Name: e.Name,
			Status: string(e.Status), Started: e.StartDate})
	}
	return all, nil
}

// Storage returns nil: the services look after their disks.
func (s status) Storage(context.Context) (*api.StorageStatus, error) { return nil, nil }

// DiskBytes returns nil: the number is unknown.
func (s status) DiskBytes(context.Context) (*int64, error) { return nil, nil }
