package wire_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

func TestSDKFollowsAnExecution(t *testing.T) {
	w := newWorld(t)
	arn := w.begin(t, "echoes", "first", `{"n": 1}`)
	if again := w.begin(t, "waits", "other", `{}`); again == arn {
		t.Errorf("both are %s", arn)
	}
	<-w.tokens
	w.end(t, arn)
	got, err := w.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != types.ExecutionStatusSucceeded || aws.ToString(got.Input) != `{"n":1}` ||
		aws.ToString(got.Output) != "[1,2,3]" || aws.ToString(got.Name) != "first" ||
		got.RedriveStatus != types.ExecutionRedriveStatusNotRedrivable ||
		aws.ToTime(got.StopDate).Before(aws.ToTime(got.StartDate)) || time.Since(*got.StopDate).Abs() > time.Hour {
		t.Errorf("execution: %+v", got)
	}
	var names []string
	pages := sfn.NewGetExecutionHistoryPaginator(w.Client, &sfn.GetExecutionHistoryInput{
		ExecutionArn: &arn,
		MaxResults:   3,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range page.Events {
			names = append(names, string(event.Type))
			if event.Id != int64(len(names)) || time.Since(aws.ToTime(event.Timestamp)).Abs() > time.Hour {
				t.Errorf("event %d: %+v", len(names), event)
			}
			if d := event.TaskSucceededEventDetails; d != nil && !strings.Contains(aws.ToString(d.Output), `{"n":1}`) {
				t.Errorf("output of the task: %+v", d)
			}
		}
	}
	want := "ExecutionStarted " +
		"TaskStateEntered TaskScheduled TaskStarted TaskSucceeded TaskStateExited " +
		"MapStateEntered MapStateStarted MapRunStarted MapRunSucceeded MapStateSucceeded MapStateExited " +
		"ExecutionSucceeded"
	if strings.Join(names, " ") != want {
		t.Errorf("history %v\nwant %s", names, want)
	}
	bare, err := w.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{
		ExecutionArn:         &arn,
		ReverseOrder:         true,
		IncludeExecutionData: aws.Bool(false),
	})
	if err != nil || bare.Events[0].Type != types.HistoryEventTypeExecutionSucceeded ||
		aws.ToString(bare.Events[0].ExecutionSucceededEventDetails.Output) != "" {
		t.Errorf("history downwards without data: %+v, %v", bare, err)
	}
}

func TestSDKListsExecutionsByMachineStatusAndMapRun(t *testing.T) {
	w := newWorld(t)
	arn := w.begin(t, "echoes", "a", `{}`)
	w.end(t, arn)
	w.end(t, w.begin(t, "echoes", "b", `{}`))
	var names []string
	pages := sfn.NewListExecutionsPaginator(w.Client, &sfn.ListExecutionsInput{
		StateMachineArn: aws.String(arns + "stateMachine:echoes"),
		MaxResults:      1,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Executions {
			names = append(names, aws.ToString(e.Name))
		}
	}
	if strings.Join(names, " ") != "b a" {
		t.Errorf("executions: %v", names)
	}
	none, err := w.ListExecutions(t.Context(), &sfn.ListExecutionsInput{
		StateMachineArn: aws.String(arns + "stateMachine:echoes"),
		StatusFilter:    types.ExecutionStatusRunning,
	})
	if err != nil || len(none.Executions) != 0 {
		t.Errorf("running executions: %+v, %v", none, err)
	}
	runs, err := w.ListMapRuns(t.Context(), &sfn.ListMapRunsInput{ExecutionArn: &arn})
	if err != nil || len(runs.MapRuns) != 1 {
		t.Fatalf("map runs: %+v, %v", runs, err)
	}
	run, err := w.DescribeMapRun(t.Context(), &sfn.DescribeMapRunInput{MapRunArn: runs.MapRuns[0].MapRunArn})
	if err != nil || run.Status != types.MapRunStatusSucceeded || run.ItemCounts.Succeeded != 3 ||
		run.ExecutionCounts.Total != 3 || run.MaxConcurrency != 2 {
		t.Errorf("map run: %+v, %v", run, err)
	}
	children, err := w.ListExecutions(t.Context(), &sfn.ListExecutionsInput{MapRunArn: runs.MapRuns[0].MapRunArn})
	if err != nil || len(children.Executions) != 3 || aws.ToInt32(children.Executions[0].ItemCount) != 1 {
		t.Errorf("children: %+v, %v", children, err)
	}
}

// TestSDKPagesMapRuns also checks that nothing is ever redriven.
func TestSDKPagesMapRuns(t *testing.T) {
	const each = `"Type":"Map","Items":[1],` +
		`"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":`
	w := newWorld(t, "three", `{"QueryLanguage":"JSONata","StartAt":"A","States":{
		"A":{`+each+`"D","States":{"D":{"Type":"Succeed"}}},"Next":"B"},
		"B":{`+each+`"E","States":{"E":{"Type":"Succeed"}}},"Next":"C"},
		"C":{`+each+`"F","States":{"F":{"Type":"Succeed"}}},"End":true}}}`)
	arn := w.begin(t, "three", "one", "{}")
	w.end(t, arn)
	var names []string
	pages := sfn.NewListMapRunsPaginator(w.Client, &sfn.ListMapRunsInput{ExecutionArn: &arn, MaxResults: 2})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range page.MapRuns {
			name, _, _ := strings.Cut(strings.TrimPrefix(aws.ToString(run.MapRunArn), arns+"mapRun:three/"), ":")
			names = append(names, name)
		}
		names = append(names, "|")
	}
	if got := strings.Join(names, " "); got != "A B | C |" {
		t.Errorf("map runs by page: %s", got)
	}
	redriven, err := w.ListExecutions(t.Context(), &sfn.ListExecutionsInput{
		StateMachineArn: aws.String(arns + "stateMachine:three"),
		RedriveFilter:   types.ExecutionRedriveFilterRedriven,
	})
	if err != nil || len(redriven.Executions) != 0 {
		t.Errorf("redriven executions: %+v, %v", redriven, err)
	}
}

