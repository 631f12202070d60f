package local_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/steps"
)

// control runs an execution of the control state machine to its end.
func control(t *testing.T, sdk *sfn.Client, input string) *sfn.DescribeExecutionOutput {
	t.Helper()
	started, err := sdk.StartExecution(t.Context(), &sfn.StartExecutionInput{
		StateMachineArn: aws.String(machinePrefix + "control"), Input: &input})
	if err != nil {
		t.Fatal(err)
	}
	return await(t, sdk, *started.ExecutionArn)
}

// await waits for the end of an execution.
func await(t *testing.T, sdk *sfn.Client, arn string) *sfn.DescribeExecutionOutput {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
		got, err := sdk.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != types.ExecutionStatusRunning {
			return got
		}
	}
	t.Fatalf("%s does not end", arn)
	return nil
}

// With the control state machine alone, a replay is paused, resumed and cancelled;
// what it does not know is refused by name and changes nothing.
func TestReplaysAreSteeredWithStepFunctionsAlone(t *testing.T) {
	t.Parallel()
	o := options(t)
	projections, held := countingHeld()
	o.Projections = projections
	api, url := printed(t, o)
	sdk, client := clientOf(url), &localtest.Client{T: t, URL: api}
	client.Send("/events", changes(0, 30, 3))
	client.Settle(30)
	held.Lock()
	_, err := sdk.StartExecution(t.Context(), &sfn.StartExecutionInput{Name: aws.String("r"),
		StateMachineArn: aws.String(machinePrefix + "replay"), Input: aws.String(`{"rebuild":true}`)})
	if err != nil {
		t.Fatal(err)
	}
	shown := func(check func(lifecycle.View) bool) { localtest.Until(client, "/replays/r", check) }
	shown(func(v lifecycle.View) bool { return v.Phase == replay.Draining })
	steer := func(input, fault string) {
		t.Helper()
		if ended := control(t, sdk, input); aws.ToString(ended.Error) != fault ||
			(ended.Status == types.ExecutionStatusSucceeded) != (fault == "") {
			t.Errorf("%s: %s %s %s", input, ended.Status, aws.ToString(ended.Error), aws.ToString(ended.Cause))
		}
	}
	steer(`{"replay":"r","action":"pause"}`, "")
	shown(func(v lifecycle.View) bool { return v.Status == replay.ShownPaused })
	_, before := client.Call(http.MethodGet, "/replays/r", "", nil)
	for _, input := range []string{`{"replay":"r","action":"Resume"}`, `{"replay":"s","action":"resume"}`, `{}`, `[]`,
		`null`, `"resume"`, `7`, `{"replay":"r"}`, `{"action":"resume"}`, `{"replay":"r","action":"delete"}`,
		`{"replay":"r","action":null}`, `{"replay":["r"],"action":"resume"}`, `{"replay":"","action":"cancel"}`,
		`{"replay":"r","action":"resume","rate":5}`, `{"replay":"r","action":"cancel","force":true}`,
		`{"replay":"<script>","action":"cancel"}`, `{"replay":"r\u001b[2J","action":"cancel"}`,
		`{"replay":"r.1","action":"cancel"}`, `{"replay":"` + strings.Repeat("r", 81) + `","action":"cancel"}`} {
		steer(input, steps.FaultInvalidInput)
	}
	steer(`{"replay":"r","action":"continue"}`, steps.FaultConflict)
	steer(`{"replay":"r","action":"pause"}`, "")
	if _, after := client.Call(http.MethodGet, "/replays/r", "", nil); string(after) != string(before) {
		t.Errorf("what was refused changed\n%s\nto\n%s", before, after)
	}
	shown(func(v lifecycle.View) bool { return v.Status == replay.ShownPaused })
	steer(`{"replay":"r","action":"resume"}`, "")
	steer(`{"replay":"r","action":"cancel"}`, "")
	held.Unlock()
	shown(func(v lifecycle.View) bool { return v.Status == replay.Cancelled })
	_, before = client.Call(http.MethodGet, "/replays/r", "", nil)
	for _, action := range []string{"pause", "resume", "cancel", "continue"} {
		steer(`{"replay":"r","action":"`+action+`"}`, steps.FaultConflict)
	}
	if _, after := client.Call(http.MethodGet, "/replays/r", "", nil); string(after) != string(before) {
		t.Errorf("after its end the replay went from\n%s\nto\n%s", before, after)
	}
	if status, body := client.Call(http.MethodGet, "/replays/s", "", nil); status != http.StatusNotFound {
		t.Errorf("an execution of the control machine became a replay: %d %s", status, body)
	}
}
