package wire_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"
)

func TestSDKReportsThatTheEngineStopped(t *testing.T) {
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
		t.Errorf("a page token that was never issued: %v", page)
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
}
