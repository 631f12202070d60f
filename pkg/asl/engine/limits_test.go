package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

// hostile are values that would end the engine, or change silently, if they
// entered an execution.
var hostile = []struct{ name, raw, want string }{
	{"number", `{"order":"A7","weight":1e400}`, "the number 1e400 is out of range"},
	{"answer", `1e999`, "the number 1e999 is out of range"},
	{"deep", nested(1001), "nested more than 1000 levels deep"},
	{"deeper than a record", `{"n":` + nested(9_999) + `}`, "nested more than 1000 levels deep"},
	{"deeper than JSON", nested(10_001), "nested more than 1000 levels deep"},
	{"objects", strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000), "nested more than 1000 levels deep"},
}

// waits hands its token to the function take and has an Output that reads the
// answer.
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

// TestResultsAreBounded: a function's result fails its state, which may catch
// that, and harms no other execution.
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

// TestResumesWhatNobodyAcceptsAnyMore opens journals of earlier engines, which
// bounded neither depth nor numbers, and whose definitions are refused now. The
// execution fails by name; its neighbour goes on.
func TestResumesWhatNobodyAcceptsAnyMore(t *testing.T) {
	const id = "m:one"
	for _, c := range []struct {
		name, key, error, cause string
		value                   func(was []byte) string // of the key, or
		answer                  string                  // to the task token
	}{
		{
			"answer out of range",
			journal.AnswerKey(id, ""),
			states.ErrorDataLimit,
			"the number 1e999 is out of range",
			nil, "1e999",
		},
		{"answer too deep", journal.AnswerKey(id, ""), states.ErrorDataLimit, "nested more than", nil, nested(9_998)},
		{
			"answer that is no record",
			journal.AnswerKey(id, ""),
			states.ErrorRuntime, "journal record",
			func([]byte) string { return "{" },
			"",
		},
		{
			"input out of range",
			journal.ExecutionKey(id),
			states.ErrorRuntime,
			"the number 1e400 is out of range",
			put("input", "1e400"),
			"",
		},
		{"input too deep", journal.ExecutionKey(id), states.ErrorRuntime, "nested more than", put("input", nested(1001)), ""},
		{"input deeper than JSON", journal.ExecutionKey(id), states.ErrorRuntime, "nested more than",
			put("input", `{"n\"[":`+nested(9_999)+`}`), ""},
		{
			"state input deeper than JSON",
			journal.FrameKey(id, ""),
			states.ErrorRuntime, "nested more than",
			put("input", nested(10_000)),
			"",
		},
		{
			"variable out of range",
			journal.FrameKey(id, ""),
			states.ErrorRuntime, "the number 1e400",
			put("vars", `{"v":1e400}`),
			"",
		},
		{"definition", "definition\x00", states.ErrorRuntime, "the operator # is not supported", func(was []byte) string {
			return strings.Replace(string(was), `$states.result`, `$states.result#$i`, 1)
		}, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &asltest.World{T: t, Journal: &asltest.Memory{}, Invoker: asltest.StandardFunctions()}
			machines := map[string]*asl.Machine{"m": asltest.Parse(t, waits), "n": asltest.Parse(t, slowMachine)}
			w.Invoker.ByName["take"] = func(context.Context, string) (string, error) { return "null", nil }
			w.Open(machines)
			arn := w.Start("one", `{}`)
			neighbour, err := w.Engine.Start(t.Context(), "n", "two", []byte(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			w.Close()
			key, value := c.key, c.value
			if c.name == "definition" {
				key = journal.DefinitionKey(machines["m"].Hash())
				machines["m"] = machines["n"]
			}
			if value == nil {
				value = answerOf(t, w.Journal, id, c.answer)
			}
			was, _, err := w.Journal.Get(key)
			if err == nil {
				err = w.Journal.Write([]journal.Op{{Key: key, Value: []byte(value(was))}})
			}
			if err != nil {
				t.Fatal(err)
			}
			w.Open(machines)
			defer w.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			ended, err := w.Engine.Wait(ctx, arn)
			if err != nil || ended.Status != states.StatusFailed || ended.Error != c.error ||
				!strings.Contains(ended.Cause, c.cause) {
				t.Errorf("%s: %s %s %.200s, %v", c.name, ended.Status, ended.Error, ended.Cause, err)
			}
			w.History(arn)
			if ended, err := w.Engine.Wait(ctx, neighbour.ExecutionArn); err != nil || ended.Status != states.StatusSucceeded {
				t.Errorf("%s: the neighbour %v, %v", c.name, ended.Status, err)
			}
			if left := w.Leftovers(); len(left) > 0 {
				t.Errorf("%s: left %q", c.name, left)
			}
		})
	}
}

// put replaces a member of a record with text that encoding/json may refuse.
func put(name, value string) func([]byte) string {
	return func(was []byte) string {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(was, &members); err != nil {
			return err.Error()
		}
		members[name] = json.RawMessage(`"here"`)
		raw, err := json.Marshal(members)
		if err != nil {
			return err.Error()
		}
		return string(bytes.Replace(raw, []byte(`"here"`), []byte(value), 1))
	}
}

// answerOf makes the record of an answer to the token that the execution waits
// for.
func answerOf(t *testing.T, j journal.Journal, id, output string) func([]byte) string {
	t.Helper()
	frame, found, err := journal.Load[journal.Frame](j, journal.FrameKey(id, ""))
	if err != nil || !found {
		t.Fatal("no frame", err)
	}
	return func([]byte) string { return `{"token":"` + frame.Token + `","output":` + output + `}` }
}
