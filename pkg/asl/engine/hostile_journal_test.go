package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

// TestResumesWhatNobodyAcceptsAnyMore opens journals of earlier engines, which
// limited neither depth nor numbers and accepted definitions that are refused
// now. The execution fails with a named error; another one continues.
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
