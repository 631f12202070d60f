package wire_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

// conforms checks a decoded answer against a type of the SDK: every member is
// in the model with the right type, and absent members are left out, not null
// or empty.
func conforms(t *testing.T, where string, v any, model reflect.Type) {
	t.Helper()
	for model.Kind() == reflect.Pointer {
		model = model.Elem()
	}
	fits := false
	switch v := v.(type) {
	case string:
		fits = model.Kind() == reflect.String && v != ""
		if values, isEnum := model.MethodByName("Values"); isEnum && fits {
			all := values.Func.Call([]reflect.Value{reflect.Zero(model)})[0]
			fits = slices.Contains(strings.Fields(strings.Trim(fmt.Sprint(all), "[]")), v)
		}
	case bool:
		fits = model.Kind() == reflect.Bool
	case float64:
		whole := model.Kind() == reflect.Int32 || model.Kind() == reflect.Int64
		isTime := model == reflect.TypeFor[time.Time]()
		fits = isTime || model.Kind() == reflect.Float32 || model.Kind() == reflect.Float64 || (whole && v == math.Trunc(v))
	case []any:
		if fits = model.Kind() == reflect.Slice; fits {
			for i, item := range v {
				conforms(t, fmt.Sprintf("%s[%d]", where, i), item, model.Elem())
			}
		}
	case map[string]any:
		fits = model.Kind() == reflect.Map || (model.Kind() == reflect.Struct && model != reflect.TypeFor[time.Time]())
		for name, member := range v {
			var inner reflect.Type
			if model.Kind() == reflect.Map {
				inner = model.Elem()
			} else if field, found := model.FieldByName(strings.ToUpper(name[:1]) + name[1:]); found {
				inner = field.Type
			} else {
				t.Errorf("%s.%s is not in the model", where, name)
				continue
			}
			conforms(t, where+"."+name, member, inner)
		}
	}
	if !fits {
		t.Errorf("%s is %#v, the model has %v", where, v, model)
	}
}

// post sends a request as the SDK would and returns the raw answer.
func (w *world) post(t *testing.T, operation, request string) (map[string]any, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url, strings.NewReader(request))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AWSStepFunctions."+operation)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer, resp.Header.Get("X-Amzn-Errortype")
}

// various has every kind of event for which the API shows data.
const various = `{
	"QueryLanguage":"JSONata",
	"StartAt":"Call",
	"States":{
		"Call":{
			"Type":"Task",
			"Resource":"arn:aws:states:::lambda:invoke",
			"Arguments":{"FunctionName":"echo","Payload":"{% $states.input %}"},
			"Assign":{"v":1},
			"TimeoutSeconds":9,
			"Next":"Each"
		},
		"Each":{
			"Type":"Map",
			"Items":[1,2],
			"ItemProcessor":{"StartAt":"One","States":{"One":{"Type":"Succeed"}}},
			"Next":"None"
		},
		"None":{
			"Type":"Map",
			"Items":[],
			"ItemProcessor":{"StartAt":"Two","States":{"Two":{"Type":"Succeed"}}},
			"Next":"Many"
		},
		"Many":{
			"Type":"Map",
			"Items":[1],
			"ToleratedFailureCount":1,
			"ItemProcessor":{
				"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
				"StartAt":"Bad",
				"States":{"Bad":{"Type":"Fail","Error":"Bad","Cause":"told to"}}
			},
			"Next":"Nothing"
		},
		"Nothing":{"Type":"Pass","Output":"{% $states.input.none %}","End":true}
	}
}`

