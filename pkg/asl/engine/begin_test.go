package engine_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
)

// slowStart is a journal whose first Sync takes until the execution has ended, or
// a while if it does not.
type slowStart struct {
	asltest.Memory
	first          atomic.Bool
	syncing, ended chan struct{}
}

func (s *slowStart) Sync() error {
	if s.first.CompareAndSwap(false, true) {
		close(s.syncing)
		select {
		case <-s.ended:
		case <-time.After(100 * time.Millisecond):
		}
	}
	return s.Memory.Sync()
}

// invocations counts the invocations.
type invocations struct{ count atomic.Int64 }

func (i *invocations) Invoke(_ context.Context, _ string, payload json.RawMessage) (json.RawMessage, error) {
	i.count.Add(1)
	return payload, nil
}

// An execution is started while the engine begins to run: it is in the journal,
// but not durable yet. The engine must not resume it as an open one, or it
// would run twice.
func TestAnExecutionThatIsBeingStartedIsNotResumed(t *testing.T) {
	m, err := asl.Parse([]byte(`{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Task",
		"Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f","Payload":{}},"End":true}}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	journal := &slowStart{syncing: make(chan struct{}), ended: make(chan struct{})}
	calls := &invocations{}
	e, err := engine.New(engine.Config{Machines: map[string]*asl.Machine{"m": m}, Invoker: calls, Journal: journal,
		OnEnd: func(context.Context, states.Execution) error { close(journal.ended); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran, started := make(chan error, 1), make(chan string, 1)
	go func() {
		begun, err := e.Start(ctx, "m", "one", json.RawMessage(`{}`))
		if err != nil {
			t.Error(err)
		}
		started <- begun.ExecutionArn
	}()
	<-journal.syncing
	go func() { ran <- e.Run(ctx) }()
	ended, err := e.Wait(ctx, <-started)
	if err != nil || ended.Status != states.StatusSucceeded || calls.count.Load() != 1 {
		t.Errorf("%s, %v after %d invocations", ended.Status, err, calls.count.Load())
	}
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
}
