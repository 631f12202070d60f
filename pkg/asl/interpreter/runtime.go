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
	// Lambda.Unknown. ctx ends with the runtime, not with the execution: if the
	// execution is stopped or the task times out, the function runs to its end
	// and its result is dropped.
	Invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error)
}

// Clock is the only source of time.
type Clock interface {
	Now() time.Time
	// At returns a channel that receives a value at the time t, and a function
	// that releases the timer.
	At(t time.Time) (<-chan time.Time, func())
}

// Config is what executions need. All fields but RoleArn are required.
type Config struct {
	Machines map[string]*asl.Machine // by name
	Invoker  Invoker
	Journal  journal.Journal
	Clock    Clock
	Rand     rand.Source // for jitter, task tokens and names
	// ARNs and RoleArn appear in the context object and in history.
	ARNs    states.ARNs
	RoleArn string
	// Notice adds a NoticeKey to the end of every execution that is not a child
	// execution.
	Notice bool
	// OnEnd is called for each execution, child executions included, once its
	// end is durable. It must not wait for the runtime.
	OnEnd func(journal.Execution)
}

// Runtime drives executions and holds what they share. Methods are safe for
// concurrent use once Begin has been called.
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
	machines map[string]*asl.Machine // read from the journal, by hash
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

// Begin sets the group of the runtime's goroutines, which end with ctx. It must
// be called once, before Launch.
func (rt *Runtime) Begin(ctx context.Context, group *errgroup.Group) { rt.ctx, rt.group = ctx, group }

// Go runs a function in the runtime's group.
func (rt *Runtime) Go(run func()) { rt.group.Go(func() error { run(); return nil }) }

// Launch drives an execution that is not a child execution in its own
// goroutine, unless it is driven already, and calls ended afterwards. An error
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

// Live is the execution of that id, nil if it is not driven.
func (rt *Runtime) Live(id string) *Execution {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	return rt.live[id]
}

// LiveRun is the map run of that id, nil if it is not driven.
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

// machine returns the machine with that hash: from the configuration, or from
// the journal, which keeps the definition that an execution started with.
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

// source is a new source of random numbers.
func (rt *Runtime) source() rand.Source {
	rt.randMu.Lock()
	defer rt.randMu.Unlock()
	return rand.NewPCG(rt.rand.Uint64(), rt.rand.Uint64())
}
