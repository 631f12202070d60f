package wire_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// jsonataState is the definition of one state, try a request to test it.
func jsonataState(fields string) string { return `{"QueryLanguage":"JSONata",` + fields + `}` }

func try(fields, input string) sfn.TestStateInput {
	return sfn.TestStateInput{Definition: aws.String(jsonataState(fields)), Input: &input}
}

func mocked(fields string, mock *types.MockInput) sfn.TestStateInput {
	in := try(fields, "{}")
	in.Mock = mock
	return in
}

// tried is an answer of TestState, as far as INFO shows it.
type tried struct{ status, output, next, fault string }

func triedOf(out *sfn.TestStateOutput) tried {
	return tried{string(out.Status), aws.ToString(out.Output), aws.ToString(out.NextState), aws.ToString(out.Error)}
}

const task = `"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"echo",
	"Payload":"{% $states.input %}"},"Next":"B"`

// TestEachKindOfStateIsTried with the SDK's client.
func TestEachKindOfStateIsTried(t *testing.T) {
	w := newWorld(t)
	const choice = `"Type":"Choice","Choices":[{"Condition":"{% $states.input.n > 1 %}","Next":"Many",
		"Output":"{% $states.input.n %}"}]`
	const payload = task + `,"Output":"{% $states.result.Payload %}"`
	const retried = task + `,"Retry":[{"ErrorEquals":["Other"]},
			{"ErrorEquals":["Bad"],"IntervalSeconds":3,"MaxAttempts":2}],
		"Catch":[{"ErrorEquals":["Else"],"Next":"C"},
			{"ErrorEquals":["Bad"],"Next":"D","Output":"{% $states.errorOutput.Cause %}"}]`
	machine := `{"QueryLanguage":"JSONata","StartAt":"A","States":{
		"A":{"Type":"Map","Items":[1],"Next":"B","ItemProcessor":{"StartAt":"Inner","States":{
			"Inner":{"Type":"Pass","Output":"{% $v %}","End":true}}}},
		"B":{"Type":"Succeed"}}}`
	bad := &types.MockInput{ErrorOutput: &types.MockErrorOutput{Error: aws.String("Bad"), Cause: aws.String("told to")}}
	withVariables := try(`"Type":"Pass","Output":"{% $states.input.a + $v %}","Next":"B"`, `{"a":1}`)
	withVariables.Variables = aws.String(`{"v":2}`)
	retriedTwice := mocked(retried, bad)
	retriedTwice.StateConfiguration = &types.TestStateConfiguration{RetrierRetryCount: aws.Int32(2)}
	for _, c := range []struct {
		name string
		in   sfn.TestStateInput
		want tried
	}{
		{"Pass", withVariables, tried{"SUCCEEDED", "3", "B", ""}},
		{"Pass without a value", try(`"Type":"Pass","Output":"{% $none %}","End":true`, "{}"),
			tried{"FAILED", "", "", "States.QueryEvaluationError"}},
		{"Choice", try(choice, `{"n":2}`), tried{"SUCCEEDED", "2", "Many", ""}},
		{"Choice without a match", try(choice, `{"n":1}`), tried{"FAILED", "", "", "States.NoChoiceMatched"}},
		{"Wait", try(`"Type":"Wait","Timestamp":"2020-01-01T00:00:00Z","Next":"B"`, "1"), tried{"SUCCEEDED", "1", "B", ""}},
		{"Succeed", sfn.TestStateInput{Definition: aws.String(jsonataState(`"Type":"Succeed"`))},
			tried{"SUCCEEDED", "{}", "", ""}},
		{"Fail", try(`"Type":"Fail","Error":"Own"`, "{}"), tried{"FAILED", "", "", "Own"}},
		{"Task", try(payload, `[1]`), tried{"SUCCEEDED", "[1]", "B", ""}},
		{"Task with a mock", mocked(payload, &types.MockInput{Result: aws.String(`{"Payload":7}`)}),
			tried{"SUCCEEDED", "7", "B", ""}},
		{"failure to retry", mocked(retried, bad), tried{"RETRIABLE", "", "", "Bad"}},
		{"failure to catch", retriedTwice, tried{"CAUGHT_ERROR", `"told to"`, "D", "Bad"}},
		{"failure", mocked(task, bad), tried{"FAILED", "", "", "Bad"}},
		{"state of a machine", sfn.TestStateInput{Definition: &machine, StateName: aws.String("B"), RevealSecrets: true,
			RoleArn: aws.String("arn:aws:iam::123456789012:role/any")}, tried{"SUCCEEDED", "{}", "", ""}},
		{"state inside a Map", sfn.TestStateInput{Definition: &machine, StateName: aws.String("Inner"),
			Variables: aws.String(`{"v":[]}`)}, tried{"SUCCEEDED", "[]", "", ""}},
		{"Map with a mock", sfn.TestStateInput{Definition: &machine, StateName: aws.String("A"),
			Mock: &types.MockInput{Result: aws.String(`[3]`)}}, tried{"SUCCEEDED", "[3]", "B", ""}},
	} {
		out, err := w.TestState(t.Context(), &c.in)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := triedOf(out); got != c.want || out.InspectionData != nil {
			t.Errorf("%s: %+v, cause %q; want %+v", c.name, got, aws.ToString(out.Cause), c.want)
		}
	}
	list, err := w.ListStateMachines(t.Context(), &sfn.ListStateMachinesInput{})
	if err != nil || len(list.StateMachines) != 3 {
		t.Errorf("a trial left machines: %+v, %v", list, err)
	}
}