func TestAnswersConformToTheModel(t *testing.T) {
	w := newWorld(t, "various", various)
	arn := w.begin(t, "various", "a.b+c=d", `{"n":1}`)
	w.end(t, arn)
	w.begin(t, "waits", "waiting", `{}`)
	<-w.tokens
	runs, _ := w.post(t, "ListMapRuns", `{"executionArn":"`+arn+`"}`)
	run := runs["mapRuns"].([]any)[0].(map[string]any)["mapRunArn"].(string)
	children, _ := w.post(t, "ListExecutions", `{"mapRunArn":"`+run+`"}`)
	child := children["executions"].([]any)[0].(map[string]any)["executionArn"].(string)
	of := func(member, value string) string { return fmt.Sprintf(`{%q:%q}`, member, value) }
	for _, c := range []struct {
		operation, request string
		model              any
	}{
		{"StartExecution", of("stateMachineArn", arns+"stateMachine:waits"), sfn.StartExecutionOutput{}},
		{"DescribeExecution", of("executionArn", arn), sfn.DescribeExecutionOutput{}},
		{"DescribeExecution", of("executionArn", child), sfn.DescribeExecutionOutput{}},
		{"DescribeExecution", of("executionArn", arns+"execution:waits:waiting"), sfn.DescribeExecutionOutput{}},
		{
			"ListExecutions",
			`{"maxResults":1,"stateMachineArn":"` + arns + `stateMachine:various"}`,
			sfn.ListExecutionsOutput{},
		},
		{"ListExecutions", of("mapRunArn", run), sfn.ListExecutionsOutput{}},
		{"ListMapRuns", of("executionArn", arn), sfn.ListMapRunsOutput{}},
		{"ListMapRuns", of("executionArn", child), sfn.ListMapRunsOutput{}},
		{"DescribeMapRun", of("mapRunArn", run), sfn.DescribeMapRunOutput{}},
		{"UpdateMapRun", of("mapRunArn", run), nil},
		{"GetExecutionHistory", of("executionArn", arn), sfn.GetExecutionHistoryOutput{}},
		{
			"GetExecutionHistory",
			`{"includeExecutionData":false,"executionArn":"` + arn + `"}`,
			sfn.GetExecutionHistoryOutput{},
		},
		{"GetExecutionHistory", of("executionArn", child), sfn.GetExecutionHistoryOutput{}},
		{"GetExecutionHistory", `{"maxResults":2,"executionArn":"` + arn + `"}`, sfn.GetExecutionHistoryOutput{}},
		{"ListStateMachines", `{"maxResults":1}`, sfn.ListStateMachinesOutput{}},
		{"DescribeStateMachine", of("stateMachineArn", arns+"stateMachine:waits"), sfn.DescribeStateMachineOutput{}},
		{"DescribeStateMachineForExecution", of("executionArn", arn), sfn.DescribeStateMachineForExecutionOutput{}},
		{"DescribeStateMachineForExecution", of("executionArn", child), sfn.DescribeStateMachineForExecutionOutput{}},
		{"ValidateStateMachineDefinition", of("definition", `{"StartAt":"A"}`), sfn.ValidateStateMachineDefinitionOutput{}},
		{"ValidateStateMachineDefinition", of("definition", various), sfn.ValidateStateMachineDefinitionOutput{}},
		{"StopExecution", of("executionArn", arns+"execution:waits:waiting"), sfn.StopExecutionOutput{}},
	} {
		answer, fault := w.post(t, c.operation, c.request)
		if c.model == nil {
			continue
		}
		if fault != "" {
			t.Errorf("%s %s: %s %v", c.operation, c.request, fault, answer)
			continue
		}
		conforms(t, c.operation, answer, reflect.TypeOf(c.model))
	}
}

