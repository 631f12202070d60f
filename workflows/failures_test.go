package workflows_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"reprise/pkg/asl/states"
)

// A lane group that fails fails its child in the map run and no other group, and the
// replay is closed as failed.
func TestAGroupThatFailsStopsNoOther(t *testing.T) {
	for failing := 1; failing <= 2; failing++ {
		by, read, closed := smooth(), 0, ""
		var mu sync.Mutex
		by["ReadSegmentArn"] = func(in map[string]any) string {
			mu.Lock()
			defer mu.Unlock()
			if in["execution"] != "r" || in["replay"] != "r" {
				t.Errorf("a reader got %v", in)
			}
			if in["group"].(float64) < float64(failing) {
				return "!Reprise.Broken"
			}
			read++
			return `{"status":"done"}`
		}
		by["ReportReplayArn"] = func(in map[string]any) string {
			closed += fmt.Sprint(in["replay"], in["execution"], in["error"])
			return `{}`
		}
		r := run(t, `{}`, by)
		if read != 2-failing || closed != "rrReprise.ReadFailed" || r.Status != states.StatusFailed ||
			!strings.Contains(r.Cause, fmt.Sprintf("%d of 2 lane groups", failing)) {
			t.Errorf("%d failed: read %d, closed %q, %s %s", failing, read, closed, r.Status, r.Cause)
		}
	}
}

// An execution that continues a replay works for that replay under its own name. If the
// replay was proved before, nothing is read again.
func TestAContinuationGoesOnWhereItCan(t *testing.T) {
	for proved, states := range map[string]map[string]int{
		"false": {"ReadSegments": 1, "FollowStream": 1, "PromoteGeneration": 1},
		"true":  {"ReadSegments": 0, "FollowStream": 1, "PromoteGeneration": 1},
	} {
		by := smooth()
		by["PlanReplayArn"] = func(map[string]any) string {
			return `{"replay":"failed","proved":` + proved + `,"groups":2,"inputs":[{"group":0,"lanes":"","from":"","to":""},
			{"group":1,"lanes":"","from":"","to":""}],"parallelism":2,"toleratedFailures":2,"rebuild":true,"promote":true,
				"stopped":false,"paused":false,"dryRun":false}`
		}
		by["PromoteGenerationArn"] = func(in map[string]any) string {
			if in["replay"] != "failed" || in["execution"] != "r" {
				t.Errorf("a step got %v", in)
			}
			return `{"status":"promoted"}`
		}
		r := run(t, `{"continue":"failed"}`, by)
		for name, want := range states {
			if got := r.entered(name); got != want {
				t.Errorf("proved %s: %s was entered %d times", proved, name, got)
			}
		}
	}
}

// A continuation that is refused reports the replay that it names, under its own name,
// so that the report can tell that it is not the replay's execution.
func TestARefusedContinuationNamesItsExecution(t *testing.T) {
	by, reported := smooth(), ""
	by["PlanReplayArn"] = func(map[string]any) string { return "!Reprise.Conflict" }
	by["ReportReplayArn"] = func(in map[string]any) string {
		reported = fmt.Sprint(in["replay"], " ", in["execution"], " ", in["error"])
		return `{}`
	}
	r := run(t, `{"continue":"failed"}`, by)
	if reported != "failed r Reprise.Conflict" || r.Error != "Reprise.Conflict" {
		t.Errorf("reported %q, ended with %s", reported, r.Error)
	}
}

// When more groups have failed than are tolerated, the groups that have not begun are not
// read, and the failure has the same name and says how many failed.
func TestMoreFailuresThanToleratedStopTheOthers(t *testing.T) {
	const groups = 6
	for _, c := range []struct{ tolerated, failing, read int }{
		{0, 0, groups}, {0, 1, 0}, {1, 1, groups - 1}, {1, 2, 0}, {2, 4, 0}, {groups, groups, 0},
	} {
		by, read, closed := smooth(), 0, ""
		by["PlanReplayArn"] = func(map[string]any) string {
			var inputs []string
			for group := range groups {
				inputs = append(inputs, fmt.Sprintf(`{"group":%d,"lanes":"","from":"","to":""}`, group))
			}
			return fmt.Sprintf(`{"replay":"r","proved":false,"groups":%d,"inputs":[%s],"parallelism":1,
				"toleratedFailures":%d,"rebuild":false,"promote":false,"stopped":false,"paused":false,"dryRun":false}`,
				groups, strings.Join(inputs, ","), c.tolerated)
		}
		by["ReadSegmentArn"] = func(in map[string]any) string { // one after the other
			if in["group"].(float64) < float64(c.failing) {
				return "!Reprise.Broken"
			}
			read++
			return `{"status":"done"}`
		}
		by["ReportReplayArn"] = func(in map[string]any) string { closed = fmt.Sprint(in["error"]); return `{}` }
		r := run(t, `{}`, by)
		if read != c.read {
			t.Errorf("%+v: %d groups were read", c, read)
		}
		if c.failing == 0 {
			if r.Status != states.StatusSucceeded {
				t.Errorf("%+v: %s %s", c, r.Status, r.Error)
			}
			continue
		}
		failed := fmt.Sprintf("%d of %d lane groups could not be read", min(c.failing, c.tolerated+1), groups)
		if r.Error != "Reprise.ReadFailed" || closed != r.Error || !strings.Contains(r.Cause, failed) {
			t.Errorf("%+v: closed as %s, %s %s", c, closed, r.Error, r.Cause)
		}
	}
}
