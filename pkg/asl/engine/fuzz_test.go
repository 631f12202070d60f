package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/interpreter"
	"reprise/pkg/asl/jsonata"
	"reprise/pkg/asl/states"
)

// passing hands the input to a function, the function's result through a Map,
// and the answer to a task token through a Parallel.
var passing = asltest.Machine("Call", asltest.Task("Call", "hostile",
	`,"Assign":{"input":"{% $states.input %}"},"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Each"}],"Next":"Each"`)+`,
		"Each":{
			"Type":"Map",
			"Items":["{% $states.input %}"],
			"ItemProcessor":{
				"StartAt":"A",
				"States":{"A":{"Type":"Pass","Output":{"was":"{% $states.input %}"},"End":true}}
			},
			"Next":"Ask"
		},
		"Ask":{
			"Type":"Task",
			"Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
			"TimeoutSeconds":60,
			"Arguments":{"FunctionName":"take","Payload":"{% $states.context.Task.Token %}"},
			"Output":[1,"{% $states.result %}","{% $input %}"],
			"Next":"Both"
		},
		"Both":{
			"Type":"Parallel",
			"Branches":[
				{
					"StartAt":"B",
					"States":{"B":{"Type":"Pass","Output":"{% $string($states.input) %}","End":true}}
				},
				{"StartAt":"C","States":{"C":{"Type":"Succeed"}}}
			],
			"End":true
		}`)

// FuzzData looks for an input, a function's result or an answer to a task token
// that ends the engine, or after which the execution does not end. The engine
// stops and resumes in between.
func FuzzData(f *testing.F) {
	for _, c := range hostile {
		raw := []byte(c.raw)
		f.Add(raw, []byte("1"), []byte("1"))
		f.Add([]byte("1"), raw, []byte("1"))
		f.Add([]byte("1"), []byte("1"), raw)
	}
	for _, raw := range []string{
		nested(999),
		nested(1000),
		`"\ud800"`, "\"\xff\"", `{"a":1,"a":2}`, ` [1.5e3 , null]`, `{"__proto__":-0}`, ``,
	} {
		f.Add([]byte(raw), []byte(raw), []byte(raw))
	}
	m, err := asl.Parse([]byte(passing), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, input, result, answer []byte) {
		synctest.Test(t, func(t *testing.T) { pass(t, m, input, result, answer) })
	})
}

func pass(t *testing.T, m *asl.Machine, input, result, answer []byte) {
	token := make(chan string, 1)
	w := &asltest.World{T: t, Journal: &asltest.Memory{}, Invoker: &asltest.Functions{
		ByName: map[string]func(context.Context, string) (string, error){
			"hostile": func(context.Context, string) (string, error) { return string(result), nil },
			"take": func(_ context.Context, payload string) (string, error) {
				token <- strings.Trim(payload, `"`)
				return "", nil
			},
		}}}
	machines := map[string]*asl.Machine{"m": m}
	w.Open(machines)
	defer func() { w.Close() }()
	started, err := w.Engine.Start(t.Context(), "m", "one", input)
	if err != nil {
		if !errors.Is(err, states.ErrInvalidInput) || jsonata.Check(input) == nil && len(input) <= states.MaxPayloadBytes {
			t.Errorf("start: %v", err)
		}
		return
	}
	synctest.Wait()
	w.Close()
	w.Open(machines)
	select {
	case secret := <-token:
		err := w.Engine.SendTaskSuccess(secret, answer)
		if err != nil &&
			(!errors.Is(err, states.ErrInvalidOutput) || jsonata.Check(answer) == nil && len(answer) <= states.MaxPayloadBytes) {
			t.Errorf("answer: %v", err)
		}
	default:
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	ended, err := w.Engine.Wait(ctx, started.ExecutionArn)
	if err != nil || ended.Status == states.StatusRunning {
		t.Fatalf("ended %+v, %v", ended, err)
	}
	if ended.Output != nil && jsonata.Check(ended.Output) != nil {
		t.Errorf("output %q", ended.Output)
	}
	w.History(started.ExecutionArn)
}

// FuzzTrial looks for a state, an input, variables or a mocked result that ends the
// engine when the state is tried, or with which the trial does not end.
func FuzzTrial(f *testing.F) {
	for _, fields := range []string{slow, `"Type":"Succeed"`, `"Type":"Fail","Error":"{% $states.input %}"`,
		`"Type":"Pass","Output":"{% [$states.input, $v] %}","Assign":{"w":"{% $v %}"},"End":true`,
		`"Type":"Wait","Seconds":"{% $states.input %}","Next":"B"`,
		`"Type":"Choice","Choices":[{"Condition":"{% $states.input.a > $v %}","Next":"B"}],"Default":"C"`,
		`"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"echo","Payload":"{% $v %}"},
			"Retry":[{"ErrorEquals":["A"]}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}],"End":true`,
		`"Type":"Map","Items":[1],"ItemProcessor":{"StartAt":"A","States":{"A":{"Type":"Succeed"}}},"End":true`} {
		for _, c := range hostile {
			f.Add([]byte(`{"QueryLanguage":"JSONata",`+fields+`}`), []byte(c.raw), []byte("1"), []byte("1"))
			f.Add([]byte(`{"QueryLanguage":"JSONata",`+fields+`}`), []byte("1"), []byte(`{"a":2}`), []byte(c.raw))
		}
	}
	f.Fuzz(func(t *testing.T, definition, input, variable, mock []byte) {
		s, err := asl.ParseState("T", definition)
		if err != nil || jsonata.Check(variable) != nil || jsonata.Check(mock) != nil {
			return // the API refuses these earlier
		}
		synctest.Test(t, func(t *testing.T) {
			w := &asltest.World{T: t, Journal: &asltest.Memory{}, Invoker: asltest.StandardFunctions()}
			w.Open(nil)
			defer w.Close()
			for _, mocked := range []bool{false, true} {
				tried, err := w.Engine.Try(t.Context(), interpreter.Trial{State: s, Input: input, Mocked: mocked, Mock: mock,
					Vars: map[string]json.RawMessage{"v": variable}})
				if err != nil && !errors.Is(err, states.ErrInvalidInput) && !errors.Is(err, states.ErrValidation) {
					t.Errorf("try: %v", err)
				}
				if tried.Output != nil && jsonata.Check(tried.Output) != nil {
					t.Errorf("output %q", tried.Output)
				}
			}
		})
	})
}
