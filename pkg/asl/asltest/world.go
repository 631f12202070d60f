package asltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
)

// Functions is an Invoker of Go functions by name that records calls. It is safe
// for concurrent use once ByName is filled.
type Functions struct {
	mu     sync.Mutex
	ByName map[string]func(ctx context.Context, payload string) (string, error)
	calls  []string // name and payload
}

// Invoke implements interpreter.Invoker.
func (f *Functions) Invoke(ctx context.Context, name string, payload json.RawMessage) (json.RawMessage, error) {
	f.mu.Lock()
	f.calls = append(f.calls, name+" "+string(payload))
	do := f.ByName[name]
	f.mu.Unlock()
	if do == nil {
		return nil, fmt.Errorf("no function %q", name)
	}
	out, err := do(ctx, string(payload))
	return json.RawMessage(out), err
}

// Called lists the calls so far: the function's name, a space and the payload.
func (f *Functions) Called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

// Failing makes a function that fails n times with an error of that name, then
// echoes its payload.
func Failing(n int, name string) func(context.Context, string) (string, error) {
	var mu sync.Mutex
	return func(_ context.Context, payload string) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if n > 0 {
			n--
			return "", &states.FunctionError{Type: name, Message: "told to fail"}
		}
		return payload, nil
	}
}

// StandardFunctions are echo; boom, which fails with its payload as message; crash,
// which cannot be called; slow, which takes a minute; big, whose result is too
// large; junk, whose result is no JSON; and nil, which has none.
func StandardFunctions() *Functions {
	return &Functions{ByName: map[string]func(context.Context, string) (string, error){
		"echo": func(_ context.Context, payload string) (string, error) { return payload, nil },
		"boom": func(_ context.Context, payload string) (string, error) {
			return "", &states.FunctionError{Type: "Boom", Message: payload}
		},
		"crash": func(context.Context, string) (string, error) { return "", errors.New("connection reset") },
		"slow": func(ctx context.Context, payload string) (string, error) {
			select {
			case <-ctx.Done():
				return "", ctx.Err()
			case <-time.After(time.Minute):
				return payload, nil
			}
		},
		"big":  func(context.Context, string) (string, error) { return `"` + strings.Repeat("x", 300_000) + `"`, nil },
		"junk": func(context.Context, string) (string, error) { return `{"a":`, nil },
		"nil":  func(context.Context, string) (string, error) { return "", nil },
	}}
}

// World is an engine on a journal in a synctest bubble.
type World struct {
	T       *testing.T
	Journal *Memory
	Invoker *Functions
	// Seed seeds the engine's randomness; Config may change its configuration.
	Seed   uint64
	Config func(*engine.Config)
	// Open sets Engine; Ran receives the result of its Run.
	Engine *engine.Engine
	Ran    chan error
	cancel context.CancelFunc
}

// Open makes an engine and runs it until Close.
func (w *World) Open(machines map[string]*asl.Machine) {
	w.T.Helper()
	config := engine.Config{
		Machines: machines,
		Invoker:  w.Invoker,
		Journal:  w.Journal,
		Rand:     rand.NewPCG(1, w.Seed),
		RoleArn:  "role",
	}
	if w.Config != nil {
		w.Config(&config)
	}
	made, err := engine.New(config)
	if err != nil {
		w.T.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.Engine, w.cancel, w.Ran = made, cancel, make(chan error, 1)
	go func() { w.Ran <- made.Run(ctx) }()
	synctest.Wait()
}

// Close stops the engine and waits for its end.
func (w *World) Close() {
	w.T.Helper()
	w.cancel()
	if err := <-w.Ran; err != nil {
		w.T.Errorf("Run: %v", err)
	}
}

// InWorld runs do with an engine for one machine called m.
func InWorld(t *testing.T, definition string, do func(w *World)) {
	t.Helper()
	m := Parse(t, definition)
	synctest.Test(t, func(t *testing.T) {
		w := &World{T: t, Journal: &Memory{}, Invoker: StandardFunctions()}
		w.Open(map[string]*asl.Machine{"m": m})
		defer func() { w.Close() }()
		do(w)
	})
}

// Parse parses a definition that must be valid.
func Parse(t *testing.T, definition string) *asl.Machine {
	t.Helper()
	m, err := asl.Parse([]byte(definition), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Start begins an execution of machine m and returns its ARN.
func (w *World) Start(name, input string) string {
	w.T.Helper()
	started, err := w.Engine.Start(w.T.Context(), "m", name, json.RawMessage(input))
	if err != nil {
		w.T.Fatal(err)
	}
	return started.ExecutionArn
}

// Wait waits for an execution's end.
func (w *World) Wait(arn string) states.Execution {
	w.T.Helper()
	ended, err := w.Engine.Wait(w.T.Context(), arn)
	if err != nil {
		w.T.Fatal(err)
	}
	return ended
}

// Run runs one execution to its end and checks its history.
func (w *World) Run(input string) states.Execution {
	w.T.Helper()
	ended := w.Wait(w.Start("", input))
	w.History(ended.ExecutionArn)
	return ended
}

// History reads a whole history page by page, and checks that ids have no gaps,
// that previous ids are lower and that timestamps never decrease.
func (w *World) History(arn string) []states.Event {
	w.T.Helper()
	var all []states.Event
	for from := int64(0); ; {
		page, err := w.Engine.History(w.T.Context(), arn, from, 0, false)
		if err != nil {
			w.T.Fatal(err)
		}
		all = append(all, page.Events...)
		if from = page.Next; from == 0 {
			break
		}
	}
	for i, event := range all {
		if event.ID != int64(i+1) || event.PreviousEventID >= event.ID || (event.PreviousEventID == 0) != (i == 0) {
			w.T.Errorf("event %d has id %d, previous %d", i+1, event.ID, event.PreviousEventID)
		}
		if i > 0 && event.Timestamp.Before(all[i-1].Timestamp) {
			w.T.Errorf("event %d is earlier than the one before", event.ID)
		}
	}
	return all
}

// Types lists the types of the events of a history.
func (w *World) Types(arn string) []string {
	w.T.Helper()
	var types []string
	for _, event := range w.History(arn) {
		types = append(types, event.Type)
	}
	return types
}

// Tick fires after a second of the bubble's time.
func Tick() <-chan time.Time { return time.After(time.Second) }

// Leftovers are the keys of running executions.
func (w *World) Leftovers() []string {
	var left []string
	for _, key := range w.Journal.Keys() {
		for _, space := range []string{"open\x00", "frame\x00", "answer\x00"} {
			if strings.HasPrefix(key, space) {
				left = append(left, key)
			}
		}
	}
	return left
}
