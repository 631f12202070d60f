package lambdahost

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Mapping is an event source mapping in the shape of the Lambda API.
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

// Consumer reads a mapping's source and invokes its function until ctx ends. A
// mapping that fails is begun again after a pause.
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

// create adds a mapping; one of the same source and function conflicts.
func (m *mappings) create(want Mapping) (Mapping, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return Mapping{}, ErrClosed
	}
	for _, one := range m.all {
		if one.Source == want.Source && one.Function == want.Function {
			return Mapping{}, &ServiceError{ExceptionConflict, fmt.Sprintf("An event source mapping with event source arn (%q) and function (%q) already exists. UUID %s",
				want.Source, want.Function, one.ID)}
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
		m.log.Debug("mapping ended; it begins again", slog.String("function", settings.Function), slog.Any("cause", err))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

func (m *mappings) index(id string) (int, error) {
	at := slices.IndexFunc(m.all, func(one *mapped) bool { return one.ID == id })
	if at < 0 {
		return 0, &ServiceError{ExceptionNotFound, "The resource you requested does not exist."}
	}
	return at, nil
}

// get returns a mapping by its id.
func (m *mappings) get(id string) (Mapping, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.index(id)
	if err != nil {
		return Mapping{}, err
	}
	return m.all[at].Mapping, nil
}

// update changes a mapping; its consumer goes on with the new settings.
func (m *mappings) update(id string, change func(*Mapping)) (Mapping, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.index(id)
	if err != nil {
		return Mapping{}, err
	}
	one := m.all[at]
	one.stop()
	change(&one.Mapping)
	m.begin(one)
	return one.Mapping, nil
}

// remove stops and forgets a mapping.
func (m *mappings) remove(id string) (Mapping, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.index(id)
	if err != nil {
		return Mapping{}, err
	}
	one := m.all[at]
	one.stop()
	m.all = slices.Delete(m.all, at, at+1)
	one.State = "Deleting"
	return one.Mapping, nil
}

// list returns the mappings of a source and a function, "" meaning any.
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
