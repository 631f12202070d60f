package workflows_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/replay/segment"

	"reprise/pkg/asl/states"
	"reprise/pkg/replay"
	"reprise/pkg/steps"
)

// payloadLimit is that of Step Functions.
const payloadLimit = 262_144

// groupsAtMost is how many children a map run starts at most: a plan has two groups for
// each reader.
const groupsAtMost = 2 * replay.MaxParallelism

// counted is a segment output in which every number is as long as it gets.
func counted(status segment.Outcome) steps.SegmentOutput {
	const many, long = math.MaxInt64 >> 10, 123456789.123
	return steps.SegmentOutput{Status: status, Events: many, Bytes: many, Seconds: long, EventsPerSecond: long,
		Slice: 1024, Slices: 1024, GroupEvents: many, GroupBytes: many, GroupDelivered: many, GroupTotal: many,
		GroupEventsPerSecond: long, ChildEvents: many, ChildSeconds: long, ReplaySeconds: long}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// planned is the output of a plan with the most groups, each with a text of the greatest
// length.
func planned(t *testing.T, groups int) string {
	t.Helper()
	text := segment.GroupText{Lanes: strings.Repeat("8", 66), From: "2026-03-01T00:00:00Z", To: "2026-03-01T00:00:00Z"}
	inputs := slices.Repeat([]segment.GroupText{text}, groups)
	for i := range inputs {
		inputs[i].Group = i
	}
	return marshal(t, steps.PlanOutput{Replay: strings.Repeat("r", 80), Groups: groups, Parallelism: 7, Rebuild: true,
		Promote: true, Inputs: inputs, Totals: &replay.Totals{}})
}

// outputs are the outputs of a state in a history, and inputs those of the children.
func (r ran) outputs(t *testing.T, name string) (all []map[string]any) {
	t.Helper()
	for _, e := range r.history {
		if e.StateExited == nil || e.StateExited.Name != name {
			continue
		}
		var output map[string]any
		if err := json.Unmarshal([]byte(e.StateExited.Output), &output); err != nil {
			t.Fatal(err)
		}
		all = append(all, output)
	}
	return all
}

// The largest plan's payloads stay far below the limit, and so do the results of its
// children, with every number as long as it gets.
func TestTheLargestPayloadsFit(t *testing.T) {
	by := smooth()
	plan := planned(t, groupsAtMost)
	by["PlanReplayArn"] = func(map[string]any) string { return plan }
	longest := counted(segment.Done)
	by["ReadSegmentArn"] = func(map[string]any) string { return marshal(t, longest) }
	r := run(t, `{}`, by)
	if r.Status != states.StatusSucceeded {
		t.Fatalf("%s %s %s", r.Status, r.Error, r.Cause)
	}
	if len(plan) > payloadLimit/2 {
		t.Errorf("the plan's output takes %d bytes", len(plan))
	}
	kept := map[string]any{}
	if err := json.Unmarshal([]byte(marshal(t, longest)), &kept); err != nil {
		t.Fatal(err)
	}
	for name := range kept {
		if !slices.Contains([]string{"status", "groupEvents", "groupBytes", "groupDelivered", "slice", "slices",
			"replaySeconds"}, name) {
			delete(kept, name)
		}
	}
	// A child that fails has an error name of at most 256 characters instead.
	each := max(len(marshal(t, kept)), 256+len(`{"status":"failed","group":1023,"error":""}`)) + 1
	if most := groupsAtMost * each; most > payloadLimit*3/4 {
		t.Errorf("results take up to %d bytes", most)
	}
}

// The children's numbers add up to a variable and to the outputs of the states after the
// map, and the drain's numbers replace them.
func TestTotalsReachTheOutputs(t *testing.T) {
	by := smooth()
	plan := planned(t, 3)
	by["PlanReplayArn"] = func(map[string]any) string { return plan }
	loops := map[float64]int{}
	by["ReadSegmentArn"] = func(in map[string]any) string {
		group := in["group"].(float64)
		loops[group]++
		if want := float64(10 * (loops[group] - 1)); in["childEvents"] != want {
			t.Errorf("loop %d of group %v is given %v events", loops[group], group, in["childEvents"])
		}
		out := steps.SegmentOutput{Status: segment.Done, Events: 10, ChildEvents: int64(10 * loops[group]),
			GroupEvents: 100 + int64(10*loops[group]), GroupBytes: 1000, GroupDelivered: 7, Slice: int(group) + 1, Slices: 4,
			ReplaySeconds: 10 * (group + 1)}
		if group == 1 && loops[group] < 3 {
			out.Status = segment.Continue
		}
		return marshal(t, out)
	}
	drained := replay.Totals{Extent: replay.Extent{Events: 400, Bytes: 4000, Delivered: 30}, Consumed: 30,
		Slice: 4, Slices: 4}
	drains := 0
	by["CheckDrainedArn"] = func(map[string]any) string {
		if drains++; drains == 1 {
			return `{"status":"waiting"}` // of an earlier release
		}
		return marshal(t, steps.DrainOutput{Status: replay.Drained, Totals: &drained})
	}
	r := run(t, `{}`, by)
	if r.Status != states.StatusSucceeded {
		t.Fatalf("%s %s %s", r.Status, r.Error, r.Cause)
	}
	// 3 groups of 110 events, and two more loops of one of them.
	read := r.outputs(t, "ReadSegments")[0]
	for name, want := range map[string]float64{"events": 350, "bytes": 3000, "delivered": 21, "slice": 3, "groups": 3,
		"eventsPerSecond": 350.0 / 30} {
		if read[name] != want {
			t.Errorf("%s is %v after the map, want %v", name, read[name], want)
		}
	}
	waits := r.outputs(t, "AwaitDrain")
	if waits[0]["events"] != 350.0 || waits[1]["events"] != 400.0 || waits[1]["consumed"] != 30.0 {
		t.Errorf("the drain says %v", waits)
	}
	for _, name := range []string{"ProveCompleteness", "FollowStream", "PromoteGeneration"} {
		for _, output := range r.outputs(t, name) {
			if output["events"] != 400.0 || output["bytes"] != 4000.0 || output["slice"] != 4.0 {
				t.Errorf("%s: %v", name, output)
			}
		}
	}
	var final struct{ Totals replay.Totals }
	if err := json.Unmarshal(r.Output, &final); err != nil || final.Totals != drained {
		t.Errorf("the execution's output is %s, %v", r.Output, err)
	}
}

// Each child's input says what it reads.
func TestAGroupsInputSaysItsLanesAndTimes(t *testing.T) {
	by := smooth()
	by["PlanReplayArn"] = func(map[string]any) string {
		return `{"replay":"r","proved":false,"groups":2,"parallelism":2,"toleratedFailures":2,"rebuild":false,
			"promote":false,"stopped":false,
			"paused":false,"dryRun":false,"inputs":[{"group":0,"lanes":"0-3","from":"2026-03-01","to":"2026-03-09"},
			{"group":1,"lanes":"4 7","from":"2026-03-02","to":"2026-03-10"}]}`
	}
	var outputs []map[string]any
	r := runAll(t, `{}`, by, func(child ran) { outputs = append(outputs, child.outputs(t, "ReadSegment")...) })
	if r.Status != states.StatusSucceeded || len(outputs) != 2 {
		t.Fatalf("%s %s %s, %v", r.Status, r.Error, r.Cause, outputs)
	}
	slices.SortFunc(outputs, func(a, b map[string]any) int { return int(a["group"].(float64) - b["group"].(float64)) })
	for i, want := range []string{"0-3 2026-03-01 2026-03-09", "4 7 2026-03-02 2026-03-10"} {
		o := outputs[i]
		if got := fmt.Sprint(o["lanes"], " ", o["from"], " ", o["to"]); got != want || o["status"] != "done" {
			t.Errorf("group %d: %v", i, o)
		}
	}
}

// What steps say about the parallelism holds for the next map run.
func TestLaterMapRunsUseThePresentParallelism(t *testing.T) {
	by := smooth()
	drains := 0
	by["CheckDrainedArn"] = func(map[string]any) string {
		switch drains++; drains {
		case 1:
			return `{"status":"reread","parallelism":5}`
		case 2:
			return `{"status":"next"}` // of an earlier release: nothing changes
		case 3:
			return `{"status":"reread","parallelism":9}`
		}
		return `{"status":"drained","parallelism":1}`
	}
	var concurrency []int
	r := runAll(t, `{}`, by, nil)
	for _, run := range r.runs {
		concurrency = append(concurrency, run.MaxConcurrency)
	}
	slices.Sort(concurrency)
	if r.Status != states.StatusSucceeded || !slices.Equal(concurrency, []int{2, 5, 5, 9}) {
		t.Errorf("%s %s %s: map runs of %v", r.Status, r.Error, r.Cause, concurrency)
	}
}
