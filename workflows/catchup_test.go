package workflows_test

import (
	"fmt"
	"testing"

	"reprise/pkg/asl/states"
)

// A rebuild moves its cut after each drain that finds it outdated, and once more when the
// proof took too long: each time what came since is read, drained and proved before the
// generation follows. A hundred passes stay far from the service's limit of 25,000 history
// events.
func TestTheCutIsMovedAsOftenAsItIsOutdated(t *testing.T) {
	const passes = 100
	by := smooth()
	moves, drains, follows := 0, 0, 0
	by["PlanReplayArn"] = func(in map[string]any) string {
		if in["catchUp"] == true {
			moves++
			if in["replay"] != "r" || in["execution"] != "r" || in["input"] != nil {
				t.Errorf("a move got %v", in)
			}
		}
		return fmt.Sprintf(`{"replay":"r","proved":false,"groups":%d,"inputs":[{"group":0,"lanes":"","from":"","to":""}],
			"parallelism":2,"toleratedFailures":2,"rebuild":true,"promote":true,"stopped":false,"paused":false,
			"dryRun":false}`, 1-moves/(passes+1)) // nothing has come since the last one
	}
	by["CheckDrainedArn"] = func(in map[string]any) string {
		if drains++; in["catchUp"] != true {
			t.Errorf("a drain got %v", in)
		}
		if drains <= passes {
			return `{"status":"behind"}`
		}
		return `{"status":"drained"}`
	}
	by["FollowStreamArn"] = func(in map[string]any) string {
		if follows++; in["catchUp"] != true {
			t.Errorf("follow got %v", in)
		}
		if follows == 1 {
			return `{"replay":"r","status":"behind"}`
		}
		return `{"replay":"r","status":"following"}`
	}
	r := run(t, `{}`, by)
	if r.Status != states.StatusSucceeded || len(r.history) > 3_000 {
		t.Errorf("%s %s %s with %d events", r.Status, r.Error, r.Cause, len(r.history))
	}
	for name, want := range map[string]int{"MoveCut": passes + 1, "ReadSegments": passes + 1, "ProveCompleteness": 2,
		"FollowStream": 2, "PromoteGeneration": 1, "PauseBeforeDrain": 0} {
		if n := r.entered(name); n != want {
			t.Errorf("%s was entered %d times, want %d", name, n, want)
		}
	}
}

// A move that finds the replay paused waits before it reads, and one of a cancelled replay
// ends the execution.
func TestAMoveHeedsWhatPeopleWant(t *testing.T) {
	for member, states := range map[string]map[string]int{
		"paused":  {"AwaitResume": 1, "ReadSegments": 1, "ReplayFailed": 1}, // nobody resumes it here
		"stopped": {"AwaitResume": 0, "ReadSegments": 1, "ReplayStopped": 1},
	} {
		by := smooth()
		plan, drains := by["PlanReplayArn"], 0
		by["PlanReplayArn"] = func(in map[string]any) string {
			if in["catchUp"] != true {
				return plan(in)
			}
			return `{"replay":"r","proved":false,"groups":1,"inputs":[{"group":0,"lanes":"","from":"","to":""}],
				"parallelism":2,"toleratedFailures":2,"rebuild":true,"promote":true,"stopped":` + fmt.Sprint(member == "stopped") +
				`,"paused":` + fmt.Sprint(member == "paused") + `,"dryRun":false}`
		}
		by["CheckDrainedArn"] = func(map[string]any) string {
			if drains++; drains == 1 {
				return `{"status":"behind"}`
			}
			return `{"status":"drained"}`
		}
		by["AwaitResumeArn"] = func(map[string]any) string { return "!Reprise.InvalidInput" }
		r := run(t, `{}`, by)
		for name, want := range states {
			if n := r.entered(name); n != want {
				t.Errorf("%s: %s was entered %d times, want %d: %s %s", member, name, n, want, r.Error, r.Cause)
			}
		}
	}
}
