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

// replaySteps are the functions of the replay state machine by placeholder.
var replaySteps = [...]struct{ placeholder, name string }{
	{"PlanReplayArn", "plan-replay"},
	{"ReadSegmentArn", "read-segment"},
	{"CheckDrainedArn", "check-drained"},
	{"ProveCompletenessArn", "prove-completeness"},
	{"FollowStreamArn", "follow-stream"},
	{"PromoteGenerationArn", "promote-generation"},
	{"ReportReplayArn", "report-replay"},
}

// functions are the functions of the replay state machine.
func (p *Platform) functions() *functions {
	return &functions{log: p.options.Log, noRoom: p.pauseEngine, byARN: map[string]invokable{
		functionARN("plan-replay"):        typed(p.core.Plan()),
		functionARN("read-segment"):       typed(p.core.Read()),
		functionARN("check-drained"):      typed(p.core.Drain()),
		functionARN("prove-completeness"): typed(p.core.Prove()),
		functionARN("follow-stream"):      typed(p.core.Follow()),
		functionARN("promote-generation"): typed(p.core.Promote()),
		functionARN("report-replay"):      typed(p.core.Report()),
	}}
}
