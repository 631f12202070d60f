package local_test

import (
	"encoding/json"
	"net/http"
	"runtime"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// concurrency is that of the newest map run of replay r, 0 while there is none.
func concurrency(t *testing.T, sdk *sfn.Client) (newest int32, runs int) {
	t.Helper()
	listed, err := sdk.ListMapRuns(t.Context(),
		&sfn.ListMapRunsInput{ExecutionArn: aws.String(executionPrefix + "replay:r")})
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range listed.MapRuns {
		got, err := sdk.DescribeMapRun(t.Context(), &sfn.DescribeMapRunInput{MapRunArn: run.MapRunArn})
		if err != nil {
			t.Fatal(err)
		}
		if run.StopDate == nil {
			newest = got.MaxConcurrency
		}
	}
	return newest, len(listed.MapRuns)
}

// The parallelism that is set holds for the running map run, and after a pause for the
// next one; what no replay may have is refused and changes nothing.
func TestTheParallelismIsSetWhileAReplayRuns(t *testing.T) {
	t.Parallel()
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("the platform allows one reader only")
	}
	api, url := printed(t, options(t))
	sdk, client := clientOf(url), &localtest.Client{T: t, URL: api}
	client.Send("/events", changes(0, 2000, 50))
	client.Settle(2000)
	status, body := client.Call(http.MethodPost, "/replays", "application/json",
		[]byte(`{"name":"r","input":{"rebuild":true,"parallelism":1,"rate":5}}`))
	if status != http.StatusCreated {
		t.Fatalf("start: %d %s", status, body)
	}
	localtest.Until(client, "/replays/r", func(lifecycle.View) bool { n, _ := concurrency(t, sdk); return n == 1 })
	set := func(body string, want int) {
		t.Helper()
		status, answer := client.Call(http.MethodPost, "/replays/r/parallelism", "application/json", []byte(body))
		if status != want {
			t.Errorf("%s: %d %s, want %d", body, status, answer, want)
		}
	}
	for _, bad := range []string{`{}`, `{"parallelism":0}`, `{"parallelism":-1}`, `{"parallelism":257}`,
		`{"parallelism":1e400}`,
		`{"parallelism":"2"}`, `{"parallelism":1.5}`, `{"parallelism":NaN}`, `{"parallelism":2,"parallelism":2}`,
		`{"rate":2}`} {
		set(bad, http.StatusBadRequest)
	}
	if n, _ := concurrency(t, sdk); n != 1 {
		t.Errorf("what was refused made it %d", n)
	}
	set(`{"parallelism":2}`, http.StatusOK)
	if n, runs := concurrency(t, sdk); n != 2 || runs != 1 {
		t.Errorf("the map run has %d readers at a time", n)
	}
	steered := func(what string) {
		t.Helper()
		status, answer := client.Call(http.MethodPost, "/replays/r/"+what, "application/json", []byte(`{}`))
		if status != 200 {
			t.Fatalf("%s: %d %s", what, status, answer)
		}
	}
	steered("pause")
	localtest.Until(client, "/replays/r", func(v lifecycle.View) bool { return v.Status == replay.ShownPaused })
	set(`{"parallelism":1}`, http.StatusOK)
	steered("resume")
	localtest.Until(client, "/replays/r", func(lifecycle.View) bool {
		n, runs := concurrency(t, sdk)
		return runs == 2 && n == 1
	})
	set(`{"parallelism":200}`, http.StatusOK) // more than the platform allows
	if n, _ := concurrency(t, sdk); int(n) != runtime.GOMAXPROCS(0) {
		t.Errorf("%d readers on %d processors", n, runtime.GOMAXPROCS(0))
	}
	_, _ = client.Call(http.MethodPost, "/replays/r/rate", "application/json", []byte(`{"rate":0}`))
	end := localtest.Until(client, "/replays/r", func(v lifecycle.View) bool { return v.Status.Ended() })
	if end.Status != replay.Succeeded || end.Plan.Parallelism != 200 || end.Plan.Readers != 2 ||
		end.Input.Parallelism != 1 {
		t.Errorf("%s, %+v", end.Status, end.Plan)
	}
	set(`{"parallelism":3}`, http.StatusConflict)
}

// Every state of a real execution says how far the replay is, and so does every loop of a
// child.
func TestStatesShowTheNumbers(t *testing.T) {
	t.Parallel()
	api, url := printed(t, options(t))
	sdk, client := clientOf(url), &localtest.Client{T: t, URL: api}
	client.Send("/events", changes(0, 300, 7))
	client.Settle(300)
	if status, body := client.Call(http.MethodPost, "/replays", "application/json",
		[]byte(`{"name":"r","input":{"rebuild":true,"promote":true}}`)); status != http.StatusCreated {
		t.Fatalf("start: %d %s", status, body)
	}
	localtest.Until(client, "/replays/r", func(v lifecycle.View) bool { return v.Status == replay.Succeeded })
	arn := executionPrefix + "replay:r"
	ended := await(t, sdk, arn)
	numbers := func(text *string) (n map[string]any) {
		t.Helper()
		if err := json.Unmarshal([]byte(aws.ToString(text)), &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got := numbers(ended.Output)["totals"].(map[string]any); got["events"] != 300.0 || got["consumed"] != 300.0 ||
		got["delivered"] != 300.0 || got["eventsPerSecond"].(float64) <= 0 {
		t.Errorf("the execution's output has %v", got)
	}
	seen := exited(t, sdk, arn, numbers)
	for _, name := range []string{"PlanReplay", "ReadSegments", "AwaitDrain", "ProveCompleteness", "FollowStream",
		"PromoteGeneration"} {
		for _, member := range []string{"events", "bytes"} {
			if n, ok := seen[name][member].(float64); !ok || n == 0 || (member == "events" && n != 300) {
				t.Errorf("%s: %s is %v", name, member, seen[name][member])
			}
		}
		if name != "PlanReplay" && (seen[name]["slice"] != 1.0 || seen[name]["eventsPerSecond"] == nil) {
			t.Errorf("%s: %v", name, seen[name])
		}
	}
	runs, err := sdk.ListMapRuns(t.Context(), &sfn.ListMapRunsInput{ExecutionArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	children, err := sdk.ListExecutions(t.Context(), &sfn.ListExecutionsInput{MapRunArn: runs.MapRuns[0].MapRunArn})
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, child := range children.Executions {
		got := exited(t, sdk, *child.ExecutionArn, numbers)["ReadSegment"]
		sum += got["groupEvents"].(float64)
		if got["events"] != got["groupEvents"] || got["childEvents"] != got["events"] || got["bytes"].(float64) <= 0 ||
			got["eventsPerSecond"].(float64) <= 0 || got["groupEventsPerSecond"].(float64) <= 0 || got["slice"] != 1.0 ||
			got["lanes"] == "" || got["from"] == "" || got["to"] == "" || got["groupTotal"] != got["groupEvents"] {
			t.Errorf("a child says %v", got)
		}
	}
	if sum != 300 {
		t.Errorf("the children have read %v events", sum)
	}
}

// exited has the outputs of an execution's states.
func exited(t *testing.T, sdk *sfn.Client, arn string, decode func(*string) map[string]any) map[string]map[string]any {
	t.Helper()
	history, err := sdk.GetExecutionHistory(t.Context(),
		&sfn.GetExecutionHistoryInput{ExecutionArn: &arn, MaxResults: 1000})
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]map[string]any)
	for _, e := range history.Events {
		if d := e.StateExitedEventDetails; d != nil {
			seen[*d.Name] = decode(d.Output)
		}
	}
	return seen
}
