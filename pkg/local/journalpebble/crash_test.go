package journalpebble

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/asl"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/interpreter"
	"reprise/pkg/local/localstore/localstoretest"
)

// invoker counts invocations by payload.
type invoker struct {
	mu    sync.Mutex
	calls map[string]int
}

func (i *invoker) Invoke(_ context.Context, _ string, payload json.RawMessage) (json.RawMessage, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calls[string(payload)]++
	return payload, nil
}

const definition = `{
	"QueryLanguage":"JSONata",
	"StartAt":"Many",
	"States":{
		"Many":{
			"Type":"Map",
			"Label":"many",
			"Items":"{% [1..20] %}",
			"MaxConcurrency":4,
			"ItemProcessor":{
				"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
				"StartAt":"A",
				"States":{
					"A":{
						"Type":"Task",
						"Resource":"arn:aws:states:::lambda:invoke",
						"Arguments":{"FunctionName":"f","Payload":{"a":"{% $states.input %}"}},
						"Output":"{% $states.result.Payload.a %}",
						"End":true
					}
				}
			},
			"Next":"Each"
		},
		"Each":{
			"Type":"Map",
			"Items":"{% $states.input %}",
			"ItemProcessor":{
				"StartAt":"B",
				"States":{
					"B":{
						"Type":"Task",
						"Resource":"arn:aws:states:::lambda:invoke",
						"Arguments":{"FunctionName":"f","Payload":{"b":"{% $states.input %}"}},
						"Output":"{% $states.result.Payload.b %}",
						"End":true
					}
				}
			},
			"Next":"Sum"
		},
		"Sum":{"Type":"Pass","Output":"{% $sum($states.input) %}","End":true}
	}
}`

// TestCrash removes the disk at a random moment, when a random part of what was
// not synced is lost, and lets a new engine finish.
func TestCrash(t *testing.T) {
	m, err := asl.Parse([]byte(definition), nil)
	if err != nil {
		t.Fatal(err)
	}
	rounds := 30
	if testing.Short() {
		rounds = 6
	}
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) { crashOnce(t, m, uint64(round)) })
	}
}

func crashOnce(t *testing.T, m *asl.Machine, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	fs := vfs.NewCrashableMem()
	calls := &invoker{calls: map[string]int{}}
	var mu sync.Mutex
	var after vfs.FS
	crashAt, writes := 1+r.IntN(120), 0
	first := open(t, fs, m, calls, func() {
		mu.Lock()
		defer mu.Unlock()
		if writes++; writes == crashAt {
			after = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r})
		}
	})
	started, err := first.engine.Start(t.Context(), "m", "one", json.RawMessage(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	first.wait(t, started.ExecutionArn)
	first.close(t)
	if after == nil {
		t.Skip("the execution ended before the crash")
	}
	second := open(t, after, m, calls, func() {})
	defer second.close(t)
	if crashAt == 1 {
		if _, err := second.engine.Start(t.Context(), "m", "one", json.RawMessage(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	second.wait(t, started.ExecutionArn)
}

type opened struct {
	engine *engine.Engine
	close  func(t *testing.T)
}

// tapped calls back before each sync.
type tapped struct {
	*Journal
	before func()
}

func (t tapped) Sync() error { t.before(); return t.Journal.Sync() }

func open(t *testing.T, fs vfs.FS, m *asl.Machine, in interpreter.Invoker, before func()) opened {
	t.Helper()
	db := localstoretest.OpenFS(t, fs)
	engine, err := engine.New(engine.Config{
		Machines: map[string]*asl.Machine{"m": m},
		Invoker:  in,
		Journal:  tapped{New(db.Space("journal")), before},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- engine.Run(ctx) }()
	return opened{engine: engine, close: func(t *testing.T) {
		t.Helper()
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		db.Close()
	}}
}

func (o opened) wait(t *testing.T, arn string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ended, err := o.engine.Wait(ctx, arn)
	if err != nil || string(ended.Output) != "210" {
		t.Errorf("ended %s with %s %s, %v", ended.Status, ended.Output, ended.Cause, err)
	}
}
