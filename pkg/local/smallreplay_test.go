package local_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"reprise/pkg/local/localtest"
)

// A rebuild of three events enters each state once and none that waits, so that it
// takes as long as its work.
func TestASmallReplayWaitsForNothing(t *testing.T) {
	t.Parallel()
	api, url := printed(t, options(t))
	client := &localtest.Client{T: t, URL: api}
	client.Send("/events", changes(0, 3, 3))
	client.Settle(3)
	if v := client.Replay("small", `{"rebuild":true,"promote":true}`); !v.Promoted || v.Progress.Applied != 3 {
		t.Fatalf("%s, %+v, %+v", v.Status, v.Failure, v.Progress)
	}
	history, err := clientOf(url).GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{
		ExecutionArn: aws.String(executionPrefix + "replay:small")})
	if err != nil {
		t.Fatal(err)
	}
	entered := map[string]int{}
	for _, e := range history.Events {
		if e.StateEnteredEventDetails != nil {
			entered[aws.ToString(e.StateEnteredEventDetails.Name)]++
		}
		if e.Type == types.HistoryEventTypeWaitStateEntered {
			t.Errorf("%s waits", aws.ToString(e.StateEnteredEventDetails.Name))
		}
	}
	for name, n := range entered {
		if n > 1 {
			t.Errorf("%s was entered %d times", name, n)
		}
	}
	if len(entered) < 10 {
		t.Errorf("entered were %v", entered)
	}
}