// TestInspectionShowsHowAStateCameToItsResult, in the shape of the SDK's model.
func TestInspectionShowsHowAStateCameToItsResult(t *testing.T) {
	w := newWorld(t)
	const request = `{"definition":%q,"input":"{\"a\":1}","variables":"{\"v\":1}","inspectionLevel":%q%s}`
	const mock = `,"mock":{"errorOutput":{"error":"Bad"}}`
	for _, c := range []struct{ fields, level, more, want string }{
		{task + `,"Assign":{"w":"{% $states.result.Payload.a %}"}`, "DEBUG", "",
			`{"afterArguments":"{\"FunctionName\":\"echo\",\"Payload\":{\"a\":1}}","input":"{\"a\":1}",
			"result":"{\"ExecutedVersion\":\"$LATEST\",\"Payload\":{\"a\":1},\"StatusCode\":200}",
			"variables":"{\"v\":1,\"w\":1}"}`},
		{task + `,"Retry":[{"ErrorEquals":["Bad"],"IntervalSeconds":3}]`, "TRACE", mock,
			`{"afterArguments":"{\"FunctionName\":\"echo\",\"Payload\":{\"a\":1}}","input":"{\"a\":1}",
			"errorDetails":{"retryBackoffIntervalSeconds":3,"retryIndex":0},"variables":"{\"v\":1}"}`},
		{task + `,"Catch":[{"ErrorEquals":["Bad"],"Next":"C"}]`, "TRACE", mock,
			`{"afterArguments":"{\"FunctionName\":\"echo\",\"Payload\":{\"a\":1}}","input":"{\"a\":1}",
			"errorDetails":{"catchIndex":0},"variables":"{\"v\":1}"}`},
		{`"Type":"Pass","End":true`, "DEBUG", "", `{"input":"{\"a\":1}","variables":"{\"v\":1}"}`},
		{`"Type":"Pass","End":true`, "INFO", "", `null`},
	} {
		answer, fault := w.post(t, "TestState", fmt.Sprintf(request, jsonataState(c.fields), c.level, c.more))
		if fault != "" {
			t.Errorf("%s: %s %v", c.fields, fault, answer)
			continue
		}
		conforms(t, "TestState", answer, reflect.TypeFor[sfn.TestStateOutput]())
		var want any
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if got := answer["inspectionData"]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", c.fields, got, want)
		}
	}
}

