package wiring

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"

	"reprise/pkg/meter"
	"reprise/pkg/steps"
)

// accountedLine is the part of the line that queries of the logs use.
type accountedLine struct {
	Msg, Level, Function, Request, Outcome string
	Took                                   *int64
	WriteUnits, ReadUnits, PutUnits        *float64
	Parts                                  map[string]map[string]float64
}

func linesOf(t *testing.T, logged *bytes.Buffer, message string) []accountedLine {
	t.Helper()
	var found []accountedLine
	for text := range strings.Lines(logged.String()) {
		var line accountedLine
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if line.Msg == message {
			found = append(found, line)
		}
	}
	return found
}

// reportedAs is the name that Lambda reports: that of the outermost type.
func reportedAs(err error) string {
	fault, named := err.(messages.InvokeResponse_Error) //nolint:errorlint // as the runtime does
	if !named {
		return fmt.Sprintf("%T", err)
	}
	return fault.Type
}

// An invocation that fails or panics logs its usage too.
func TestEveryInvocationEndsWithWhatItUsed(t *testing.T) {
	w := newWorld(t)
	w.Parts.Meter = new(meter.Meter)
	fault := messages.InvokeResponse_Error{Type: steps.FaultThrottled, Message: "slowly"}
	h := Accounted(w.Platform(), lambda.NewHandler(func(_ context.Context, n int) (string, error) {
		w.Parts.Meter.Part("log").Add(meter.ReadUnits, float64(n)+0.5)
		w.Parts.Meter.Part("control").Add(meter.WriteUnits, 2)
		switch n {
		case 1:
			return "", fault
		case 2:
			panic("no")
		}
		return "the payload", nil
	}))
	if answer, err := h.Invoke(invoked(t, functionARN), []byte("0")); string(answer) != `"the payload"` || err != nil {
		t.Errorf("%s, %v", answer, err)
	}
	if _, err := h.Invoke(invoked(t, functionARN), []byte("1")); reportedAs(err) != fault.Type {
		t.Errorf("the error is %#v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is not passed on")
			}
		}()
		_, _ = h.Invoke(invoked(t, functionARN), []byte("2"))
	}()
	_, _ = h.Invoke(invoked(t, functionARN), []byte("no JSON"))
	lines := linesOf(t, w.Logged, "invocation ended")
	if len(lines) != 4 {
		t.Fatalf("%d lines: %s", len(lines), w.Logged)
	}
	for i, want := range []string{"fine 2 0.5 0", "error 2 1.5 0", "panic 2 2.5 0", "error 0 0 0"} {
		l := lines[i]
		if l.Took == nil || l.WriteUnits == nil || l.ReadUnits == nil || l.PutUnits == nil || l.Function != "test" ||
			l.Request != "request-1" {
			t.Fatalf("line %d: %+v", i, l)
		}
		if got := fmt.Sprint(l.Outcome, " ", *l.WriteUnits, " ", *l.ReadUnits, " ", *l.PutUnits); got != want {
			t.Errorf("line %d: %s, want %s", i, got, want)
		}
		if i < 3 && (l.Parts["log"]["readUnits"] != float64(i)+0.5 || l.Parts["control"]["writeUnits"] != 2) {
			t.Errorf("line %d: parts %v", i, l.Parts)
		}
	}
	if strings.Contains(w.Logged.String(), "payload") {
		t.Error("a payload was logged")
	}
}

// Without a meter the line is logged all the same.
func TestNothingIsCountedWithoutAMeter(t *testing.T) {
	w := newWorld(t)
	h := Accounted(w.Platform(), lambda.NewHandler(func() error { return nil }))
	if _, err := h.Invoke(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if lines := linesOf(t, w.Logged, "invocation ended"); len(lines) != 1 || *lines[0].ReadUnits != 0 {
		t.Errorf("logged %s", w.Logged)
	}
}
