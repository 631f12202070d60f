package lambdahost_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/integration/lambdahost"
	"reprise/pkg/asl/states"
)

func TestWarmProcessIsReusedAndSeesLambdasEnvironment(t *testing.T) {
	f := functionOf(t, "echo", "worker")
	f.Env["SETTING"] = "own"
	host := start(t, lambdahost.Config{Functions: []lambdahost.Function{f}, Region: "eu-west-1", Account: "123456789012",
		Env: map[string]string{"SETTING": "host"}})
	first, err := invoke(t, host, "echo", order{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := invoke(t, host, "arn:aws:lambda:eu-west-1:123456789012:function:echo:$LATEST", order{})
	if err != nil {
		t.Fatal(err)
	}
	if first.Process != second.Process || second.Call != 2 {
		t.Errorf("calls %+v and %+v were not served by one warm process", first, second)
	}
	if first.ARN != "arn:aws:lambda:eu-west-1:123456789012:function:echo" || second.ARN != first.ARN+":$LATEST" ||
		first.Version != "$LATEST" || first.Setting != "own" || first.Request == second.Request ||
		!strings.HasPrefix(first.Trace, "Root=1-") || first.Left <= 0 || first.Left > time.Minute {
		t.Errorf("the function saw %+v, then %+v", first, second)
	}
}

func TestFailuresHaveTheNamesOfStepFunctions(t *testing.T) {
	slow := functionOf(t, "slow", "worker")
	slow.Timeout = 300 * time.Millisecond
	host := start(t, lambdahost.Config{InitLimit: 500 * time.Millisecond,
		Functions: []lambdahost.Function{functionOf(t, "lazy", "lazy")}})
	warm := start(t, lambdahost.Config{Functions: []lambdahost.Function{
		functionOf(t, "worker", "worker"), slow, functionOf(t, "broken", "broken")}})
	file := filepath.Join(t.TempDir(), "hangs")
	for _, c := range []struct {
		host           *lambdahost.Host
		function, do   string
		name, contains string
	}{
		{warm, "worker", "name", "Reprise.Throttled", "too much"},
		{warm, "worker", "fail", "errorString", "plain"},
		{warm, "worker", "exit", "Runtime.ExitError", "exit status 3"},
		{warm, "worker", "panic", "string", "lost"},
		{warm, "worker", "much", "Function.ResponseSizeTooLarge", "exceeded"},
		{warm, "slow", "hang", "Sandbox.Timedout", "timed out after 0.30 seconds"},
		{warm, "nobody", "", "Lambda.ResourceNotFoundException", "nobody"},
		{warm, "worker:7", "", "Lambda.ResourceNotFoundException", "worker:7"},
		{warm, "broken", "", "Runtime.ExitError", "exit status 7"},
		{host, "lazy", "", "Sandbox.Timedout", "did not get ready"},
	} {
		payload, err := json.Marshal(order{Do: c.do, File: file})
		if err != nil {
			t.Fatal(err)
		}
		_, err = lambdahost.Invoker{Host: c.host}.Invoke(t.Context(), c.function, payload)
		var failed *states.FunctionError
		if !errors.As(err, &failed) || failed.Type != c.name || !strings.Contains(failed.Message, c.contains) {
			t.Errorf("%s %s: %v, want %s with %q", c.function, c.do, err, c.name, c.contains)
		}
	}
	if out := warm.Output("worker"); !strings.Contains(out, "leaving with 3") {
		t.Errorf("output of the worker: %q", out)
	}
	if out := warm.Output("broken"); !strings.Contains(out, "cannot begin") {
		t.Errorf("output of the broken function: %q", out)
	}
	// The host is as good as new after each of them.
	if _, err := invoke(t, warm, "worker", order{}); err != nil {
		t.Error(err)
	}
}

func TestRequestOverTheLimitIsRefused(t *testing.T) {
	host := start(t, lambdahost.Config{Functions: []lambdahost.Function{functionOf(t, "worker", "worker")}})
	_, err := host.Invoke(t.Context(), "worker", make(json.RawMessage, lambdahost.MaxPayloadBytes+1))
	var refused *lambdahost.ServiceError
	if !errors.As(err, &refused) || refused.Exception != lambdahost.ExceptionTooLarge || host.Processes("worker") != 0 {
		t.Errorf("invoke: %v", err)
	}
}

func TestConcurrencyIsBoundedAndKillEndsRunningInvocations(t *testing.T) {
	f := functionOf(t, "worker", "worker")
	f.Concurrency = 2
	host := start(t, lambdahost.Config{Functions: []lambdahost.Function{f}})
	if host.Kill("worker") != 0 {
		t.Error("killed a process that does not exist")
	}
	dir := t.TempDir()
	errs := make([]error, 2)
	var group sync.WaitGroup
	for i, name := range []string{"a", "b"} {
		group.Go(func() { _, errs[i] = invoke(t, host, "worker", order{Do: "hang", File: filepath.Join(dir, name)}) })
	}
	until(t, "both hang", func() bool {
		files, err := os.ReadDir(dir)
		return err == nil && len(files) == 2
	})
	_, err := invoke(t, host, "worker", order{})
	var refused *lambdahost.ServiceError
	if !errors.As(err, &refused) || refused.Exception != lambdahost.ExceptionThrottled {
		t.Errorf("a third invocation: %v", err)
	}
	if n := host.Kill("worker"); n != 2 {
		t.Errorf("killed %d processes, want 2", n)
	}
	group.Wait()
	for _, err := range errs {
		var failed *lambdahost.FunctionError
		if !errors.As(err, &failed) || failed.Type != lambdahost.ErrorExit || !strings.Contains(failed.Message, "killed") {
			t.Errorf("killed invocation: %v", err)
		}
	}
	if out, err := invoke(t, host, "worker", order{}); err != nil || out.Call != 1 {
		t.Errorf("after the kill: %+v, %v", out, err)
	}
}

func TestManyInvocationsShareFewProcesses(t *testing.T) {
	f := functionOf(t, "worker", "worker")
	f.Concurrency = 4
	host := start(t, lambdahost.Config{Functions: []lambdahost.Function{f}})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				if _, err := invoke(t, host, "worker", order{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if n := host.Processes("worker"); n < 1 || n > 4 {
		t.Errorf("%d processes", n)
	}
}

func TestInvocationContinuesWithoutItsCallerUntilClose(t *testing.T) {
	host, err := lambdahost.Start(lambdahost.Config{Functions: []lambdahost.Function{functionOf(t, "worker", "worker")}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "hangs")
	if err := host.InvokeAsync("worker", json.RawMessage(`{"Do":"hang","File":"`+file+`"}`)); err != nil {
		t.Fatal(err)
	}
	until(t, "it hangs", func() bool { _, err := os.Stat(file); return err == nil })
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
	if n := host.Processes("worker"); n != 0 {
		t.Errorf("%d processes outlived the host", n)
	}
	if _, err := host.Invoke(t.Context(), "worker", nil); !errors.Is(err, lambdahost.ErrClosed) {
		t.Errorf("invoke on a closed host: %v", err)
	}
	if err := host.InvokeAsync("worker", nil); !errors.Is(err, lambdahost.ErrClosed) {
		t.Errorf("invoke on a closed host: %v", err)
	}
}

// TestPublishedVersionsDoNotChange updates a function behind its version's back.
func TestPublishedVersionsDoNotChange(t *testing.T) {
	function := functionOf(t, "worker", "worker")
	function.Env["SETTING"] = "first"
	host := start(t, lambdahost.Config{Functions: []lambdahost.Function{function}})
	version, err := host.PublishVersion("worker")
	if err != nil {
		t.Fatal(err)
	}
	function.Env["SETTING"] = "second"
	if err := host.Update(function); err != nil {
		t.Fatal(err)
	}
	for qualified, want := range map[string]report{
		"worker:" + version: {Version: "1", Setting: "first"}, "worker": {Version: "$LATEST", Setting: "second"}} {
		got, err := invoke(t, host, qualified, order{})
		if err != nil || got.Version != want.Version || got.Setting != want.Setting {
			t.Errorf("%s: %+v, %v", qualified, got, err)
		}
	}
}
