package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"reprise/pkg/asl/wire"
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

func TestSDKIsToldThatTheEngineStopped(t *testing.T) {
	w := newWorld(t)
	w.halt()
	<-w.halted
	_, err := w.StartExecution(t.Context(), &sfn.StartExecutionInput{
		StateMachineArn: aws.String(arns + "stateMachine:waits"),
	})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ServiceUnavailable" {
		t.Errorf("start: %v", err)
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
	w.hold <- struct{}{} // the first child has begun and ends, the second one holds
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

func TestErrorsHaveTheServicesNames(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.end(t, w.begin(t, "echoes", "taken", "{}"))
	describe := func(arn string) error {
		_, err := w.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		return err
	}
	begin := func(machine, name, input string) error {
		_, err := w.StartExecution(ctx, &sfn.StartExecutionInput{
			StateMachineArn: aws.String(machine),
			Name:            &name,
			Input:           &input,
		})
		return err
	}
	_, noRun := w.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: aws.String(arns + "mapRun:echoes/Each:none")})
	_, noToken := w.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: aws.String("?")})
	_, both := w.ListExecutions(ctx, &sfn.ListExecutionsInput{})
	_, page := w.ListExecutions(ctx, &sfn.ListExecutionsInput{
		StateMachineArn: aws.String(arns + "stateMachine:echoes"),
		NextToken:       aws.String("?"),
	})
	_, elsewhere := w.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{
		StateMachineArn: aws.String("arn:aws:states:us-east-1:1:stateMachine:echoes"),
	})
	_, unknown := w.ListActivities(ctx, &sfn.ListActivitiesInput{})
	for want, err := range map[string]error{
		"ExecutionAlreadyExists":    begin(arns+"stateMachine:echoes", "taken", "{}"),
		"StateMachineDoesNotExist":  begin(arns+"stateMachine:none", "a", "{}"),
		"InvalidName":               begin(arns+"stateMachine:echoes", "a b", "{}"),
		"InvalidExecutionInput":     begin(arns+"stateMachine:echoes", "a", "{"),
		"InvalidArn":                describe("nonsense"),
		"ExecutionDoesNotExist":     describe(arns + "execution:echoes:none"),
		"ResourceNotFound":          noRun,
		"ValidationException":       both,
		"UnknownOperationException": unknown,
		"InvalidToken":              noToken,
	} {
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != want || api.ErrorMessage() == "" {
			t.Errorf("%v, want %s", err, want)
		}
	}
	var where *types.InvalidArn
	if !errors.As(elsewhere, &where) {
		t.Errorf("a machine of another account: %v", elsewhere)
	}
	var invalid *types.InvalidToken
	if !errors.As(page, &invalid) {
		t.Errorf("a page's token that nobody gave: %v", page)
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

func TestPagesOfElsewhereAndOtherMachinesAreRefused(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*http.Request){
		"another origin": func(r *http.Request) { r.Header.Set("Origin", "https://example.com") },
		"another name":   func(r *http.Request) { r.Host = "example.com" },
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "AWSStepFunctions.ListStateMachines")
		change(r)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	if err := wire.New(wire.Config{}).Serve(t.Context(), everywhere{}); !errors.Is(err, wire.ErrNotLoopback) {
		t.Errorf("serve everywhere: %v", err)
	}
}

// everywhere claims to listen on every interface; nothing is opened.
type everywhere struct{ net.Listener }

func (everywhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero, Port: 1} }
func (everywhere) Close() error   { return nil }

func TestAWSCLIWorks(t *testing.T) {
	cli, err := exec.LookPath("aws")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the AWS CLI is not installed: aws")
	}
	w := newWorld(t)
	arn := w.begin(t, "echoes", "by-cli", "{}")
	w.end(t, arn)
	run := func(args ...string) []byte {
		options := []string{"stepfunctions", "--endpoint-url", w.url, "--region", "eu-west-1", "--output", "json"}
		command := exec.CommandContext(t.Context(), cli, append(options, args...)...)
		command.Env = append(os.Environ(),
			"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
			"AWS_PAGER=", "AWS_CONFIG_FILE="+os.DevNull)
		var errs bytes.Buffer
		command.Stderr = &errs
		out, err := command.Output()
		if err != nil {
			t.Fatalf("aws %v: %v\n%s", args, err, errs.String())
		}
		return out
	}
	var got struct{ Status, Output string }
	if err := json.Unmarshal(run("describe-execution", "--execution-arn", arn), &got); err != nil ||
		got.Status != "SUCCEEDED" || got.Output != "[1,2,3]" {
		t.Errorf("execution: %+v, %v", got, err)
	}
	var history struct{ Events []struct{ Type string } }
	if err := json.Unmarshal(run("get-execution-history", "--execution-arn", arn), &history); err != nil ||
		len(history.Events) != 13 {
		t.Errorf("history: %+v, %v", history, err)
	}
}
