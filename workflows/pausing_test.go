package workflows_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/states"
)

// A paused replay invokes no function and enters no state, whether it is paused for an
// hour or for almost a year, and goes on at once when somebody answers its token.
func TestAPausedReplayInvokesNothing(t *testing.T) {
	for _, lasts := range []time.Duration{time.Hour, 364 * 24 * time.Hour} {
		asltest.InWorld(t, string(substituted(t)), func(w *asltest.World) {
			tokens := make(chan string, 1)
			var reads atomic.Int64
			began := time.Now()
			by := smooth()
			by["ReadSegmentArn"] = func(map[string]any) string {
				if reads.Add(1) <= 2 {
					return `{"status":"paused"}`
				}
				return `{"status":"done"}`
			}
			by["AwaitResumeArn"] = func(payload map[string]any) string {
				tokens <- payload["token"].(string)
				return `{}`
			}
			for placeholder, answer := range by {
				w.Invoker.ByName[substitutions()[placeholder]] = func(_ context.Context, payload string) (string, error) {
					var decoded map[string]any
					err := json.Unmarshal([]byte(payload), &decoded)
					return answer(decoded), err
				}
			}
			arn := w.Start("r", `{}`)
			token := <-tokens
			time.Sleep(time.Second) // the answer of that step arrives
			called, events := w.Invoker.Called(), len(w.History(arn))
			time.Sleep(lasts)
			if now := w.Invoker.Called(); !slices.Equal(now, called) || len(w.History(arn)) != events {
				t.Errorf("in %s of a pause, the machine invoked %q and its history grew from %d to %d events",
					lasts, now[len(called):], events, len(w.History(arn)))
			}
			resumed := time.Now()
			if err := w.Engine.SendTaskSuccess(token, json.RawMessage(`{}`)); err != nil {
				t.Fatal(err)
			}
			end := w.Wait(arn)
			if end.Status != states.StatusSucceeded || reads.Load() != 4 || time.Since(resumed) > time.Second {
				t.Errorf("%s %s %s after %s, %d reads, %s after the resume", end.Status, end.Error, end.Cause,
					time.Since(began), reads.Load(), time.Since(resumed))
			}
		})
	}
}

// A rebuild that asks before its promotion invokes no function for almost a year, and is
// promoted once somebody answers its token; one that nobody answers for longer fails.
func TestAReplayThatAsksInvokesNothing(t *testing.T) {
	for lasts, want := range map[time.Duration]states.Status{
		time.Hour:            states.StatusSucceeded,
		364 * 24 * time.Hour: states.StatusSucceeded,
		366 * 24 * time.Hour: states.StatusFailed,
	} {
		asltest.InWorld(t, string(substituted(t)), func(w *asltest.World) {
			tokens := make(chan string, 1)
			var asked atomic.Int64
			by := smooth()
			by["PromoteGenerationArn"] = func(map[string]any) string {
				if asked.Add(1) == 1 {
					return `{"status":"asking"}`
				}
				return `{"status":"promoted"}`
			}
			by["AwaitResumeArn"] = func(payload map[string]any) string {
				tokens <- payload["token"].(string)
				return `{"why":"asks","comparison":{"differing":3}}`
			}
			for placeholder, answer := range by {
				w.Invoker.ByName[substitutions()[placeholder]] = func(_ context.Context, payload string) (string, error) {
					var decoded map[string]any
					err := json.Unmarshal([]byte(payload), &decoded)
					return answer(decoded), err
				}
			}
			arn := w.Start("r", `{}`)
			token := <-tokens
			time.Sleep(time.Second)
			called := w.Invoker.Called()
			time.Sleep(lasts)
			if now := w.Invoker.Called(); want == states.StatusSucceeded && !slices.Equal(now, called) {
				t.Errorf("in %s the machine invoked %q", lasts, now[len(called):])
			}
			if want == states.StatusSucceeded {
				if err := w.Engine.SendTaskSuccess(token, json.RawMessage(`{}`)); err != nil {
					t.Fatal(err)
				}
			}
			if end := w.Wait(arn); end.Status != want || (want == states.StatusSucceeded) != (asked.Load() == 2) {
				t.Errorf("after %s: %s %s %s, asked to promote %d times", lasts, end.Status, end.Error, end.Cause, asked.Load())
			}
		})
	}
}
