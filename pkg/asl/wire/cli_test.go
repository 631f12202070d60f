package wire_test

import (
	"testing"

	"reprise/pkg/asl/asltest"
)

func TestAWSCLIWorks(t *testing.T) {
	w := newWorld(t)
	arn := w.begin(t, "echoes", "by-cli", "{}")
	w.end(t, arn)
	run := func(answer any, args ...string) {
		if !asltest.CLI(t, w.url, "eu-west-1", answer, args...) {
			t.SkipNow()
		}
	}
	var got struct{ Status, Output string }
	run(&got, "describe-execution", "--execution-arn", arn)
	if got.Status != "SUCCEEDED" || got.Output != "[1,2,3]" {
		t.Errorf("execution: %+v", got)
	}
	var history struct{ Events []struct{ Type string } }
	run(&history, "get-execution-history", "--execution-arn", arn)
	if len(history.Events) != 13 {
		t.Errorf("history: %+v", history)
	}
}
