package scenarios

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"reprise/integration/datasets"
	"reprise/integration/deployed"
	"reprise/pkg/api"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/steps"
)

// TestReplaysStartedFromAConsole starts, watches and stops executions as
// somebody does in a console or with the AWS CLI: with the Step Functions API
// alone.
func TestReplaysStartedFromAConsole(t *testing.T) {
	t.Parallel()
	w, log := deployed.New(t), datasets.Litestream(t)
	w.AgreesWithGit(t, log, w.SendLog)
	events := int64(len(log.Lines))
	console := w.StepFunctions()
	start := func(name, input string) {
		t.Helper()
		_, err := console.StartExecution(t.Context(),
			&sfn.StartExecutionInput{StateMachineArn: w.MachineARN(), Name: &name, Input: &input})
		if err != nil {
			t.Fatal(err)
		}
	}
	start("by-hand", `{"types":["file.changed"],"parallelism":4}`)
	localtest.Until(w, "/replays/by-hand", func(v lifecycle.View) bool { return v.Status.Ended() })
	succeededByHand(t, w, console, events)
	executionIsShown(t, w, "by-hand")

	start("mistyped", `{"typos":["file.changed"]}`)
	if failed := ended(t, w, console, "mistyped"); failed.Status != types.ExecutionStatusFailed ||
		aws.ToString(failed.Error) != steps.FaultInvalidInput {
		t.Errorf("mistyped input: %s, error %s, cause %s", failed.Status, aws.ToString(failed.Error),
			aws.ToString(failed.Cause))
	}

	lift := w.Refuse("kinesis", "reprise-playback")
	defer lift()
	start("stopped", `{"rebuild":true}`)
	w.AwaitGivenUp("read-segment")
	running := localtest.Until(w, "/replays/stopped", func(v lifecycle.View) bool { return v.Generation != "" })
	if _, err := console.StopExecution(t.Context(),
		&sfn.StopExecutionInput{ExecutionArn: w.ExecutionARN("stopped"), Cause: aws.String("a mistake")}); err != nil {
		t.Fatal(err)
	}
	localtest.Until(w, "/replays/stopped", func(v lifecycle.View) bool { return v.Status == replay.Cancelled })
	gone(w, running.Generation)
	cancelledByRequest(t, w)
	cancelledByControl(t, w, console)
}

// cancelledByControl cancels a replay with an execution of the control state machine.
func cancelledByControl(t *testing.T, w *deployed.World, console *sfn.Client) {
	t.Helper()
	_, err := console.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: w.MachineARN(),
		Name: aws.String("controlled"), Input: aws.String(`{"rebuild":true}`)})
	if err != nil {
		t.Fatal(err)
	}
	w.AwaitGivenUp("read-segment")
	for _, action := range []string{"pause", "cancel"} {
		_, err = console.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: w.ControlARN(),
			Input: aws.String(`{"replay":"controlled","action":"` + action + `"}`)})
		if err != nil {
			t.Fatal(err)
		}
		localtest.Until(w, "/replays/controlled", func(v lifecycle.View) bool {
			return v.Pausing || v.Status == replay.ShownPaused || v.Status == replay.Cancelled
		})
	}
	localtest.Until(w, "/replays/controlled", func(v lifecycle.View) bool { return v.Status == replay.Cancelled })
}

// gone waits until a generation has been dropped.
func gone(w *deployed.World, id string) {
	localtest.Until(w, "/generations", func(view api.GenerationsView) bool {
		return !slices.ContainsFunc(view.Generations, func(g api.GenerationView) bool { return g.ID == id })
	})
}

