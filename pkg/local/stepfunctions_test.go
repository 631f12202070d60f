package local_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"reprise/pkg/api"
	"reprise/pkg/asl/asltest"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay/lifecycle"
)

const (
	machinePrefix   = "arn:aws:states:local:000000000000:stateMachine:"
	executionPrefix = "arn:aws:states:local:000000000000:execution:"
)

// printed runs a platform and returns the addresses of two of the three lines that it
// prints.
func printed(t *testing.T, options local.Options) (api, stepFunctions string) {
	t.Helper()
	localtest.Whole(t)
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() {
		err := local.Run(ctx, options, in, io.Discard)
		ended <- errors.Join(err, in.CloseWithError(io.ErrUnexpectedEOF))
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewScanner(out)
	lines.Scan()
	api, ready := strings.CutPrefix(lines.Text(), "ready ")
	lines.Scan()
	stepFunctions, second := strings.CutPrefix(lines.Text(), "stepfunctions ")
	lines.Scan()
	if lines.Text() != "console http://"+strings.TrimPrefix(api, "http://")+"/" {
		t.Errorf("printed %q", lines.Text())
	}
	if !ready || !second {
		t.Fatalf("printed %q, %q: %v", api, stepFunctions, lines.Err())
	}
	return api, stepFunctions
}

func options(t *testing.T) local.Options {
	return local.Options{Dir: t.TempDir(), Addr: "127.0.0.1:0", StepFunctionsAddr: "127.0.0.1:0", Lanes: 4, Shards: 1}
}

func clientOf(url string) *sfn.Client {
	return sfn.New(sfn.Options{Region: "local", BaseEndpoint: &url,
		Credentials: credentials.NewStaticCredentialsProvider("any", "any", "")})
}

// The SDK starts, describes, reads and stops executions of the platform's own machine
// and of a user's; a stopped replay is closed, and a stopped execution of another
// machine touches no replay.
func TestTheSDKWorksOnTheRealMachines(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Workflows = t.TempDir()
	write(t, filepath.Join(o.Workflows, "nap.asl.json"), `{"QueryLanguage":"JSONata","StartAt":"Nap","States":{
		"Nap":{"Type":"Wait","Seconds":3600,"End":true}}}`)
	write(t, filepath.Join(o.Workflows, "README"), "not a machine")
	api, url := printed(t, o)
	sdk, ctx := clientOf(url), t.Context()
	listed, err := sdk.ListStateMachines(ctx, &sfn.ListStateMachinesInput{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, m := range listed.StateMachines {
		found[aws.ToString(m.StateMachineArn)] = true
	}
	if !found[machinePrefix+"nap"] || !found[machinePrefix+"replay"] {
		t.Errorf("listed %v", found)
	}
	_, err = sdk.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: aws.String(machinePrefix + "replay"), Name: aws.String("by-sdk"), Input: aws.String("{}")})
	if err != nil {
		t.Fatal(err)
	}
	client := &localtest.Client{T: t, URL: api}
	localtest.Until(client, "/replays/by-sdk", func(v lifecycle.View) bool { return v.Status == "SUCCEEDED" })
	for _, name := range []string{"by-sdk", "by-sdk-too"} {
		_, err = sdk.StartExecution(ctx, &sfn.StartExecutionInput{
			StateMachineArn: aws.String(machinePrefix + "nap"), Name: aws.String(name)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = sdk.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: aws.String(executionPrefix + "nap:" + name)})
		if err != nil {
			t.Fatal(err)
		}
	}
	history, err := sdk.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{
		ExecutionArn: aws.String(executionPrefix + "replay:by-sdk")})
	if err != nil || len(history.Events) < 10 || history.Events[0].Type != types.HistoryEventTypeExecutionStarted {
		t.Errorf("history: %+v, %v", history, err)
	}
	if status, body := client.Call(http.MethodGet, "/replays/by-sdk-too", "", nil); status != http.StatusNotFound {
		t.Errorf("an execution of another machine became a replay: %d %s", status, body)
	}
	stopReplay(t, sdk, client)
}

