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

// jsonataState is the definition of one state.
func jsonataState(fields string) string { return `{"QueryLanguage":"JSONata",` + fields + `}` }

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
	const choice = `"Type":"Choice","Choices":[{"Condition":"{% $states.input.n > 1 %}","Next":"Many","Output":"{% $states.input.n %}"}]`
	retried := task + `,"Retry":[{"ErrorEquals":["Other"]},{"ErrorEquals":["Bad"],"IntervalSeconds":3,"MaxAttempts":2}],
		"Catch":[{"ErrorEquals":["Else"],"Next":"C"},{"ErrorEquals":["Bad"],"Next":"D","Output":"{% $states.errorOutput.Cause %}"}]`
	bad := &types.MockInput{ErrorOutput: &types.MockErrorOutput{Error: aws.String("Bad"), Cause: aws.String("told to")}}
	machine := `{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Map","Items":[1],
		"ItemProcessor":{"StartAt":"Inner","States":{"Inner":{"Type":"Pass","Output":"{% $v %}","End":true}}},"Next":"B"},"B":{"Type":"Succeed"}}}`
	for _, c := range []struct {
		name string
		in   sfn.TestStateInput
		want tried
	}{
		{"Pass", sfn.TestStateInput{Definition: aws.String(jsonataState(`"Type":"Pass","Output":"{% $states.input.a + $v %}","Next":"B"`)),
			Input: aws.String(`{"a":1}`), Variables: aws.String(`{"v":2}`)}, tried{"SUCCEEDED", "3", "B", ""}},
		{"Pass without a value", sfn.TestStateInput{Definition: aws.String(jsonataState(`"Type":"Pass","Output":"{% $none %}","End":true`))},
			tried{"FAILED", "", "", "States.QueryEvaluationError"}},
		{"Choice", sfn.TestStateInput{Definition: aws.String(jsonataState(choice)), Input: aws.String(`{"n":2}`)},
			tried{"SUCCEEDED", "2", "Many", ""}},
		{"Choice without a match", sfn.TestStateInput{Definition: aws.String(jsonataState(choice)), Input: aws.String(`{"n":1}`)},
			tried{"FAILED", "", "", "States.NoChoiceMatched"}},
		{"Wait", sfn.TestStateInput{Definition: aws.String(jsonataState(`"Type":"Wait","Timestamp":"2020-01-01T00:00:00Z","Next":"B"`)),
			Input: aws.String("1")}, tried{"SUCCEEDED", "1", "B", ""}},
		{"Succeed", sfn.TestStateInput{Definition: aws.String(jsonataState(`"Type":"Succeed"`))}, tried{"SUCCEEDED", "{}", "", ""}},
		{"Fail", sfn.TestStateInput{Definition: aws.String(jsonataState(`"Type":"Fail","Error":"Own"`))}, tried{"FAILED", "", "", "Own"}},
		{"Task", sfn.TestStateInput{Definition: aws.String(jsonataState(task + `,"Output":"{% $states.result.Payload %}"`)),
			Input: aws.String(`[1]`)}, tried{"SUCCEEDED", "[1]", "B", ""}},
		{"Task with a mock", sfn.TestStateInput{Definition: aws.String(jsonataState(task + `,"Output":"{% $states.result.Payload %}"`)),
			Mock: &types.MockInput{Result: aws.String(`{"Payload":7}`)}}, tried{"SUCCEEDED", "7", "B", ""}},
		{"failure to retry", sfn.TestStateInput{Definition: aws.String(jsonataState(retried)), Mock: bad},
			tried{"RETRIABLE", "", "", "Bad"}},
		{"failure to catch", sfn.TestStateInput{Definition: aws.String(jsonataState(retried)), Mock: bad,
			StateConfiguration: &types.TestStateConfiguration{RetrierRetryCount: aws.Int32(2)}}, tried{"CAUGHT_ERROR", `"told to"`, "D", "Bad"}},
		{"failure", sfn.TestStateInput{Definition: aws.String(jsonataState(task)), Mock: bad}, tried{"FAILED", "", "", "Bad"}},
		{"state of a machine", sfn.TestStateInput{Definition: &machine, StateName: aws.String("B"), RevealSecrets: true,
			RoleArn: aws.String("arn:aws:iam::123456789012:role/any")}, tried{"SUCCEEDED", "{}", "", ""}},
		{"state inside a Map", sfn.TestStateInput{Definition: &machine, StateName: aws.String("Inner"), Variables: aws.String(`{"v":[]}`)},
			tried{"SUCCEEDED", "[]", "", ""}},
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
	if list, err := w.ListStateMachines(t.Context(), &sfn.ListStateMachinesInput{}); err != nil || len(list.StateMachines) != 3 {
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
			"result":"{\"ExecutedVersion\":\"$LATEST\",\"Payload\":{\"a\":1},\"StatusCode\":200}","variables":"{\"v\":1,\"w\":1}"}`},
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
	token := jsonataState(`"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Arguments":{"FunctionName":"f"},"End":true`)
	deep := strings.Repeat("[", 100_000)
	for _, c := range []struct{ definition, more, fault, reason string }{
		{"", "", "ValidationException", "definition"},
		{"{", "", "InvalidDefinition", "JSON"},
		{"[]", "", "InvalidDefinition", "object"},
		{"{}", "", "InvalidDefinition", "Type"},
		{`{"Type":"Pass","End":true}`, "", "InvalidDefinition", "QueryLanguage"},
		{jsonataState(`"Type":"Pass","Next":"B","Next":"C"`), "", "InvalidDefinition", "twice"},
		{jsonataState(`"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","End":true`), "", "InvalidDefinition", "sqs:sendMessage"},
		{jsonataState(`"Type":"Pass","Output":"{% $states.input.a#$i %}","End":true`), "", "InvalidDefinition", "operator #"},
		{jsonataState(`"Type":"Pass","Output":` + deep), "", "InvalidDefinition", ""},
		{pass, `,"stateName":"A"`, "InvalidDefinition", "StartAt"},
		{waits, `,"stateName":"A"`, "ValidationException", `no state "A"`},
		{pass, `,"inspectionLevel":"ALL"`, "ValidationException", "inspectionLevel"},
		{pass, `,"input":""`, "InvalidExecutionInput", ""},
		{pass, `,"input":"1e400"`, "InvalidExecutionInput", "1e400"},
		{pass, `,"input":"` + deep + `"`, "InvalidExecutionInput", ""},
		{pass, `,"input":"\"` + strings.Repeat("x", 262_144) + `\""`, "InvalidExecutionInput", ""},
		{pass, `,"variables":"[]"`, "ValidationException", "variables"},
		{pass, `,"variables":"null"`, "ValidationException", "variables"},
		{pass, `,"variables":"{\"a b\":1}"`, "ValidationException", "a b"},
		{pass, `,"variables":"{\"a\":` + deep + `}"`, "ValidationException", "variables"},
		{pass, `,"context":"{}"`, "ValidationException", "context"},
		{pass, `,"mock":{"result":"1"}`, "ValidationException", "mock"},
		{token, "", "ValidationException", "mock"},
		{token, `,"mock":{}`, "ValidationException", "either result or errorOutput"},
		{token, `,"mock":{"result":"1","errorOutput":{"error":"E"}}`, "ValidationException", "either"},
		{token, `,"mock":{"errorOutput":{}}`, "ValidationException", "error is required"},
		{token, `,"mock":{"result":"1e400"}`, "ValidationException", "mock.result"},
		{token, `,"mock":{"result":"1","fieldValidationMode":"SOME"}`, "ValidationException", "fieldValidationMode"},
		{token, `,"mock":{"result":"1"},"stateConfiguration":{"retrierRetryCount":-1}`, "ValidationException", "retrierRetryCount"},
		{token, `,"mock":{"result":"1"},"stateConfiguration":{"mapIterationFailureCount":1}`, "ValidationException", "retrierRetryCount"},
		{jsonataState(`"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}],"End":true`), "", "ValidationException", "mock"},
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
	if _, err := w.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: aws.String(arns + "stateMachine:echoes")}); err != nil {
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
	if _, err := w.TestState(t.Context(), &sfn.TestStateInput{Definition: &hold}); err == nil || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("without an engine: %v", err)
	}
}
