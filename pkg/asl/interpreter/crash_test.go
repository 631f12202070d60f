package interpreter_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
)

// outside is what outlives a crash: functions without memory, and the tokens
// that were handed out.
type outside struct {
	asltest.Functions
	tokensMu sync.Mutex
	tokens   []string
}

func newOutside() *outside {
	o := &outside{}
	try := func(payload string) int {
		var p struct{ Try int }
		_ = json.Unmarshal([]byte(payload), &p)
		return p.Try
	}
	o.ByName = map[string]func(context.Context, string) (string, error){
		"flaky": func(_ context.Context, payload string) (string, error) {
			if try(payload) < 2 {
				return "", &states.FunctionError{Type: "Flaky"}
			}
			return payload, nil
		},
		"double": func(_ context.Context, payload string) (string, error) { return payload, nil },
		"boom":   func(context.Context, string) (string, error) { return "", &states.FunctionError{Type: "Boom"} },
		"ask": func(_ context.Context, payload string) (string, error) {
			var p struct{ Token string }
			_ = json.Unmarshal([]byte(payload), &p)
			o.tokensMu.Lock()
			o.tokens = append(o.tokens, p.Token)
			o.tokensMu.Unlock()
			return "null", nil
		},
	}
	return o
}

// answerAll answers every token handed out so far.
func (o *outside) answerAll(e *engine.Engine) {
	o.tokensMu.Lock()
	defer o.tokensMu.Unlock()
	for _, token := range o.tokens {
		_ = e.SendTaskSuccess(token, json.RawMessage(`{"ok":true}`))
	}
}

// finish drives the execution to its end and answers tokens as they come.
func finish(w *asltest.World, o *outside, arn string) states.Execution {
	done := make(chan states.Execution, 1)
	go func() { done <- w.Wait(arn) }()
	for {
		synctest.Wait()
		select {
		case ended := <-done:
			return ended
		default:
		}
		o.answerAll(w.Engine)
		select {
		case ended := <-done:
			return ended
		case <-asltest.Tick():
		}
	}
}

// resume opens an engine on a journal and finishes the execution.
func resume(t *testing.T, m *asl.Machine, journal *asltest.Memory, o *outside, seed uint64) {
	synctest.Test(t, func(t *testing.T) {
		w := &asltest.World{T: t, Journal: journal, Invoker: &o.Functions, Seed: seed}
		settled := settledTasks(t, journal)
		before := len(o.Called())
		w.Open(map[string]*asl.Machine{"m": m})
		defer w.Close()
		ended := finish(w, o, "arn:aws:states:us-east-1:000000000000:execution:m:one")
		if ended.Status != states.StatusSucceeded || string(ended.Output) != asltest.MixedOutput {
			t.Errorf("ended %s with %s (%s %s)", ended.Status, ended.Output, ended.Error, ended.Cause)
		}
		for _, again := range o.Called()[before:] {
			if _, payload, _ := strings.Cut(again, " "); slices.Contains(settled, payload) {
				t.Errorf("invoked again although its result was journalled: %s", again)
			}
		}
		checkAll(w)
		if keys := w.Leftovers(); len(keys) > 0 {
			t.Errorf("the journal still holds %q", keys)
		}
	})
}

// checkAll checks the histories of the execution and of all children.
func checkAll(w *asltest.World) {
	w.T.Helper()
	arn := "arn:aws:states:us-east-1:000000000000:execution:m:one"
	w.History(arn)
	runs, err := w.Engine.ListMapRuns(w.T.Context(), arn)
	if err != nil {
		w.T.Fatal(err)
	}
	for _, run := range runs {
		if run.Status == states.StatusRunning {
			w.T.Errorf("map run %s still runs", run.MapRunArn)
		}
		page, err := w.Engine.List(w.T.Context(), engine.ListFilter{MapRunArn: run.MapRunArn})
		if err != nil {
			w.T.Fatal(err)
		}
		if counts := run.ExecutionCounts; counts.Succeeded+counts.Failed+counts.Aborted+counts.Pending != counts.Total {
			w.T.Errorf("map run %s counts %+v", run.MapRunArn, counts)
		}
		for _, child := range page.Executions {
			if child.Status == states.StatusRunning {
				w.T.Errorf("child %s still runs", child.ExecutionArn)
			}
			w.History(child.ExecutionArn)
		}
	}
}