func TestArgumentsOfListsAreHonoured(t *testing.T) {
	w := newWorld(t, "other", waits)
	for _, name := range []string{"a", "b"} {
		w.end(t, w.begin(t, "echoes", name, `{}`))
	}
	machine := func(name, more string) string {
		return `{"stateMachineArn":"` + arns + `stateMachine:` + name + `"` + more + `}`
	}
	execution := func(name, more string) string {
		return `{"executionArn":"` + arns + `execution:echoes:` + name + `"` + more + `}`
	}
	token := func(operation, request string) string {
		answer, fault := w.post(t, operation, request)
		if answer["nextToken"] == nil {
			t.Fatalf("%s %s gives no token: %s %v", operation, request, fault, answer)
		}
		return `,"maxResults":1,"nextToken":"` + answer["nextToken"].(string) + `"`
	}
	executions := token("ListExecutions", machine("echoes", `,"maxResults":1`))
	events := token("GetExecutionHistory", execution("a", `,"maxResults":1`))
	machines := token("ListStateMachines", `{"maxResults":1}`)
	for _, c := range []struct{ operation, request, want string }{
		{"ListExecutions", machine("echoes", executions), ""},
		{"ListExecutions", machine("other", executions), "InvalidToken"},
		{"ListExecutions", machine("echoes", executions+`,"statusFilter":"FAILED"`), "InvalidToken"},
		{"ListExecutions", machine("echoes", events), "InvalidToken"},
		{"ListExecutions", machine("echoes", `,"nextToken":"WyIiXQ"`), "InvalidToken"},
		{"ListExecutions", machine("echoes", `,"statusFilter":"DONE"`), "ValidationException"},
		{"ListExecutions", machine("echoes", `,"statusFilter":"PENDING_REDRIVE"`), "ValidationException"},
		{"ListExecutions", machine("echoes", `,"redriveFilter":"ALL"`), "ValidationException"},
		{"ListExecutions", machine("echoes", `,"maxResults":-1`), "ValidationException"},
		{"ListExecutions", machine("echoes", `,"maxResults":1001`), "ValidationException"},
		{"ListExecutions", machine("echoes", `,"maxResults":1000`), ""},
		{"ListExecutions", machine("echoes", `,"mapRunArn":"x"`), "ValidationException"},
		{"ListExecutions", machine("none", ""), "StateMachineDoesNotExist"},
		{"ListExecutions", `{"mapRunArn":"` + arns + `mapRun:echoes/Each:none"}`, "ResourceNotFound"},
		{"ListExecutions", `{"mapRunArn":"` + arns + `execution:echoes:a"}`, "InvalidArn"},
		{"GetExecutionHistory", execution("a", events), ""},
		{"GetExecutionHistory", execution("b", events), "InvalidToken"},
		{"GetExecutionHistory", execution("a", events+`,"reverseOrder":true`), "InvalidToken"},
		{"GetExecutionHistory", execution("a", `,"maxResults":1001`), "ValidationException"},
		{"GetExecutionHistory", `{}`, "ValidationException"},
		{"ListMapRuns", execution("a", executions), "InvalidToken"},
		{"ListMapRuns", execution("a", `,"maxResults":-1`), "ValidationException"},
		{"ListMapRuns", execution("none", ""), "ExecutionDoesNotExist"},
		{"ListMapRuns", `{}`, "ValidationException"},
		{"ListStateMachines", "{" + machines[1:] + "}", ""},
		{"ListStateMachines", "{" + events[1:] + "}", "InvalidToken"},
		{"ListStateMachines", `{"maxResults":1001}`, "ValidationException"},
		{"StartExecution", `{"input":"{}"}`, "ValidationException"},
		{"StartExecution", machine("echoes", `,"input":""`), "InvalidExecutionInput"},
		{"StartExecution", machine("echoes", `,"input":"1e400"`), "InvalidExecutionInput"},
		{"DescribeExecution", `{"executionArn":null}`, "ValidationException"},
		{"StopExecution", `{}`, "ValidationException"},
		{"DescribeStateMachineForExecution", `{}`, "ValidationException"},
		{"ValidateStateMachineDefinition", `{}`, "ValidationException"},
		{"ValidateStateMachineDefinition", `{"definition":"{}","maxResults":101}`, "ValidationException"},
		{"DescribeStateMachineForExecution", execution("none", ""), "ExecutionDoesNotExist"},
		{"DescribeMapRun", `{}`, "ValidationException"},
		{"UpdateMapRun", `{}`, "ValidationException"},
		{"DescribeStateMachine", `{"stateMachineArn":""}`, "ValidationException"},
		{"SendTaskSuccess", `{"taskToken":"x"}`, "ValidationException"},
		{"SendTaskSuccess", `{"taskToken":"x","output":""}`, "InvalidOutput"},
		{"SendTaskSuccess", `{"taskToken":"x","output":"1e999"}`, "InvalidOutput"},
		{"SendTaskFailure", `{}`, "ValidationException"},
		{"SendTaskHeartbeat", `{}`, "ValidationException"},
		{"DescribeExecution", ``, "ValidationException"},
		{"DescribeExecution", strings.Repeat("[", 1<<19), "SerializationException"},
		{"DescribeExecution", `null`, "ValidationException"},
	} {
		if answer, fault := w.post(t, c.operation, c.request); fault != c.want {
			t.Errorf("%s %.200s: %s %v, want %s", c.operation, c.request, fault, answer, c.want)
		}
	}
}
