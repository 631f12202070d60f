package local_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"reprise/pkg/api"
	"reprise/pkg/event"
	"reprise/pkg/local/localtest"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/steps"
)

// A rebuild fails since it parks an entity that the active generation has not parked.
// It keeps its generation; it is continued from the Step Functions API, in vain, and,
// once the active generation has parked the entity as well, over the HTTP API.
func TestAFailedReplayIsContinuedUntilItSucceeds(t *testing.T) {
	t.Parallel()
	var rejects atomic.Bool
	type state struct{ Count int }
	counting := projection.New("files", 1, []string{"file.changed"}, func(s state, _ *event.Event) (state, error) {
		if rejects.Load() {
			return s, errors.New("not today")
		}
		s.Count++
		return s, nil
	})
	o := options(t)
	o.Projections = []projection.Projection{counting}
	url, stepFunctions := printed(t, o)
	sdk, client := clientOf(stepFunctions), &localtest.Client{T: t, URL: url}
	client.Send("/events", changes(0, 3, 1))
	client.Settle(3)
	rejects.Store(true)
	if v := client.Replay("r", `{"rebuild":true,"promote":true}`); v.Status != replay.Failed ||
		v.Failure.Error != steps.FaultParked {
		t.Fatalf("%s, %+v", v.Status, v.Failure)
	}
	generation := kept(t, client)
	_, err := sdk.StartExecution(t.Context(), &sfn.StartExecutionInput{Name: aws.String("again"),
		StateMachineArn: aws.String(machinePrefix + "replay"), Input: aws.String(`{"continue":"r"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if ended := await(t, sdk, executionPrefix+"replay:again"); aws.ToString(ended.Error) != steps.FaultParked {
		t.Fatalf("continued in vain: %s %s", aws.ToString(ended.Error), aws.ToString(ended.Cause))
	}
	localtest.Until(client, "/replays/r", func(v lifecycle.View) bool { return v.Status == replay.Failed })
	client.Send("/events", changes(3, 4, 1))
	client.Settle(4)
	again := func() (int, []byte) {
		return client.Call(http.MethodPost, "/replays/r/continue", "application/json", nil)
	}
	if status, body := again(); status != http.StatusOK {
		t.Fatalf("continue: %d %s", status, body)
	}
	v := localtest.Until(client, "/replays/r", func(v lifecycle.View) bool { return v.Status.Ended() })
	if v.Status != replay.Succeeded || !v.Promoted || v.Generation != generation {
		t.Errorf("%s, %+v, generation %s", v.Status, v.Failure, v.Generation)
	}
	await(t, sdk, executionPrefix+"replay:r.2")
	status, body := again()
	if status != http.StatusConflict || !strings.Contains(string(body), "replay-not-failed") {
		t.Errorf("continued after success: %d %s", status, body)
	}
	if n := len(generationsOf(client)); n != 2 {
		t.Errorf("%d generations", n)
	}
}

func generationsOf(client *localtest.Client) []api.GenerationView {
	return localtest.Until(client, "/generations", func(api.GenerationsView) bool { return true }).Generations
}

// kept returns the generation of replay "r".
func kept(t *testing.T, client *localtest.Client) string {
	t.Helper()
	for _, g := range generationsOf(client) {
		if g.Replay == "r" {
			return g.ID
		}
	}
	t.Fatal("the generation is gone")
	return ""
}
