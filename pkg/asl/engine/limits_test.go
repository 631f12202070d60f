package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/states"
)

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

// hostile are values that would stop the engine, or be changed silently, if
// they entered an execution.
var hostile = []struct{ name, raw, want string }{
	{"number", `{"order":"A7","weight":1e400}`, "the number 1e400 is out of range"},
	{"answer", `1e999`, "the number 1e999 is out of range"},
	{"deep", nested(1001), "nested more than 1000 levels deep"},
	{"deeper than a record", `{"n":` + nested(9_999) + `}`, "nested more than 1000 levels deep"},
	{"deeper than JSON", nested(10_001), "nested more than 1000 levels deep"},
	{"objects", strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000), "nested more than 1000 levels deep"},
}

// waits hands its token to the function take. Its Output reads the answer.
var waits = asltest.Machine("T", `"T":{
	"Type":"Task",
	"Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
	"Arguments":{"FunctionName":"take","Payload":"{% $states.context.Task.Token %}"},
	"Output":{"answer":"{% $states.result %}"},
	"End":true
}`)

func TestStartRefusesWhatNoStateCouldUse(t *testing.T) {
	asltest.InWorld(t, slowMachine, func(w *asltest.World) {
		for _, c := range hostile {
			_, err := w.Engine.Start(t.Context(), "m", "one", []byte(c.raw))
			if !errors.Is(err, states.ErrInvalidInput) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s", c.name, err, c.want)
			}
		}
		if _, err := w.Engine.Start(t.Context(), "m", "one", []byte(nested(1000))); err != nil {
			t.Errorf("input of exactly the limit: %v", err)
		}
	})
}

func TestAnswersAreBounded(t *testing.T) {
	asltest.InWorld(t, waits, func(w *asltest.World) {
		token := make(chan string, 1)
		w.Invoker.ByName["take"] = func(_ context.Context, payload string) (string, error) {
			token <- strings.Trim(payload, `"`)
			return "null", nil
		}
		arn := w.Start("one", `{}`)
		secret := <-token
		synctest.Wait()
		for _, c := range hostile {
			err := w.Engine.SendTaskSuccess(secret, []byte(c.raw))
			if !errors.Is(err, states.ErrInvalidOutput) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s", c.name, err, c.want)
			}
		}
		if err := w.Engine.SendTaskSuccess(secret, []byte(`{"weight":1.7e308}`)); err != nil {
			t.Fatal(err)
		}
		if ended := w.Wait(arn); string(ended.Output) != `{"answer":{"weight":1.7e+308}}` {
			t.Errorf("ended %+v", ended)
		}
	})
}

// TestResultsAreBounded checks that an oversized result fails its state, which
// may catch the error, and affects no other execution.
func TestResultsAreBounded(t *testing.T) {
	caught := asltest.Machine("T", asltest.Task("T", "hostile",
		`,
				"Catch":[{"ErrorEquals":["Lambda.Unknown"],"Next":"S"}],
				"End":true
			},
			"S":{"Type":"Succeed","Output":"{% $states.input.Cause %}"`))
	asltest.InWorld(t, caught, func(w *asltest.World) {
		result := ""
		w.Invoker.ByName["hostile"] = func(context.Context, string) (string, error) { return result, nil }
		for _, c := range append(hostile, struct{ name, raw, want string }{
			"unclosed", strings.Repeat("[", 6<<20), "nested more than 1000 levels deep"}) {
			result = c.raw
			if ended := w.Run(`{}`); !strings.Contains(string(ended.Output), c.want) {
				t.Errorf("%s: %+v, want %s", c.name, ended, c.want)
			}
		}
		result = nested(1000) // one level more in the task's result
		if ended := w.Run(`{}`); ended.Error != states.ErrorDataLimit || !strings.Contains(ended.Cause, "1000 levels") {
			t.Errorf("result of exactly the limit: %+v", ended)
		}
		result = nested(999)
		if ended := w.Run(`{}`); string(ended.Output) != result {
			t.Errorf("result below the limit: %+v", ended)
		}
	})
}

// TestValuesThatGrowAreBounded nests a value deeper with each state or wrapper.
func TestValuesThatGrowAreBounded(t *testing.T) {
	const wrap = `"Output":["{% [$states.input] %}"],`
	inner := `
		"ItemProcessor":{
			"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
			"StartAt":"A",
			"States":{"A":{"Type":"Succeed"}}
		},
		"End":true`
	for _, c := range []struct{ name, states, error string }{
		{
			"loop",
			`"S":{"Type":"Pass",` + wrap + `"Next":"T"},"T":{"Type":"Pass",` + wrap + `"Next":"S"}`,
			states.ErrorQueryEvaluation,
		},
		{"assign", `"S":{"Type":"Pass","Assign":{"v":{"a":"{% $states.input %}"}},"End":true}`, states.ErrorQueryEvaluation},
		{
			"arguments",
			`"S":{
				"Type":"Task",
				"Resource":"arn:aws:states:::lambda:invoke",
				"Arguments":{"FunctionName":"echo","Payload":"{% $states.input %}"},
				"End":true
			}`,
			states.ErrorQueryEvaluation,
		},
		{
			"parallel",
			`"S":{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}],"End":true}`,
			states.ErrorDataLimit,
		},
		{
			"batch",
			`"S":{"Type":"Map","Label":"L","Items":"{% $states.input %}","ItemBatcher":{"MaxItemsPerBatch":1},` + inner,
			states.ErrorDataLimit,
		},
		{
			"selector",
			`"S":{"Type":"Map","Label":"L","Items":[1],"ItemSelector":{"i":"{% $states.input %}"},` + inner,
			states.ErrorQueryEvaluation,
		},
	} {
		definition := asltest.Machine("S", c.states)
		if !strings.HasSuffix(c.states, "}") {
			definition = asltest.Machine("S", c.states+"}")
		}
		asltest.InWorld(t, definition, func(w *asltest.World) {
			ended := w.Run(nested(1000))
			if ended.Error != c.error || !strings.Contains(ended.Cause, "nested more than 1000 levels deep") {
				t.Errorf("%s: %s, %s", c.name, ended.Error, ended.Cause)
			}
		})
	}
}

// TestMapsAreBounded multiplies a large input by the number of items.
func TestMapsAreBounded(t *testing.T) {
	const each = `"S":{"Type":"Map","Items":"{% [1..1500] %}","ItemSelector":"{% $states.input %}",`
	for _, c := range []struct{ name, states, cause string }{
		{"inputs of children", each + `"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
			"StartAt":"A","States":{"A":{"Type":"Succeed"}}},"End":true}`, "more than 268435456 bytes"},
		{"outputs of branches", `"S":{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Succeed"}}},
			{"StartAt":"B","States":{"B":{"Type":"Succeed"}}}],"End":true}`, `result of state "S" has 400004 bytes`},
	} {
		asltest.InWorld(t, asltest.Machine("S", c.states), func(w *asltest.World) {
			ended := w.Run(`"` + strings.Repeat("x", 200_000) + `"`)
			if ended.Error != states.ErrorDataLimit || !strings.Contains(ended.Cause, c.cause) {
				t.Errorf("%s: %s, %s", c.name, ended.Error, ended.Cause)
			}
		})
	}
}
