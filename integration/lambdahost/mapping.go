package lambdahost

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Mapping is an event source mapping as the Lambda API shows it.
type Mapping struct {
	ID                string   `json:"UUID"`
	Source            string   `json:"EventSourceArn"`
	Function          string   `json:"FunctionArn"`
	StartingPosition  string   `json:"StartingPosition"`
	State             string   `json:"State"`
	BatchSize         int      `json:"BatchSize"`
	BatchingSeconds   int      `json:"MaximumBatchingWindowInSeconds"`
	Parallelization   int      `json:"ParallelizationFactor"`
	RetryAttempts     int      `json:"MaximumRetryAttempts"`
	RecordAgeSeconds  int      `json:"MaximumRecordAgeInSeconds"`
	Bisect            bool     `json:"BisectBatchOnFunctionError"`
	ResponseTypes     []string `json:"FunctionResponseTypes"`
	LastModifiedEpoch float64  `json:"LastModified"`
}

// Consumer reads a mapping's source and invokes its function until ctx ends. It is
// called again shortly after it returns.
type Consumer func(ctx context.Context, m Mapping) error

// mappings are the event source mappings of a host.
type mappings struct {
	consume Consumer
	log     *slog.Logger
	ctx     context.Context
	cancel  context.CancelFunc

	mu   sync.Mutex
	over bool
	all  []*mapped
}

// mapped is a mapping with the goroutine that serves it, if it is enabled.
type mapped struct {
	Mapping
	stop func()
}

const (
	enabled  = "Enabled"
	disabled = "Disabled"
)

func newMappings(consume Consumer, log *slog.Logger) *mappings {
	ctx, cancel := context.WithCancel(context.Background())
	return &mappings{consume: consume, log: log, ctx: ctx, cancel: cancel}
}

// close stops all consumers and waits for them.
func (m *mappings) close() {
	m.cancel()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
	for _, one := range m.all {
		one.stop()
	}
}

// create adds a mapping. A second one of the same source and function is a
// conflict.
func (m *mappings) create(want Mapping) (Mapping, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return Mapping{}, ErrClosed
	}
	for _, one := range m.all {
		if one.Source == want.Source && one.Function == want.Function {
			return Mapping{}, &ServiceError{ExceptionConflict, fmt.Sprintf("An event source mapping with event source "+
				"arn (%q) and function (%q) already exists. UUID %s", want.Source, want.Function, one.ID)}
		}
	}
	want.ID = identifier()
	want.LastModifiedEpoch = float64(time.Now().UnixMilli()) / 1000
	one := &mapped{Mapping: want}
	m.begin(one)
	m.all = append(m.all, one)
	return one.Mapping, nil
}

// begin starts the consumer of an enabled mapping. m.mu is held.
func (m *mappings) begin(one *mapped) {
	one.stop = func() {}
	if one.State != enabled {
		return
	}
	ctx, cancel := context.WithCancel(m.ctx)
	done := make(chan struct{})
	settings := one.Mapping
	go func() {
		defer close(done)
		m.serve(ctx, settings)
	}()
	one.stop = func() {
		cancel()
		<-done
	}
}

func (m *mappings) serve(ctx context.Context, settings Mapping) {
	const pause = 100 * time.Millisecond
	for ctx.Err() == nil {
		err := m.consume(ctx, settings)
		if ctx.Err() != nil {
			return
		}
		m.log.Debug("mapping ended; starting it again", slog.String("function", settings.Function), slog.Any("cause", err))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// with calls act on the mapping with an id, under m.mu, and returns the mapping.
func (m *mappings) with(id string, act func(*mapped)) (Mapping, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := slices.IndexFunc(m.all, func(one *mapped) bool { return one.ID == id })
	if at < 0 {
		return Mapping{}, &ServiceError{ExceptionNotFound, "The resource you requested does not exist."}
	}
	one := m.all[at]
	act(one)
	return one.Mapping, nil
}

func (m *mappings) get(id string) (Mapping, error) { return m.with(id, func(*mapped) {}) }

// update changes a mapping; its consumer continues with the new settings.
func (m *mappings) update(id string, change func(*Mapping)) (Mapping, error) {
	return m.with(id, func(one *mapped) {
		one.stop()
		change(&one.Mapping)
		m.begin(one)
	})
}

// remove stops and removes a mapping.
func (m *mappings) remove(id string) (Mapping, error) {
	return m.with(id, func(one *mapped) {
		one.stop()
		m.all = slices.DeleteFunc(m.all, func(other *mapped) bool { return other == one })
		one.State = "Deleting"
	})
}

// list returns the mappings of a source and a function; "" means any.
func (m *mappings) list(source, function string) []Mapping {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := []Mapping{}
	for _, one := range m.all {
		if (source == "" || one.Source == source) && (function == "" || one.Function == function) {
			all = append(all, one.Mapping)
		}
	}
	return all
}