// settledTasks are the payloads of the attempts whose outcome is in a journal.
func settledTasks(t *testing.T, journal *asltest.Memory) []string {
	t.Helper()
	scheduled := map[string]string{}
	var settled []string
	err := journal.Scan("history\x00", "history\x01", func(key string, value []byte) (bool, error) {
		var event states.Event
		if err := json.Unmarshal(value, &event); err != nil {
			return false, err
		}
		id := key[:strings.LastIndex(key, "\x00")]
		at := func(event int64) string { return fmt.Sprint(id, event) }
		switch event.Type {
		case "TaskScheduled":
			var arguments struct{ Payload json.RawMessage }
			if err := json.Unmarshal([]byte(event.TaskScheduled.Parameters), &arguments); err != nil {
				return false, err
			}
			scheduled[at(event.ID)] = string(arguments.Payload)
		case "TaskStarted":
			scheduled[at(event.ID)] = scheduled[at(event.PreviousEventID)]
		case "TaskSubmitted", "TaskSucceeded", "TaskFailed":
			scheduled[at(event.ID)] = scheduled[at(event.PreviousEventID)]
			settled = append(settled, scheduled[at(event.ID)])
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return settled
}

// record runs the mixed machine once without a crash.
func record(t *testing.T, m *asl.Machine) (*asltest.Memory, *outside) {
	journal, o := &asltest.Memory{}, newOutside()
	synctest.Test(t, func(t *testing.T) {
		w := &asltest.World{T: t, Journal: journal, Invoker: &o.Functions}
		w.Open(map[string]*asl.Machine{"m": m})
		defer w.Close()
		ended := finish(w, o, w.Start("one", `"x"`))
		if string(ended.Output) != asltest.MixedOutput {
			t.Fatalf("ended %s with %s (%s %s)", ended.Status, ended.Output, ended.Error, ended.Cause)
		}
		checkAll(w)
	})
	return journal, o
}

// TestCrashAtEveryWrite opens the journal of a mixed machine as of each of its
// writes, as a crash right after that write would leave it, and lets a new
// engine finish.
func TestCrashAtEveryWrite(t *testing.T) {
	m := asltest.Parse(t, asltest.Mixed())
	journal, o := record(t, m)
	writes, _ := journal.Writes()
	if writes < 80 {
		t.Fatalf("only %d writes: the machine no longer covers enough", writes)
	}
	step := 1
	if testing.Short() {
		step = 5
	}
	for n := 1; n <= writes; n += step {
		after := newOutside()
		after.tokens = slices.Clone(o.tokens)
		if ok := t.Run(fmt.Sprint(n), func(t *testing.T) { resume(t, m, journal.AsOf(n), after, uint64(n)) }); !ok {
			t.FailNow()
		}
	}
}

// TestCrashAgain crashes three times in a row, at random moments.
func TestCrashAgain(t *testing.T) {
	m := asltest.Parse(t, asltest.Mixed())
	first, o := record(t, m)
	rounds := 40
	if testing.Short() {
		rounds = 8
	}
	r := rand.New(rand.NewPCG(7, 7))
	for round := range rounds {
		journal := first
		after := newOutside()
		after.tokens = slices.Clone(o.tokens)
		for crash := range 3 {
			all, _ := journal.Writes()
			at := 1 + r.IntN(all)
			journal = journal.AsOf(at)
			t.Run(fmt.Sprint(round, crash, at), func(t *testing.T) { resume(t, m, journal, after, uint64(round*3+crash)) })
			if t.Failed() {
				return
			}
		}
	}
}
