package engine_test

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
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
)

// functions is an Invoker of Go functions by name, which counts calls.
type functions struct {
	mu     sync.Mutex
	byName map[string]func(ctx context.Context, payload string) (string, error)
	calls  []string // name and payload
}

func (f *functions) Invoke(ctx context.Context, name string, payload json.RawMessage) (json.RawMessage, error) {
	f.mu.Lock()
	f.calls = append(f.calls, name+" "+string(payload))
	do := f.byName[name]
	f.mu.Unlock()
	if do == nil {
		return nil, fmt.Errorf("no function %q", name)
	}
	out, err := do(ctx, string(payload))
	return json.RawMessage(out), err
}

func (f *functions) called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

// failing fails the first n calls with an error of that name, then echoes.
func failing(n int, name string) func(context.Context, string) (string, error) {
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

func standardFunctions() *functions {
	return &functions{byName: map[string]func(context.Context, string) (string, error){
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

// world is an engine on a journal in a bubble of its own time.
type world struct {
	t       *testing.T
	journal *asltest.Memory
	invoker *functions
	engine  *engine.Engine
	cancel  context.CancelFunc
	ran     chan error
	seed    uint64
	config  func(*engine.Config)
}

func (w *world) open(machines map[string]*asl.Machine) {
	w.t.Helper()
	config := engine.Config{Machines: machines, Invoker: w.invoker, Journal: w.journal, Rand: rand.NewPCG(1, w.seed), RoleArn: "role"}
	if w.config != nil {
		w.config(&config)
	}
	engine, err := engine.New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.engine, w.cancel, w.ran = engine, cancel, make(chan error, 1)
	go func() { w.ran <- engine.Run(ctx) }()
	synctest.Wait()
}

func (w *world) close() {
	w.t.Helper()
	w.cancel()
	if err := <-w.ran; err != nil {
		w.t.Errorf("Run: %v", err)
	}
}

// inWorld runs do with an engine for one machine called m.
func inWorld(t *testing.T, definition string, do func(w *world)) {
	t.Helper()
	m := parse(t, definition)
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, journal: &asltest.Memory{}, invoker: standardFunctions()}
		w.open(map[string]*asl.Machine{"m": m})
		defer func() { w.close() }()
		do(w)
	})
}

func parse(t *testing.T, definition string) *asl.Machine {
	t.Helper()
	m, err := asl.Parse([]byte(definition), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (w *world) start(name, input string) string {
	w.t.Helper()
	started, err := w.engine.Start(w.t.Context(), "m", name, json.RawMessage(input))
	if err != nil {
		w.t.Fatal(err)
	}
	return started.ExecutionArn
}

func (w *world) wait(arn string) states.Execution {
	w.t.Helper()
	ended, err := w.engine.Wait(w.t.Context(), arn)
	if err != nil {
		w.t.Fatal(err)
	}
	return ended
}

// run runs one execution to its end and checks its history.
func (w *world) run(input string) states.Execution {
	w.t.Helper()
	ended := w.wait(w.start("", input))
	w.history(ended.ExecutionArn)
	return ended
}

// history reads a whole history page by page and checks that ids have no gaps,
// that previous ids are earlier ones and that time never goes back.
func (w *world) history(arn string) []states.Event {
	w.t.Helper()
	var all []states.Event
	for from := int64(0); ; {
		page, err := w.engine.History(w.t.Context(), arn, from, 0, false)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, page.Events...)
		if from = page.Next; from == 0 {
			break
		}
	}
	for i, event := range all {
		if event.ID != int64(i+1) || event.PreviousEventID >= event.ID || (event.PreviousEventID == 0) != (i == 0) {
			w.t.Errorf("event %d has id %d, previous %d", i+1, event.ID, event.PreviousEventID)
		}
		if i > 0 && event.Timestamp.Before(all[i-1].Timestamp) {
			w.t.Errorf("event %d is earlier than the one before", event.ID)
		}
	}
	return all
}

func (w *world) types(arn string) []string {
	w.t.Helper()
	var types []string
	for _, event := range w.history(arn) {
		types = append(types, event.Type)
	}
	return types
}

// tick is a short time of the bubble.
func tick() <-chan time.Time { return time.After(time.Second) }