func TestSDKAnswersTasks(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name   string
		send   func(token *string) error
		status types.ExecutionStatus
	}{
		{
			"success",
			func(token *string) error {
				if _, err := w.SendTaskHeartbeat(t.Context(), &sfn.SendTaskHeartbeatInput{TaskToken: token}); err != nil {
					return err
				}
				_, err := w.SendTaskSuccess(t.Context(), &sfn.SendTaskSuccessInput{
					TaskToken: token,
					Output:    aws.String(`{"ok":true}`),
				})
				return err
			},
			types.ExecutionStatusSucceeded,
		},
		{
			"failure",
			func(token *string) error {
				_, err := w.SendTaskFailure(t.Context(), &sfn.SendTaskFailureInput{
					TaskToken: token,
					Error:     aws.String("Mine"),
					Cause:     aws.String("why"),
				})
				return err
			},
			types.ExecutionStatusFailed,
		},
	} {
		arn := w.begin(t, "waits", c.name, "{}")
		token := <-w.tokens
		if err := c.send(&token); err != nil {
			t.Fatal(err)
		}
		w.end(t, arn)
		got, err := w.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		if err != nil || got.Status != c.status {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		var over *types.TaskTimedOut
		if err := c.send(&token); !errors.As(err, &over) {
			t.Errorf("%s, answered again: %v", c.name, err)
		}
	}
}

func TestSDKChangesAndStopsWhatRuns(t *testing.T) {
	w := newWorld(t)
	arn := w.begin(t, "holds", "one", "{}")
	w.hold <- struct{}{} // the first child has begun and ends; the second one is running
	runs, err := w.ListMapRuns(t.Context(), &sfn.ListMapRunsInput{ExecutionArn: &arn})
	if err != nil || len(runs.MapRuns) != 1 {
		t.Fatalf("map runs: %+v, %v", runs, err)
	}
	run := runs.MapRuns[0].MapRunArn
	update := &sfn.UpdateMapRunInput{MapRunArn: run, MaxConcurrency: aws.Int32(5)}
	if _, err := w.UpdateMapRun(t.Context(), update); err != nil {
		t.Fatal(err)
	}
	if got, err := w.DescribeMapRun(t.Context(), &sfn.DescribeMapRunInput{MapRunArn: run}); err != nil ||
		got.MaxConcurrency != 5 {
		t.Errorf("map run: %+v, %v", got, err)
	}
	out, err := w.StopExecution(t.Context(), &sfn.StopExecutionInput{
		ExecutionArn: &arn,
		Error:        aws.String("Enough"),
		Cause:        aws.String("seen enough"),
	})
	if err != nil || time.Since(aws.ToTime(out.StopDate)).Abs() > time.Hour {
		t.Fatalf("stop: %+v, %v", out, err)
	}
	got, err := w.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil || got.Status != types.ExecutionStatusAborted || aws.ToString(got.Error) != "Enough" ||
		aws.ToString(got.Cause) != "seen enough" {
		t.Errorf("stopped execution: %+v, %v", got, err)
	}
}

func TestSDKListsStateMachines(t *testing.T) {
	w := newWorld(t)
	list, err := w.ListStateMachines(t.Context(), &sfn.ListStateMachinesInput{})
	if err != nil || len(list.StateMachines) != 3 || aws.ToString(list.StateMachines[1].Name) != "waits" {
		t.Fatalf("machines: %+v, %v", list, err)
	}
	got, err := w.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{
		StateMachineArn: list.StateMachines[1].StateMachineArn,
	})
	if err != nil || aws.ToString(got.Definition) != waits || got.Type != types.StateMachineTypeStandard ||
		!aws.ToTime(got.CreationDate).Equal(time.Unix(1, 0)) {
		t.Errorf("machine: %+v, %v", got, err)
	}
}
