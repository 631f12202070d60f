package local

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/asl/states"
	"reprise/pkg/steps"
)

// The end of another machine's execution is not reported as the end of the replay of
// that name.
func TestAnEndIsReportedWithItsMachine(t *testing.T) {
	var got steps.EndedExecution
	report := onEnd(func(_ context.Context, e events.CloudWatchEvent) error { return json.Unmarshal(e.Detail, &got) })
	for _, machine := range []string{machineARN, machineARN + "-too"} {
		err := report(t.Context(), states.Execution{StateMachineArn: machine, Name: "r", Status: states.StatusAborted})
		if err != nil || got.Machine != machine || got.Name != "r" || got.Status != "ABORTED" {
			t.Errorf("%s: %+v, %v", machine, got, err)
		}
	}
}
