package interpreter

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/asl"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

// Invoker calls functions.
type Invoker interface {
	// Invoke calls a function and returns its result, which is JSON. A
	// *states.FunctionError becomes the task's error; any other error becomes
	// Lambda.Unknown. ctx ends with the runtime, not with the execution: a
	// function runs to its end although its execution was stopped or its task
	// timed out, and its late result is dropped.
	Invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error)
}

// Clock is the runner's only source of time.
type Clock interface {
	Now() time.Time
	// At returns a channel that gets a value once the time has come, and a
	// function that releases the timer.
	At(t time.Time) (<-chan time.Time, func())
}

// Config is what executions need. All fields but RoleArn are required.
type Config struct {
	// Machines are by name.
	Machines map[string]*asl.Machine
	Invoker  Invoker
	Journal  journal.Journal
	Clock    Clock
	// Rand is for jitter, tokens and names.
	Rand rand.Source
	// ARNs and RoleArn appear in the context and in history.
	ARNs    states.ARNs
	RoleArn string
	// Notice says whether the end of an execution that is no child of a Map is
	// journalled together with a notice.
	Notice bool
	// OnEnd is called for each execution, children included, once its end is
	// durable. It must not wait for anything of the runtime.
	OnEnd func(journal.Execution)
}

// Runtime is what executions share, and the list of those that are driven.
// Methods are safe for concurrent use once Begin has been called.
type Runtime struct {
	config  Config
	clock   Clock
	journal journal.Journal
	arns    states.ARNs

	randMu sync.Mutex
	rand   *rand.Rand

	ctx   context.Context
	group *errgroup.Group

	mu       sync.Mutex
	live     map[string]*Execution
	runs     map[string]*MapRun
	machines map[string]*asl.Machine // by hash, those in use
}

// New makes a runtime.
func New(config Config) *Runtime {
	return &Runtime{
		config:   config,
		clock:    config.Clock,
		journal:  config.Journal,
		arns:     config.ARNs,
		rand:     rand.New(config.Rand),
		live:     map[string]*Execution{},
		runs:     map[string]*MapRun{},
		machines: map[string]*asl.Machine{},
	}
}

// Begin gives the runtime the group of its goroutines, which end with ctx. It
// is called once, before any execution is driven.
func (rt *Runtime) Begin(ctx context.Context, group *errgroup.Group) { rt.ctx, rt.group = ctx, group }

// Launch drives a top-level execution in a goroutine of its own, unless it is
// driven already, and calls ended when that goroutine is done with it. An error
// of either ends the group.
func (rt *Runtime) Launch(record journal.Execution, ended func() error) error {
	if rt.Live(record.ID) != nil {
		return nil
	}
	x, err := rt.open(record)
	if err != nil {
		return err
	}
	rt.mu.Lock()
	if _, driven := rt.live[record.ID]; driven {
		rt.mu.Unlock()
		return nil
	}
	rt.live[record.ID] = x
	rt.mu.Unlock()
	rt.group.Go(func() error {
		err := x.run()
		rt.forget(x)
		if err != nil {
			return err
		}
		return ended()
	})
	return nil
}

// Live is the execution of that id while it is driven, nil otherwise.
func (rt *Runtime) Live(id string) *Execution {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	return rt.live[id]
}

// LiveRun is the map run of that id while it is driven, nil otherwise.
func (rt *Runtime) LiveRun(id string) *MapRun {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	return rt.runs[id]
}

func (rt *Runtime) forget(x *Execution) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	delete(rt.live, x.record.ID)
}

// machine gives the machine with that hash: one of the configuration, or one
// that the journal keeps because executions began with it.
func (rt *Runtime) machine(name, hash string) (*asl.Machine, error) {
	if m := rt.config.Machines[name]; m != nil && m.Hash() == hash {
		return m, nil
	}
	rt.mu.Lock()
	m := rt.machines[hash]
	rt.mu.Unlock()
	if m != nil {
		return m, nil
	}
	raw, found, err := rt.journal.Get(journal.DefinitionKey(hash))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("the journal has no definition %s of machine %s", hash, name)
	}
	if m, err = asl.Parse(raw, nil); err != nil {
		return nil, fmt.Errorf("parse the journal's definition of machine %s: %w", name, err)
	}
	rt.mu.Lock()
	rt.machines[hash] = m
	rt.mu.Unlock()
	return m, nil
}

// UUID makes a random UUID, version 4.
func (rt *Runtime) UUID() string {
	rt.randMu.Lock()
	hi, lo := rt.rand.Uint64(), rt.rand.Uint64()
	rt.randMu.Unlock()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
}

// fraction is a random number in [0, 1).
func (rt *Runtime) fraction() float64 {
	rt.randMu.Lock()
	defer rt.randMu.Unlock()
	return rt.rand.Float64()
}
