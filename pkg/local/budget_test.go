package local_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/request"
	"reprise/pkg/steps"
)

func posted(t *testing.T, c *localtest.Client, path, body string, want int) string {
	t.Helper()
	status, answer := c.Call(http.MethodPost, path, "application/json", []byte(body))
	if status != want {
		t.Fatalf("%s %s: %d %s, want %d", path, body, status, answer, want)
	}
	return string(answer)
}

// A replay pauses when its budget is used up, says so everywhere, cannot be resumed before
// the budget was raised, stops again at a second budget that is raised from Step Functions
// alone, and ends exactly.
func TestABudgetPausesAReplayUntilItIsRaised(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Projections, _ = countingHeld()
	url, stepFunctions := printed(t, o)
	sdk, client := clientOf(stepFunctions), &localtest.Client{T: t, URL: url}
	const events = 1500 // so many that it cannot read them all while nobody looks
	client.Send("/events", changes(0, events, 7))
	client.Settle(events)
	const input = `"rebuild":true,"promote":true,"rate":60,"budget":{"dollars":0.0002}`
	plan := posted(t, client, "/plans", `{"input":{`+input+`}}`, http.StatusOK)
	if !strings.Contains(plan, `"warning":"the replay will pause before its end: the budget of $0.0002 is `) {
		t.Errorf("the plan has no warning: %s", plan)
	}
	posted(t, client, "/replays", `{"name":"r","input":{`+input+`}}`, http.StatusCreated)
	stopped := func(of string) lifecycle.View {
		t.Helper()
		return localtest.Until(client, "/replays/r", func(v lifecycle.View) bool {
			return v.Status == replay.ShownPaused && v.PausedBy != nil && v.PausedBy.Budget.String() == of
		})
	}
	v := stopped("$0.0002")
	if v.Budget == nil || !v.Budget.UsedUp || v.Budget.Charged || v.Progress.Read == 0 || v.Progress.Read == events ||
		!strings.HasPrefix(v.PausedBy.Cause, "the budget of $0.0002 is used up ($0.000") {
		t.Errorf("paused with %+v, %+v, %+v", v.Budget, v.PausedBy, v.Progress)
	}
	detail := localtest.Until(client, "/replays/r/progress", func(lifecycle.Detail) bool { return true })
	if detail.PausedBy == nil || detail.Budget == nil || detail.Budget.Limit != v.Budget.Limit {
		t.Errorf("the progress has %+v, %+v", detail.PausedBy, detail.Budget)
	}
	why := submitted(t, sdk, "r")
	if !strings.Contains(why, v.PausedBy.Cause) || !strings.Contains(why, "raise the budget") {
		t.Errorf("the history says %s", why)
	}
	answer := posted(t, client, "/replays/r/resume", `{}`, http.StatusConflict)
	if !strings.Contains(answer, "replay-over-budget") || !strings.Contains(answer, "raise it") {
		t.Errorf("resumed over its budget: %s", answer)
	}
	if ended := control(t, sdk, `{"replay":"r","action":"resume"}`); aws.ToString(ended.Error) != steps.FaultConflict {
		t.Errorf("resumed over its budget: %s %s", aws.ToString(ended.Error), aws.ToString(ended.Cause))
	}
	// Between two looks at what was used, it may have used more than its budget.
	second := request.Budget{Dollars: v.Budget.Spent.Dollars + request.MoneyOf(0.0001)}
	for _, limit := range []request.Budget{{Dollars: 2 * second.Dollars}, second} {
		body, err := json.Marshal(map[string]request.Budget{"budget": limit})
		if err != nil {
			t.Fatal(err)
		}
		posted(t, client, "/replays/r/budget", string(body), http.StatusOK)
	}
	posted(t, client, "/replays/r/resume", `{}`, http.StatusOK)
	stopped(second.String())
	posted(t, client, "/replays/r/rate", `{"rate":0}`, http.StatusOK)
	for _, input := range []string{
		`{"replay":"r","action":"set-budget","budget":null}`, `{"replay":"r","action":"resume"}`,
	} {
		if ended := control(t, sdk, input); ended.Error != nil {
			t.Errorf("%s: %s %s", input, *ended.Error, aws.ToString(ended.Cause))
		}
	}
	end := localtest.Until(client, "/replays/r", func(v lifecycle.View) bool { return v.Status.Ended() })
	if end.Status != replay.Succeeded || end.Progress.Applied != events || end.PausedBy != nil || end.Budget != nil {
		t.Errorf("%s, %+v, %+v, %+v", end.Status, end.Failure, end.Progress, end.Budget)
	}
}

// submitted returns the outputs of an execution's tasks that wait for a token, once there
// is one: a function has stored the token before the history says so.
func submitted(t *testing.T, sdk *sfn.Client, name string) (outputs string) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); outputs == "" && time.Now().Before(deadline); <-tick.C {
		history, err := sdk.GetExecutionHistory(t.Context(),
			&sfn.GetExecutionHistoryInput{ExecutionArn: aws.String(executionPrefix + "replay:" + name)})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range history.Events {
			if e.TaskSubmittedEventDetails != nil {
				outputs += aws.ToString(e.TaskSubmittedEventDetails.Output)
			}
		}
	}
	return outputs
}

// A budget that the plan alone uses up stops the replay before anything is read, and one
// that is reached only when everything was read stops nothing.
func TestABudgetStopsBeforeReadingAndNotAfterIt(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Projections, _ = countingHeld()
	url, _ := printed(t, o)
	client := &localtest.Client{T: t, URL: url}
	client.Send("/events", changes(0, 30, 7))
	client.Settle(30)
	posted(t, client, "/replays", `{"name":"r","input":{"budget":{"readUnits":1}}}`, http.StatusCreated)
	v := localtest.Until(client, "/replays/r", func(v lifecycle.View) bool { return v.Status == replay.ShownPaused })
	if v.Progress.Read != 0 || v.PausedBy == nil || v.PausedBy.Budget != (request.Budget{ReadUnits: 1}) {
		t.Errorf("%+v, %+v", v.Progress, v.PausedBy)
	}
	plan := localtest.Until(client, "/replays/r", func(lifecycle.View) bool { return true })
	posted(t, client, "/replays/r/budget", `{"budget":{"readUnits":100000}}`, http.StatusOK)
	posted(t, client, "/replays/r/resume", `{}`, http.StatusOK)
	v = localtest.Until(client, "/replays/r", func(v lifecycle.View) bool { return v.Status.Ended() })
	if v.Status != replay.Succeeded || v.Budget == nil || v.Budget.UsedUp ||
		v.Budget.Spent.ReadUnits <= plan.Budget.Spent.ReadUnits {
		t.Errorf("%s, %+v, before %+v", v.Status, v.Budget, plan.Budget)
	}
}
