package client

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"reprise/integration/deployed"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// TestABudgetStopsADeployment sets budgets that the plan alone, and then the readers, use
// up, as the functions meter it. The command line and the control state machine raise
// them, and everything arrives.
func TestABudgetStopsADeployment(t *testing.T) {
	t.Parallel()
	w := deployed.New(t)
	s := with(t, w)
	s.as("produce", "operate", "audit")
	fine := func(args, want string) {
		t.Helper()
		if code, out, errs := s.run(strings.Fields(args)...); code != 0 || !strings.Contains(out, want) {
			t.Fatalf("reprise %s: exit %d\n%s%s", args, code, out, errs)
		}
	}
	fine("send - --wait", `"applied":true`)
	stopped := func(id string, units int64) lifecycle.View {
		t.Helper()
		v := localtest.Until(w, "/replays/"+id, func(v lifecycle.View) bool {
			return v.Status == replay.ShownPaused && v.PausedBy != nil && v.PausedBy.Budget.ReadUnits == units
		})
		if !v.Budget.Charged || !v.Budget.UsedUp || v.PausedBy.Spent.ReadUnits < units || v.Cost == nil {
			t.Errorf("paused with %+v, %+v, cost %+v", v.Budget, v.PausedBy, v.Cost)
		}
		return v
	}
	fine("replay start --name poor --rebuild --promote --rate 1 --budget 1ru", "replay poor is")
	v := stopped("poor", 1)
	// One reader looks at the budget before it reads; another one may have begun by then.
	if v.Progress.Read > 5 {
		t.Errorf("%d events were read although the plan used the budget up", v.Progress.Read)
	}
	if code, _, errs := s.run("replay", "resume", "poor"); code != 1 || !strings.Contains(errs, "is used up") {
		t.Errorf("resumed over its budget: exit %d\n%s", code, errs)
	}
	more := v.Budget.Spent.ReadUnits + 20
	fine(fmt.Sprintf("replay set-budget poor %dru --resume", more), "replay poor is RUNNING; its budget: ")
	stopped("poor", more)
	for _, input := range []string{
		`{"replay":"poor","action":"set-budget","budget":null}`, `{"replay":"poor","action":"resume"}`,
	} {
		_, err := w.StepFunctions().StartExecution(t.Context(),
			&sfn.StartExecutionInput{StateMachineArn: w.ControlARN(), Input: aws.String(input)})
		if err != nil {
			t.Fatal(err)
		}
		localtest.Until(w, "/replays/poor", func(v lifecycle.View) bool { return v.Budget == nil })
	}
	localtest.Until(w, "/replays/poor", func(v lifecycle.View) bool { return v.Status == replay.Running })
	fine("replay set-rate poor 0", "no limit")
	end := localtest.Until(w, "/replays/poor", func(v lifecycle.View) bool { return v.Status.Ended() })
	if end.Status != replay.Succeeded || !end.Promoted || end.Progress.Applied != 20 {
		t.Errorf("%s, %+v, %+v", end.Status, end.Failure, end.Progress)
	}
}
