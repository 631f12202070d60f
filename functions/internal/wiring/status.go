package wiring

import (
	"context"
	"encoding/json"

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
	// service tells whether the business logic has a service.
	service bool
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
	type consumer struct{ function, stream string }
	consumers := []consumer{{"pump-events", s.names.EventStream()}, {"write-state", s.names.EventStream()}}
	if s.service { // else it is not deployed
		consumers = append(consumers, consumer{"run-microservice", s.names.EventStream()})
	}
	for _, consumer := range append(consumers, consumer{"apply-playback", s.names.PlaybackStream()}) {
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

// Running returns the newest first.
func (s status) Running(ctx context.Context) ([]api.ExecutionStatus, error) {
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

// Execution implements api.Executions, as the next three methods do.
func (s status) Execution(ctx context.Context, name string) (states.Execution, error) {
	return s.machine.Describe(ctx, name)
}

func (s status) Child(ctx context.Context, name string, group int) (states.Execution, error) {
	return s.machine.Child(ctx, name, group, func(input json.RawMessage) bool { return api.ReadsGroup(input, group) })
}

func (s status) Definition(ctx context.Context, arn string) (json.RawMessage, error) {
	return s.machine.Definition(ctx, arn)
}

func (s status) Events(ctx context.Context, arn string, after int64, limit int) ([]states.Event, bool, error) {
	return s.machine.Events(ctx, arn, after, limit)
}

// Storage returns nil: the services look after their disks.
func (s status) Storage(context.Context) (*api.StorageStatus, error) { return nil, nil }

// DiskBytes returns nil: the number is unknown.
func (s status) DiskBytes(context.Context) (*int64, error) { return nil, nil }
