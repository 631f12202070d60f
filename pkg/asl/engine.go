package asl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Invoker calls functions.
type Invoker interface {
	// Invoke calls a function and returns its result, which is JSON. A
	// *FunctionError becomes the task's error; any other error becomes
	// Lambda.Unknown. ctx ends with the engine, not with the execution: a
	// function runs to its end although its execution was stopped or its task
	// timed out, and its late result is dropped.
	Invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error)
}

// FunctionError is an error that a function reported, or that the service
// reports for it: Type is the error's name.
type FunctionError struct{ Type, Message string }

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// Config is what an Engine needs. Machines, Invoker and Journal are required.
type Config struct {
	// Machines are by name.
	Machines map[string]*Machine
	Invoker  Invoker
	Journal  Journal
	// Clock is SystemClock where nil.
	Clock Clock
	// Rand is for jitter, tokens and names; nil means seeded by the runtime.
	Rand rand.Source
	// Logger gets what nobody else could report: OnEnd's errors. Nil means
	// silence.
	Logger *slog.Logger
	// OnEnd is told of every execution that ended, children of Maps excepted:
	// at least once, also after a crash, and again until it returns nil. It is
	// called by one goroutine.
	OnEnd func(ctx context.Context, ended Execution) error
	// Region and Account appear in ARNs; "us-east-1" and "000000000000" where
	// empty. RoleArn appears in the context and in history.
	Region, Account, RoleArn string
	// KeepEnded bounds how many ended executions are kept, the oldest going
	// first; 0 means no bound but Prune.
	KeepEnded int
}

// Engine runs executions. Methods are safe for concurrent use. At most one
// Engine may be open on a Journal.
type Engine struct {
	config  Config
	clock   Clock
	journal Journal
	arns    arns
	log     *slog.Logger

	randMu sync.Mutex
	rand   *rand.Rand

	startMu sync.Mutex // orders Start and Prune of one name

	mu       sync.Mutex
	state    engineState
	ctx      context.Context
	group    *errgroup.Group
	live     map[string]*execution
	runs     map[string]*mapRun
	machines map[string]*Machine // by hash, those in use
	waiters  map[string]*waiter
	ended    int
	notice   chan struct{}
}

type engineState int

const (
	idle engineState = iota
	running
	stopped
)

// NewEngine makes an engine that is idle until Run.
func NewEngine(config Config) (*Engine, error) {
	if config.Invoker == nil || config.Journal == nil {
		return nil, errors.New("make engine: Invoker and Journal are required")
	}
	for name := range config.Machines {
		if !validExecutionName(name) {
			return nil, fmt.Errorf("make engine: machine %q: %w", name, ErrInvalidName)
		}
	}
	e := &Engine{
		config: config, clock: config.Clock, journal: config.Journal, log: config.Logger,
		arns: arns{region: config.Region, account: config.Account},
		live: map[string]*execution{}, runs: map[string]*mapRun{}, machines: map[string]*Machine{},
		waiters: map[string]*waiter{}, notice: make(chan struct{}, 1),
	}
	if e.clock == nil {
		e.clock = SystemClock{}
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if e.arns.region == "" {
		e.arns.region = "us-east-1"
	}
	if e.arns.account == "" {
		e.arns.account = "000000000000"
	}
	source := config.Rand
	if source == nil {
		source = rand.NewPCG(rand.Uint64(), rand.Uint64())
	}
	e.rand = rand.New(source)
	return e, nil
}

// Run takes up every execution that the journal holds unfinished and drives
// it and all that are started later until ctx ends. It returns nil then, or
// the journal's error, once every goroutine of the engine has ended. An engine
// runs once.
func (e *Engine) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	e.mu.Lock()
	if e.state != idle {
		e.mu.Unlock()
		return errors.New("run engine: it runs or has run already")
	}
	e.ctx, e.group, e.state = ctx, group, running
	e.mu.Unlock()
	group.Go(func() error {
		defer e.stop()
		if err := e.recover(); err != nil {
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

// recover launches what is open. Children are launched by their Map; those
// whose map run has ended while they ran are stopped here.
func (e *Engine) recover() error {
	var ids []string
	err := e.journal.Scan(spaceOpen, after(spaceOpen), func(key string, _ []byte) (bool, error) {
		ids = append(ids, strings.TrimPrefix(key, spaceOpen))
		return true, nil
	})
	if err != nil {
		return err
	}
	if err := e.countEnded(); err != nil {
		return err
	}
	for _, id := range ids {
		record, found, err := load[executionRecord](e.journal, spaceExecution+id)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("execution %s is open but has no record", id)
		}
		if record.Run == "" {
			err = e.launch(record)
		} else {
			err = e.stopOrphan(record)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stopOrphan stops a child whose map run, or the execution of that, is over.
func (e *Engine) stopOrphan(child executionRecord) error {
	run, found, err := load[runRecord](e.journal, spaceRun+child.Run)
	if err != nil {
		return err
	}
	if found && run.Status == StatusRunning {
		parent, _, err := load[executionRecord](e.journal, spaceExecution+run.Execution)
		if err != nil || parent.Status == StatusRunning {
			return err
		}
		return e.abandon(run.ID)
	}
	x, err := e.open(child)
	if err != nil {
		return err
	}
	if _, err = x.end(StatusAborted, &Failure{Cause: "The map run ended."}); err != nil {
		return err
	}
	return e.abandonRuns(child.ID)
}

// launch drives a top-level execution in a goroutine of its own, unless it is
// driven already.
func (e *Engine) launch(record executionRecord) error {
	e.mu.Lock()
	_, driven := e.live[record.ID]
	idleNow := e.state != running
	e.mu.Unlock()
	if driven || idleNow {
		return nil
	}
	x, err := e.open(record)
	if err != nil {
		return err
	}
	e.mu.Lock()
	if _, driven := e.live[record.ID]; driven {
		e.mu.Unlock()
		return nil
	}
	e.live[record.ID] = x
	e.mu.Unlock()
	e.group.Go(func() error {
		err := x.run()
		e.forget(x)
		if err != nil {
			return err
		}
		return e.pruneExcess()
	})
	return nil
}

func (e *Engine) forget(x *execution) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.live, x.record.ID)
}

func (e *Engine) liveExecution(id string) *execution {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.live[id]
}

// machine gives the machine with that hash: one of the configuration, or one
// that the journal keeps because executions began with it.
func (e *Engine) machine(name, hash string) (*Machine, error) {
	if m := e.config.Machines[name]; m != nil && m.hash == hash {
		return m, nil
	}
	e.mu.Lock()
	m := e.machines[hash]
	e.mu.Unlock()
	if m != nil {
		return m, nil
	}
	raw, found, err := e.journal.Get(spaceDefinition + hash)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("the journal has no definition %s of machine %s", hash, name)
	}
	if m, err = Parse(raw, nil); err != nil {
		return nil, fmt.Errorf("parse the journal's definition of machine %s: %w", name, err)
	}
	e.mu.Lock()
	e.machines[hash] = m
	e.mu.Unlock()
	return m, nil
}

// uuid makes a random UUID, version 4.
func (e *Engine) uuid() string {
	e.randMu.Lock()
	hi, lo := e.rand.Uint64(), e.rand.Uint64()
	e.randMu.Unlock()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
}

// fraction is a random number in [0, 1).
func (e *Engine) fraction() float64 {
	e.randMu.Lock()
	defer e.randMu.Unlock()
	return e.rand.Float64()
}
