package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/asl"
	"reprise/pkg/asl/interpreter"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

// Config is what an Engine needs. Machines, Invoker and Journal are required.
type Config struct {
	Machines map[string]*asl.Machine // by name
	Invoker  interpreter.Invoker
	Journal  journal.Journal
	Clock    interpreter.Clock // nil: the system's clock
	Rand     rand.Source       // for jitter, task tokens and names; nil: seeded at random
	Logger   *slog.Logger      // logs errors of OnEnd; nil: no logs
	// OnEnd is called by one goroutine for every ended execution except child
	// executions, at least once, even after a crash, until it returns nil.
	OnEnd func(ctx context.Context, ended states.Execution) error
	// Region and Account appear in ARNs and default to "us-east-1" and
	// "000000000000". RoleArn appears in the context object and in history.
	Region, Account, RoleArn string
	// KeepEnded limits how many ended executions are kept; the oldest are
	// removed first. 0 means that only Prune removes them.
	KeepEnded int
}

// Engine runs executions. Methods are safe for concurrent use. At most one
// Engine may be open on a Journal.
type Engine struct {
	config  Config
	journal journal.Journal
	arns    states.ARNs
	runtime *interpreter.Runtime

	startMu sync.Mutex // orders Start and Prune of one name

	mu      sync.Mutex
	state   engineState
	ctx     context.Context
	waiters map[string]*waiter
	ended   int // ended executions in the journal
	notice  chan struct{}
}

type engineState int

const (
	idle engineState = iota
	running
	stopped
)

// systemClock is the system's wall clock, so that deadlines stay valid across a
// restart.
type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now().UTC() }

func (systemClock) At(t time.Time) (<-chan time.Time, func()) {
	timer := time.NewTimer(time.Until(t))
	return timer.C, func() { timer.Stop() }
}

// defaults sets optional fields.
func (c *Config) defaults() {
	if c.Clock == nil {
		c.Clock = systemClock{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Rand == nil {
		c.Rand = rand.NewPCG(rand.Uint64(), rand.Uint64())
	}
}

// New makes an engine that is idle until Run.
func New(config Config) (*Engine, error) {
	if config.Invoker == nil || config.Journal == nil {
		return nil, errors.New("make engine: Invoker and Journal are required")
	}
	for name := range config.Machines {
		if !states.ValidName(name) {
			return nil, fmt.Errorf("make engine: machine %q: %w", name, states.ErrInvalidName)
		}
	}
	config.defaults()
	e := &Engine{
		config:  config,
		journal: config.Journal,
		arns:    states.NewARNs(config.Region, config.Account),
		waiters: map[string]*waiter{},
		notice:  make(chan struct{}, 1),
	}
	e.runtime = interpreter.New(interpreter.Config{
		Machines: config.Machines,
		Invoker:  config.Invoker,
		Journal:  config.Journal,
		Clock:    config.Clock,
		Rand:     config.Rand,
		ARNs:     e.arns,
		RoleArn:  config.RoleArn,
		Notice:   config.OnEnd != nil,
		OnEnd:    e.afterEnd,
	})
	return e, nil
}

// Run resumes every unfinished execution of the journal and drives these and
// all later executions until ctx ends. It returns once all goroutines of the
// engine have ended, with the journal's error or nil. An engine runs once.
func (e *Engine) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	// Nothing is started until all open executions are resumed: one that is started
	// meanwhile would be driven twice, by its start and as an open one.
	e.startMu.Lock()
	e.mu.Lock()
	if e.state != idle {
		e.mu.Unlock()
		e.startMu.Unlock()
		return errors.New("run engine: an engine runs only once")
	}
	e.runtime.Begin(ctx, group)
	e.ctx, e.state = ctx, running
	e.mu.Unlock()
	group.Go(func() error {
		defer e.stop()
		err := e.recover()
		e.startMu.Unlock()
		if err != nil {
			return fmt.Errorf("recover executions: %w", err)
		}
		<-ctx.Done()
		return nil
	})
	group.Go(func() error { return e.notify(ctx) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("run engine: %w", err)
	}
	return nil
}

func (e *Engine) stop() {
	<-e.ctx.Done()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state = stopped
	for _, w := range e.waiters {
		w.release()
	}
	e.waiters = map[string]*waiter{}
}

// recover resumes the executions that have not ended. A Map resumes its own
// child executions; those whose map run has ended are stopped here.
func (e *Engine) recover() error {
	ids, err := journal.Names(e.journal, journal.Open)
	if err != nil {
		return err
	}
	if err := e.countEnded(); err != nil {
		return err
	}
	for _, id := range ids {
		record, found, err := journal.Load[journal.Execution](e.journal, journal.ExecutionKey(id))
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("execution %s is open but has no record", id)
		}
		if record.Run == "" {
			err = e.launch(record)
		} else {
			err = e.runtime.StopOrphan(record)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// launch drives an execution in the background if the engine is running.
func (e *Engine) launch(record journal.Execution) error {
	e.mu.Lock()
	runs := e.state == running
	e.mu.Unlock()
	if !runs {
		return nil
	}
	return e.runtime.Launch(record, e.pruneExcess)
}