// stopReplay stops an execution of a replay, whose row is closed by that.
func stopReplay(t *testing.T, sdk *sfn.Client, client *localtest.Client) {
	t.Helper()
	client.Send("/events", changes(0, 2000, 50))
	client.Settle(2000)
	started, err := sdk.StartExecution(t.Context(), &sfn.StartExecutionInput{Name: aws.String("stopped"),
		StateMachineArn: aws.String(machinePrefix + "replay"), Input: aws.String(`{"rebuild":true}`)})
	if err != nil {
		t.Fatal(err)
	}
	// A step that is running when its execution is stopped runs to its end. A row that it
	// creates then is closed only by the next check of all replays.
	localtest.Until(client, "/replays", func(page api.ReplaysPage) bool { return len(page.Replays) == 2 })
	_, err = sdk.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: started.ExecutionArn,
		Cause: aws.String("not today")})
	if err != nil {
		t.Fatal(err)
	}
	described, err := sdk.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: started.ExecutionArn})
	if err != nil || described.Status != types.ExecutionStatusAborted || aws.ToString(described.Cause) != "not today" {
		t.Errorf("stopped: %+v, %v", described, err)
	}
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C { // a replay that was stopped before its plan has no row
		status, body := client.Call(http.MethodGet, "/replays/stopped", "", nil)
		var view lifecycle.View
		if status == http.StatusNotFound || (json.Unmarshal(body, &view) == nil && view.Status.Ended()) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the replay stays at %s", body)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheAWSCLIStartsAReplay(t *testing.T) {
	t.Parallel()
	api, url := printed(t, options(t))
	run := func(answer any, args ...string) {
		if !asltest.CLI(t, url, "local", answer, args...) {
			t.SkipNow()
		}
	}
	var started struct{ ExecutionArn string }
	run(&started, "start-execution", "--state-machine-arn", machinePrefix+"replay", "--name", "by-cli", "--input", "{}")
	client := &localtest.Client{T: t, URL: api}
	localtest.Until(client, "/replays/by-cli", func(v lifecycle.View) bool { return v.Status == "SUCCEEDED" })
	var listed struct {
		Executions []struct{ ExecutionArn, Name string }
	}
	run(&listed, "list-executions", "--state-machine-arn", machinePrefix+"replay")
	if len(listed.Executions) != 1 || listed.Executions[0].Name != "by-cli" ||
		listed.Executions[0].ExecutionArn != started.ExecutionArn {
		t.Errorf("executions: %+v, started %+v", listed, started)
	}
}

// refused runs a platform that must not start, and returns why; one that starts
// nevertheless is stopped.
func refused(t *testing.T, options local.Options) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	return local.Run(ctx, options, stopAtOutput(cancel), io.Discard)
}

// stopAtOutput is called once a platform is ready.
type stopAtOutput context.CancelFunc

func (stop stopAtOutput) Write(line []byte) (int, error) {
	stop()
	return len(line), nil
}

// A port in use stops the platform only if it was asked for by name.
func TestAnOccupiedPortOfStepFunctions(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	o := options(t)
	o.StepFunctionsAddr = busy.Addr().String()
	if err := refused(t, o); !errors.Is(err, local.ErrStepFunctionsAddr) {
		t.Errorf("run on an occupied port: %v", err)
	}
	if left, err := os.ReadDir(o.Dir); err != nil || len(left) > 0 {
		t.Errorf("the refused start left %v, %v", left, err)
	}
	o.StepFunctionsAnyPort = true
	if _, url := printed(t, o); url == "http://"+busy.Addr().String() {
		t.Errorf("printed the address %s that others have", url)
	}
	o.StepFunctionsAddr = "0.0.0.0:0"
	if err := refused(t, o); !errors.Is(err, local.ErrNotLoopback) {
		t.Errorf("run on all interfaces: %v", err)
	}
}

// A file that cannot be a machine stops the start, and is named.
func TestBadMachineFilesAreRefusedByName(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"broken.asl.json":  `{`,
		"replay.asl.json":  `{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Succeed"}}}`,
		"no name.asl.json": `{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Succeed"}}}`,
		"unused.json":      `{}`,
	} {
		o := options(t)
		o.Workflows = t.TempDir()
		write(t, filepath.Join(o.Workflows, name), text)
		err := refused(t, o)
		if left, err := os.ReadDir(o.Dir); err != nil || len(left) > 0 {
			t.Errorf("%s: the refused start left %v, %v", name, left, err)
		}
		if !errors.Is(err, local.ErrWorkflows) || (name != "unused.json" && !strings.Contains(err.Error(), name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Web pages of other sites reach neither API.
func TestStepFunctionsRefusesWebPages(t *testing.T) {
	t.Parallel()
	_, url := printed(t, options(t))
	for name, change := range map[string]func(*http.Request){
		"origin":         func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"host":           func(r *http.Request) { r.Host = "evil.example" },
		"cross-site":     func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"simple request": func(r *http.Request) { r.Header.Set("Origin", "null") },
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "AWSStepFunctions.ListStateMachines")
		change(r)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden || answer.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %s %v", name, answer.Status, answer.Header)
		}
	}
}
