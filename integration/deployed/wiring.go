package deployed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"reprise/integration/lambdahost"
	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
	"reprise/pkg/asl/wire"
	"reprise/pkg/event"
	"reprise/pkg/feed"
	"reprise/pkg/local/emulate"
)

const (
	emulateHeaderTimeout = 10 * time.Second
	// pollEvery is how often a shard without records is read.
	pollEvery = 100 * time.Millisecond
	// askEvery is how often tests ask whether something has happened. Every question
	// takes a function and several reads, from which the work itself has to wait.
	askEvery = 200 * time.Millisecond
	// scheduleEvery replaces every rule's own schedule.
	scheduleEvery = time.Second
)

// startEngine runs the state machines of the templates and serves their API.
func (w *World) startEngine(ctx context.Context, listener net.Listener) {
	w.t.Helper()
	machines := make(map[string]*asl.Machine)
	config := wire.Config{Region: place().Region, Account: place().Account, Log: w.log}
	for _, m := range w.options.Deployment.Machines {
		parsed, err := asl.Parse([]byte(m.Definition), m.Substitutions)
		if err != nil {
			w.t.Fatalf("parse state machine %s: %v", m.Name, err)
		}
		machines[m.Name] = parsed
		config.Machines = append(config.Machines, wire.Machine{Name: m.Name, Definition: m.Definition, Created: time.Now()})
	}
	engine, err := engine.New(engine.Config{
		Machines: machines,
		Invoker:  w.definitions,
		OnEnd:    w.executionEnded,
		Journal:  &asltest.Memory{Forget: true},
		Clock:    asltest.Hasty{},
		Region:   config.Region,
		Account:  config.Account,
		Logger:   w.log,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Engine, config.Engine = engine, engine
	w.group.Go(func() error { return engine.Run(ctx) })
	w.serve(ctx, listener, wire.New(config))
}

// executionEnded sends the event that EventBridge sends when an execution ends to the
// targets of all rules whose pattern matches.
func (w *World) executionEnded(_ context.Context, e states.Execution) error {
	raw, err := json.Marshal(map[string]any{
		"version":     "0",
		"id":          e.ExecutionArn,
		"detail-type": "Step Functions Execution Status Change",
		"source":      "aws.states",
		"account":     place().Account,
		"time":        e.StopDate,
		"region":      place().Region,
		"detail": map[string]any{
			"executionArn":    e.ExecutionArn,
			"stateMachineArn": e.StateMachineArn,
			"name":            e.Name,
			"input":           string(e.Input),
			"status":          e.Status,
			"error":           e.Error,
			"cause":           e.Cause,
		},
	})
	if err != nil {
		return fmt.Errorf("encode ended execution: %w", err)
	}
	var decoded map[string]any
	if err := json.Unmarshal(raw, &decoded); err != nil {
		return fmt.Errorf("decode ended execution: %w", err)
	}
	for _, rule := range w.options.Deployment.Rules {
		if rule.Pattern == nil || !fits(rule.Pattern, decoded) {
			continue
		}
		for _, target := range rule.Targets {
			if err := w.Host.InvokeAsync(target, raw); err != nil {
				return err
			}
		}
	}
	return nil
}

// fits matches an event against a pattern of lists of values, as EventBridge does.
func fits(pattern, e map[string]any) bool {
	for name, want := range pattern {
		switch want := want.(type) {
		case []any:
			if !slices.Contains(want, e[name]) {
				return false
			}
		case map[string]any:
			inner, _ := e[name].(map[string]any)
			if !fits(want, inner) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// schedules calls the targets of scheduled rules until ctx ends. A call begins after the
// one before has ended, so that they do not pile up on a slow machine.
func (w *World) schedules(ctx context.Context) error {
	for {
		for _, rule := range w.options.Deployment.Rules {
			for _, target := range rule.Targets {
				if rule.Schedule == "" {
					continue
				}
				_, err := w.Host.Invoke(ctx, target, json.RawMessage(`{}`))
				var failed *lambdahost.FunctionError
				var refused *lambdahost.ServiceError
				if ctx.Err() != nil || errors.As(err, &failed) || errors.As(err, &refused) {
					continue // the next run does the same
				}
				if err != nil {
					return err
				}
			}
		}
		if emulate.Sleep(ctx, scheduleEvery) != nil {
			return nil
		}
	}
}

// publish publishes versions and creates the event source mappings.
func (w *World) publish() {
	w.t.Helper()
	for _, version := range w.options.Deployment.Versions {
		function, err := lambdahost.ParseReference(version.Function)
		if err == nil {
			_, err = w.Host.PublishVersion(function.Name)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	for _, m := range w.options.Deployment.Mappings {
		if !strings.Contains(m.Source, ":kinesis:") {
			continue // no engine here has DynamoDB Streams
		}
		_, err := w.API.Map(lambdahost.Mapping{
			Source:           m.Source,
			Function:         m.Function,
			StartingPosition: m.StartingPosition,
			BatchSize:        m.BatchSize,
			BatchingSeconds:  m.BatchingSeconds,
			Parallelization:  m.Parallelization,
			RetryAttempts:    m.RetryAttempts,
			RecordAgeSeconds: m.RecordAgeSeconds,
			Bisect:           m.Bisect,
			ResponseTypes:    m.ResponseTypes,
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// polled is a stream that is polled for new records.
type polled struct{ feed.Stream }

// Wait implements emulate.Source.
func (p polled) Wait(ctx context.Context, _, _ string) error { return emulate.Sleep(ctx, pollEvery) }

// consume serves an event source mapping.
func (w *World) consume(ctx context.Context, m lambdahost.Mapping) error {
	name := m.Source[strings.LastIndex(m.Source, "/")+1:]
	description, err := w.streams.Describe(ctx, name)
	if err != nil {
		return err
	}
	mapping := &emulate.Mapping{
		Consumer:    m.ID,
		Stream:      polled{w.streams.Open(name)},
		Description: description,
		Checkpoints: w.checkpoints,
		Factor:      m.Parallelization,
		Window:      time.Duration(m.BatchingSeconds) * time.Second,
		Region:      place().Region,
		Log:         w.log,
		Function: func(ctx context.Context, batch events.KinesisEvent) (events.KinesisEventResponse, error) {
			w.batches.Add(1)
			defer w.batches.Add(-1)
			return invoke[events.KinesisEventResponse](ctx, w.Host, m.Function, batch)
		},
	}
	return mapping.Run(ctx)
}

func invoke[Out any](ctx context.Context, host *lambdahost.Host, function string, in any) (out Out, err error) {
	payload, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("encode payload: %w", err)
	}
	result, err := host.Invoke(ctx, function, payload)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(result, &out); err != nil {
		return out, fmt.Errorf("decode result of %s: %w", function, err)
	}
	return out, nil
}

// noMetrics is a CloudWatch that has no values.
func noMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	_, _ = w.Write([]byte("\xa1\x6aDatapoints\x80")) // {"Datapoints": []}; it fails only if the client is gone
}

// checkpoints are the checkpoints of mappings, which Lambda keeps on AWS.
type checkpoints struct {
	mu        sync.Mutex
	sequences map[string]string
}

// Load implements emulate.Checkpoints.
func (c *checkpoints) Load(_ context.Context, consumer, identity, shard string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sequences[consumer+" "+identity+" "+shard], nil
}

// Store implements emulate.Checkpoints.
func (c *checkpoints) Store(_ context.Context, consumer, identity, shard, sequence string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := consumer + " " + identity + " " + shard
	if event.CompareSequences(c.sequences[key], sequence) < 0 {
		c.sequences[key] = sequence
	}
	return nil
}