// TestTrialsThatCannotBeginAreRefusedByName, hostile ones included.
func TestTrialsThatCannotBeginAreRefusedByName(t *testing.T) {
	w := newWorld(t)
	pass := jsonataState(`"Type":"Pass","End":true`)
	token := jsonataState(`"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
		"Arguments":{"FunctionName":"f"},"End":true`)
	parallel := jsonataState(`"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}],"End":true`)
	queue := jsonataState(`"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","End":true`)
	const invalid, unfit = "ValidationException", "InvalidDefinition"
	const input = "InvalidExecutionInput"
	deep := strings.Repeat("[", 100_000)
	for _, c := range []struct{ definition, more, fault, reason string }{
		{"", "", invalid, "definition"},
		{"{", "", unfit, "JSON"},
		{"[]", "", unfit, "object"},
		{"{}", "", unfit, "Type"},
		{`{"Type":"Pass","End":true}`, "", unfit, "QueryLanguage"},
		{jsonataState(`"Type":"Pass","Next":"B","Next":"C"`), "", unfit, "twice"},
		{queue, "", unfit, "sqs:sendMessage"},
		{jsonataState(`"Type":"Pass","Output":"{% $states.input.a#$i %}","End":true`), "", unfit, "operator #"},
		{jsonataState(`"Type":"Pass","Output":` + deep), "", unfit, ""},
		{pass, `,"stateName":"A"`, unfit, "StartAt"},
		{waits, `,"stateName":"A"`, invalid, `no state "A"`},
		{pass, `,"inspectionLevel":"ALL"`, invalid, "inspectionLevel"},
		{pass, `,"input":""`, input, ""},
		{pass, `,"input":"1e400"`, input, "1e400"},
		{pass, `,"input":"` + deep + `"`, input, ""},
		{pass, `,"input":"\"` + strings.Repeat("x", 262_144) + `\""`, input, ""},
		{pass, `,"variables":"[]"`, invalid, "variables"},
		{pass, `,"variables":"null"`, invalid, "variables"},
		{pass, `,"variables":"{\"a b\":1}"`, invalid, "a b"},
		{pass, `,"variables":"{\"a\":` + deep + `}"`, invalid, "variables"},
		{pass, `,"context":"{}"`, invalid, "context"},
		{pass, `,"mock":{"result":"1"}`, invalid, "mock"},
		{token, "", invalid, "mock"},
		{token, `,"mock":{}`, invalid, "either result or errorOutput"},
		{token, `,"mock":{"result":"1","errorOutput":{"error":"E"}}`, invalid, "either"},
		{token, `,"mock":{"errorOutput":{}}`, invalid, "error is required"},
		{token, `,"mock":{"result":"1e400"}`, invalid, "mock.result"},
		{token, `,"mock":{"result":"1","fieldValidationMode":"SOME"}`, invalid, "fieldValidationMode"},
		{token, `,"mock":{"result":"1"},"stateConfiguration":{"retrierRetryCount":-1}`, invalid, "retrierRetryCount"},
		{token, `,"mock":{"result":"1"},"stateConfiguration":{"mapIterationFailureCount":1}`, invalid, "retrierRetryCount"},
		{parallel, "", invalid, "mock"},
	} {
		definition, err := json.Marshal(c.definition)
		if err != nil {
			t.Fatal(err)
		}
		answer, fault := w.post(t, "TestState", `{"definition":`+string(definition)+c.more+`}`)
		if message := fmt.Sprint(answer["message"]); fault != c.fault || !strings.Contains(message, c.reason) {
			t.Errorf("%.100s%.100s: %s %.300s, want %s about %q", c.definition, c.more, fault, message, c.fault, c.reason)
		}
	}
	expensive := jsonataState(`"Type":"Pass","Output":"{% [0..20000].([0..20000]) %}","End":true`)
	out, err := w.TestState(t.Context(), &sfn.TestStateInput{Definition: &expensive})
	if err != nil || triedOf(out) != (tried{"FAILED", "", "", "States.QueryEvaluationError"}) {
		t.Errorf("an expensive expression: %+v, %v", out, err)
	}
	echoes := &sfn.StartExecutionInput{StateMachineArn: aws.String(arns + "stateMachine:echoes")}
	if _, err := w.StartExecution(t.Context(), echoes); err != nil {
		t.Errorf("after the trials nothing starts: %v", err)
	}
}

// TestATrialEndsWithTheEngine, whatever its function does.
func TestATrialEndsWithTheEngine(t *testing.T) {
	w := newWorld(t)
	hold := jsonataState(strings.Replace(task, "echo", "hold", 1))
	failed := make(chan error, 1)
	go func() {
		_, err := w.TestState(t.Context(), &sfn.TestStateInput{Definition: &hold})
		failed <- err
	}()
	w.hold <- struct{}{} // the function is running
	if err := <-failed; err != nil {
		t.Errorf("a function that ends: %v", err)
	}
	w.halt()
	<-w.halted
	_, err := w.TestState(t.Context(), &sfn.TestStateInput{Definition: &hold})
	if err == nil || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("without an engine: %v", err)
	}
}