// cancelledByRequest cancels a replay over the HTTP API. The answer says that it has
// ended, and a function that may drop tables drops its generation.
func cancelledByRequest(t *testing.T, w *deployed.World) {
	t.Helper()
	status, body := w.Call("POST", "/replays", "application/json", []byte(`{"name":"cancelled","input":{"rebuild":true}}`))
	if status != http.StatusCreated {
		t.Fatalf("start replay: %d %s", status, body)
	}
	w.AwaitGivenUp("read-segment")
	running := localtest.Until(w, "/replays/cancelled", func(v lifecycle.View) bool { return v.Generation != "" })
	status, body = w.Call("POST", "/replays/cancelled/cancel", "application/json", nil)
	var cancelled lifecycle.View
	err := json.Unmarshal(body, &cancelled)
	if err != nil || status != http.StatusOK || cancelled.Status != replay.Cancelled {
		t.Errorf("cancel: %d %s, %v", status, body, err)
	}
	gone(w, running.Generation)
}

// ended waits for the end of an execution.
func ended(t *testing.T, w *deployed.World, console *sfn.Client, name string) *sfn.DescribeExecutionOutput {
	t.Helper()
	var got *sfn.DescribeExecutionOutput
	localtest.Until(w, "/status", func(api.StatusView) bool {
		var err error
		got, err = console.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: w.ExecutionARN(name)})
		if err != nil {
			t.Fatal(err)
		}
		return got.Status != types.ExecutionStatusRunning
	})
	return got
}

// succeededByHand looks at an execution as far as a console shows it.
func succeededByHand(t *testing.T, w *deployed.World, console *sfn.Client, events int64) {
	t.Helper()
	var report lifecycle.View
	got := ended(t, w, console, "by-hand")
	if err := json.Unmarshal([]byte(aws.ToString(got.Output)), &report); err != nil ||
		got.Status != types.ExecutionStatusSucceeded ||
		report.Progress.Applied != events || report.Proof == nil || !report.Proof.Complete || report.Cost == nil {
		t.Errorf("%s %s, %v", got.Status, aws.ToString(got.Output), err)
	}
	runs, err := console.ListMapRuns(t.Context(), &sfn.ListMapRunsInput{ExecutionArn: w.ExecutionARN("by-hand")})
	if err != nil || len(runs.MapRuns) != 1 {
		t.Errorf("map runs: %+v, %v", runs, err)
	}
	history, err := console.GetExecutionHistory(t.Context(),
		&sfn.GetExecutionHistoryInput{ExecutionArn: w.ExecutionARN("by-hand"), ReverseOrder: true})
	if err != nil || history.Events[0].Type != types.HistoryEventTypeExecutionSucceeded {
		t.Errorf("history: %+v, %v", history, err)
	}
	var described struct{ Status string }
	if w.CLI(&described, "describe-execution", "--execution-arn", *w.ExecutionARN("by-hand")) &&
		described.Status != "SUCCEEDED" {
		t.Errorf("the CLI says %+v", described)
	}
	var listed struct{ Executions []struct{ Name string } }
	if w.CLI(&listed, "list-executions", "--state-machine-arn", *w.MachineARN(), "--status-filter", "SUCCEEDED") &&
		(len(listed.Executions) != 2 || listed.Executions[0].Name != "by-hand") {
		t.Errorf("the CLI lists %+v", listed)
	}
}

// executionIsShown reads an execution's definition and its history, page by page, over
// the HTTP API.
func executionIsShown(t *testing.T, w *deployed.World, id string) {
	t.Helper()
	var last string
	for after, more := int64(0), true; more; {
		status, body := w.Call("GET", fmt.Sprintf("/replays/%s/execution?limit=20&after=%d", id, after), "", nil)
		var page api.ExecutionView
		if err := json.Unmarshal(body, &page); status != http.StatusOK || err != nil || len(page.Events) == 0 {
			t.Fatalf("execution of %s after event %d: %d %s, %v", id, after, status, body, err)
		}
		if after == 0 && !strings.Contains(string(page.Definition), "ProveCompleteness") {
			t.Errorf("the definition is %.100s", page.Definition)
		}
		end := page.Events[len(page.Events)-1]
		after, more, last = end.ID, page.More, end.Type
	}
	if last != "ExecutionSucceeded" {
		t.Errorf("the history of %s ends with %s", id, last)
	}
}
