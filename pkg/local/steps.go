package local

import (
	"fmt"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/emulate"
	"reprise/pkg/replay"
	"reprise/pkg/steps"
	"reprise/workflows"
)

// replayMachine loads the state machine file, the same bytes as on AWS.
func replayMachine(f *functions) (*asl.Machine, error) {
	substitutions := make(map[string]string)
	for _, step := range replaySteps {
		substitutions[step.placeholder] = functionARN(step.name)
		if _, found := f.byARN[functionARN(step.name)]; !found {
			return nil, fmt.Errorf("load replay state machine: no function %s", step.name)
		}
	}
	machine, err := asl.Parse([]byte(workflows.Replay()), substitutions)
	if err != nil {
		return nil, fmt.Errorf("load replay state machine: %w", err)
	}
	return machine, nil
}

// replaySteps are the functions of the replay state machine.
var replaySteps = [...]struct{ placeholder, name string }{
	{"PlanReplayArn", "plan-replay"},
	{"ReadSegmentArn", "read-segment"},
	{"CheckDrainedArn", "check-drained"},
	{"ProveCompletenessArn", "prove-completeness"},
	{"FollowStreamArn", "follow-stream"},
	{"PromoteGenerationArn", "promote-generation"},
	{"ReportReplayArn", "report-replay"},
}

// functions wires the handlers of the steps.
func (p *Platform) functions() *functions {
	promoter := &replay.Promoter{Store: p.store, Heads: p.heads, Registry: p.registry, Generations: p.generations,
		Lanes: p.lanes, Retention: p.options.Retention, Lease: 10 * time.Second, Poll: 20 * time.Millisecond, Pause: emulate.Pause}
	planner := &replay.Planner{Store: p.store, Heads: p.heads, Lanes: p.lanes, Width: p.options.Bucket,
		Buckets: p.finder().Find}
	reader := &replay.Reader{Store: p.store, Log: p.log, Heads: p.heads, Width: p.options.Bucket, Lanes: p.lanes,
		Codec: p.codec, Playback: p.streams.Open(playbackStream), Retention: p.options.Retention,
		PageBytes: p.options.PageBytes, RecordBytes: p.options.RecordBytes}
	drainer := &replay.Drainer{Store: p.store, Registry: p.registry, Generations: p.generations,
		Patience: 5 * time.Second, Limit: playbackRetention / 2, Poll: 25 * time.Millisecond, Pause: emulate.Pause}
	prover := &replay.Prover{Store: p.store, Registry: p.registry, Generations: p.generations,
		Log: eventlog.View{Log: p.log, Heads: p.heads}, Lanes: p.lanes.Count()}
	viewer := &replay.Viewer{Store: p.store, Registry: p.registry, Generations: p.generations}
	plan := &steps.PlanReplay{Store: p.store, Planner: planner, Promoter: promoter, Version: p.applier.Version()}
	read := &steps.ReadSegment{Reader: reader, Now: time.Now, Limit: stepLimit}
	drain := &steps.CheckDrained{Drainer: drainer, Now: time.Now, Limit: stepLimit}
	prove := &steps.ProveCompleteness{Prover: prover}
	follow := &steps.FollowStream{Promoter: promoter}
	promote := &steps.PromoteGeneration{Promoter: promoter, Now: time.Now, Limit: stepLimit}
	report := &steps.ReportReplay{Closer: p.closer, Viewer: viewer}
	return &functions{log: p.options.Log, after: p.wake, byARN: map[string]invokable{
		functionARN("plan-replay"):        typed(plan.Handle),
		functionARN("read-segment"):       typed(read.Handle),
		functionARN("check-drained"):      typed(drain.Handle),
		functionARN("prove-completeness"): typed(prove.Handle),
		functionARN("follow-stream"):      typed(follow.Handle),
		functionARN("promote-generation"): typed(promote.Handle),
		functionARN("report-replay"):      typed(report.Handle),
	}}
}

// wake makes the keeper of consumers look at the roll of generations.
func (p *Platform) wake() {
	select {
	case p.nudge <- struct{}{}:
	default:
	}
}
