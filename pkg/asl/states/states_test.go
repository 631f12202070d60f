package states_test

import (
	"encoding/json"
	"strings"
	"testing"

	"reprise/pkg/asl/states"
)

func TestARNs(t *testing.T) {
	here, elsewhere := states.NewARNs("", ""), states.NewARNs("eu-west-1", "123456789012")
	if arn := here.Execution("m:x"); arn != "arn:aws:states:us-east-1:000000000000:execution:m:x" {
		t.Errorf("execution %s", arn)
	}
	if arn := elsewhere.MapRun("m/l:r"); arn != "arn:aws:states:eu-west-1:123456789012:mapRun:m/l:r" {
		t.Errorf("map run %s", arn)
	}
	for _, c := range []struct {
		arn  string
		take func(string) (string, bool)
		want string
		ok   bool
	}{
		{here.Execution("m:x"), here.ExecutionID, "m:x", true},
		{here.MapRun("m/l:r"), here.MapRunID, "m/l:r", true},
		{here.Machine("m"), here.MachineName, "m", true},
		{here.Execution("m:x"), elsewhere.ExecutionID, "", false},
		{here.Execution("m:x"), here.MapRunID, "", false},
		{"nonsense", here.MachineName, "", false},
	} {
		if id, ok := c.take(c.arn); ok != c.ok || (ok && id != c.want) {
			t.Errorf("%s gives %q, %t", c.arn, id, ok)
		}
	}
}

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "A-b_9": true, strings.Repeat("n", 80): true,
		"a.b": true, "a+b=c": true, "(a)'!'": true, "é": true, strings.Repeat("é", 80): true,
		"": false, "a b": false, "a\u00a0b": false, strings.Repeat("n", 81): false, "\xff": false, "a\x00b": false,
		"a\u0085b": false, "\U0010ffff": false, "\uffff": false,
	} {
		if states.ValidName(name) != want {
			t.Errorf("%q is valid: %t", name, !want)
		}
	}
	for _, c := range "<>{}[]?*\"#%\\^|~`$&,;:/" {
		if states.ValidName("a" + string(c)) {
			t.Errorf("%q is valid in a name", c)
		}
	}
}

// History cuts errors and payloads to the service's limits and splits no
// character.
func TestCut(t *testing.T) {
	long := strings.Repeat("é", states.MaxCauseBytes)
	failure := states.Failure{Error: "x" + long, Cause: long}
	if d := failure.Details(); len(d.Error) != states.MaxErrorBytes-1 || len(d.Cause) != states.MaxCauseBytes ||
		strings.ToValidUTF8(d.Error, "") != d.Error {
		t.Errorf("error of %d bytes, cause of %d", len(d.Error), len(d.Cause))
	}
	exact := json.RawMessage(strings.Repeat("1", states.MaxPayloadBytes))
	if text, details := states.Data(exact); text != string(exact) || details.Truncated {
		t.Error("a payload of the largest size is cut")
	}
	if text, details := states.Data(append(exact, '1')); text != string(exact) || !details.Truncated {
		t.Errorf("a payload above it keeps %d bytes", len(text))
	}
}

func TestCounts(t *testing.T) {
	c := states.Counts{Total: 10}
	for status, n := range map[states.Status]int{
		states.StatusRunning:   1,
		states.StatusSucceeded: 2,
		states.StatusFailed:    1,
		states.StatusTimedOut:  1,
		states.StatusAborted:   1,
	} {
		c.Add(status, n)
	}
	c.Complete()
	want := states.Counts{
		Total:          10,
		Running:        1,
		Succeeded:      2,
		Failed:         1,
		TimedOut:       1,
		Aborted:        1,
		Pending:        4,
		ResultsWritten: 2,
	}
	if c != want || c.Ended() != 5 {
		t.Errorf("counts %+v, %d ended", c, c.Ended())
	}
}
