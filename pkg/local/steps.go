package local

import (
	"fmt"

	"reprise/pkg/asl"
	"reprise/workflows"
)

// replayMachine parses the replay state machine file, the same bytes as on AWS.
func replayMachine(f *functions) (*asl.Machine, error) {
	for _, step := range replaySteps {
		if _, found := f.byARN[functionARN(step.name)]; !found {
			return nil, fmt.Errorf("load replay state machine: no function %s", step.name)
		}
	}
	machine, err := asl.Parse([]byte(workflows.Replay()), substitutions())
	if err != nil {
		return nil, fmt.Errorf("load replay state machine: %w", err)
	}
	return machine, nil
}

// substitutions are the values of the placeholders in state machine files.
func substitutions() map[string]string {
	values := make(map[string]string)
	for _, step := range replaySteps {
		values[step.placeholder] = functionARN(step.name)
	}
	return values
}

// otherMachine parses another state machine file of the platform.
func otherMachine(name, definition string) (*asl.Machine, error) {
	machine, err := asl.Parse([]byte(definition), substitutions())
	if err != nil {
		return nil, fmt.Errorf("load state machine %s: %w", name, err)
	}
	return machine, nil
}

// replaySteps are the functions of the platform's state machines by placeholder.
var replaySteps = [...]struct{ placeholder, name string }{
	{"PlanReplayArn", "plan-replay"},
	{"ReadSegmentArn", "read-segment"},
	{"CheckDrainedArn", "check-drained"},
	{"ProveCompletenessArn", "prove-completeness"},
	{"FollowStreamArn", "follow-stream"},
	{"PromoteGenerationArn", "promote-generation"},
	{"AwaitResumeArn", "await-resume"},
	{"ReportReplayArn", "report-replay"},
	{"ControlReplayArn", "control-replay"},
	{"PlanVerificationArn", "plan-verification"},
	{"VerifyLanesArn", "verify-lanes"},
	{"ReportVerificationArn", "report-verification"},
}

// functions are the functions of the platform's state machines.
func (p *Platform) functions() *functions {
	return &functions{log: p.options.Log, noRoom: p.pauseEngine, byARN: map[string]invokable{
		functionARN("plan-replay"):        typed(p.core.Plan()),
		functionARN("read-segment"):       typed(p.core.Read()),
		functionARN("check-drained"):      typed(p.core.Drain()),
		functionARN("prove-completeness"): typed(p.core.Prove()),
		functionARN("follow-stream"):      typed(p.core.Follow()),
		functionARN("promote-generation"): typed(p.core.Promote()),
		functionARN("await-resume"):       typed(p.core.AwaitResume()),
		functionARN("report-replay"):      typed(p.core.Report()),
		functionARN("control-replay"):     typed(p.core.Control()),

		functionARN("plan-verification"):   typed(p.core.PlanVerification()),
		functionARN("verify-lanes"):        typed(p.core.VerifyLanes()),
		functionARN("report-verification"): typed(p.core.ReportVerification()),
	}}
}
