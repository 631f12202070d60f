package local_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"reprise/pkg/local/localtest"
	"reprise/pkg/meter/forecast"
)

// runMachine starts an execution of the replay machine and waits for its end.
func runMachine(t *testing.T, sdk *sfn.Client, name, input string) *sfn.DescribeExecutionOutput {
	t.Helper()
	began, err := sdk.StartExecution(t.Context(), &sfn.StartExecutionInput{
		StateMachineArn: aws.String(machinePrefix + "replay"), Name: &name, Input: &input})
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		ended, err := sdk.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: began.ExecutionArn})
		if err != nil {
			t.Fatal(err)
		}
		if ended.Status != types.ExecutionStatusRunning {
			return ended
		}
	}
}

// shown is what a path of the API shows.
func shown(t *testing.T, client *localtest.Client, path string) string {
	t.Helper()
	status, body := client.Call(http.MethodGet, path, "", nil)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, status, body)
	}
	return string(body)
}

// A dry run of the real machine ends after planning, with the plan as its output. It
// leaves no replay and no generation, and its name cannot become that of a replay that
// nothing would carry out.
func TestADryRunEndsAfterPlanning(t *testing.T) {
	t.Parallel()
	api, url := printed(t, options(t))
	client, sdk := &localtest.Client{T: t, URL: api}, clientOf(url)
	client.Send("/events", changes(0, 100, 5))
	client.Settle(100)
	before := shown(t, client, "/generations")
	ended := runMachine(t, sdk, "dry", `{"rebuild":true,"promote":true,"dryRun":true,"rate":10}`)
	var plan forecast.Plan
	if err := json.Unmarshal([]byte(aws.ToString(ended.Output)), &plan); err != nil {
		t.Fatalf("%+v: %v", ended, err)
	}
	if ended.Status != types.ExecutionStatusSucceeded || plan.Read.AtMost != 100 || plan.Delivered.AtLeast != 100 ||
		plan.Duration.AtLeast < 10 || !plan.Input.DryRun || plan.Input.Parallelism != 8 {
		t.Errorf("%s: %s", ended.Status, aws.ToString(ended.Output))
	}
	if after := shown(t, client, "/generations"); after != before {
		t.Errorf("the generations were %s and are %s", before, after)
	}
	if list := shown(t, client, "/replays"); strings.TrimSpace(list) != `{"replays":[]}` {
		t.Errorf("replays: %s", list)
	}
	status, body := client.Call(http.MethodPost, "/replays", "application/json", []byte(`{"name":"dry","input":{}}`))
	if status != http.StatusConflict {
		t.Errorf("the name was used again: %d %s", status, body)
	}
	if status, body := client.Call(http.MethodGet, "/replays/dry", "", nil); status != http.StatusNotFound {
		t.Errorf("a replay is left: %d %s", status, body)
	}
}

// Wrong input ends an execution at its first state. The cause names the member.
func TestWrongInputEndsTheExecutionByName(t *testing.T) {
	t.Parallel()
	api, url := printed(t, options(t))
	client, sdk := &localtest.Client{T: t, URL: api}, clientOf(url)
	for name, c := range map[string][2]string{
		"misspelt": {`{"Types":["a"]}`, "is not known here"},
		"negative": {`{"rate":-1}`, "rate -1 is not a whole number between 0 and 10000000"},
		"time":     {`{"to":"2026-03-01T00:00:00+24:00"}`, "to is not an RFC 3339 time"},
		"filtered": {`{"rebuild":true,"attribute":{"name":"a","value":"b"}}`, "a rebuild takes the whole log"},
		"narrow":   {`{"slice":"5h","dryRun":true}`, "slice 5h is no multiple of the log's buckets, which are 1d wide"},
	} {
		ended := runMachine(t, sdk, name, c[0])
		if ended.Status != types.ExecutionStatusFailed || aws.ToString(ended.Error) != "Reprise.InvalidInput" ||
			!strings.Contains(aws.ToString(ended.Cause), c[1]) {
			t.Errorf("%s: %s, %s: %s", name, ended.Status, aws.ToString(ended.Error), aws.ToString(ended.Cause))
		}
		if status, body := client.Call(http.MethodGet, "/replays/"+name, "", nil); status != http.StatusNotFound {
			t.Errorf("%s left a replay: %d %s", name, status, body)
		}
	}
}
