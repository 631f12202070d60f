package workflows_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"reprise/pkg/asl/states"
	"reprise/workflows"
)

// verified runs the machine of verifications. rebuild says how many seconds to wait at each
// look, and whether to look again.
func verified(t *testing.T, input string, look func(payload map[string]any) string) ran {
	t.Helper()
	report := func(payload map[string]any) string {
		if name, failed := payload["error"]; failed {
			return fmt.Sprintf(`{"status":"FAILED","error":%q,"cause":"why"}`, name)
		}
		return `{"status":"CLEAN"}`
	}
	by := answers{
		"PlanVerificationArn":   look,
		"VerifyLanesArn":        func(map[string]any) string { return `{"status":"done","rows":1,"events":1,"drift":0}` },
		"ReportVerificationArn": report,
	}
	return runMachine(t, string(withFunctions(t, workflows.Verify())), input, by, nil)
}

const lanesPlanned = `{"status":"RUNNING","ended":false,"groups":2,"parallelism":2,"base":"","wait":0}`

// A verification of depth rebuild looks again and again, with the same input, and verifies
// once the replay has ended. A month of waiting stays far below the service's limit of
// history events.
func TestAVerificationWaitsForItsRebuild(t *testing.T) {
	const limit = 25_000
	for _, lasts := range []time.Duration{0, 10 * time.Second, time.Hour, 30 * 24 * time.Hour} {
		t.Run(lasts.String(), func(t *testing.T) {
			var began, went time.Time
			looks := 0
			r := verified(t, `{"depth":"rebuild"}`, func(payload map[string]any) string {
				if looks++; began.IsZero() {
					began = time.Now()
				}
				if text, _ := json.Marshal(payload["input"]); string(text) != `{"depth":"rebuild"}` {
					t.Errorf("look %d has the input %s", looks, text)
				}
				went = time.Now()
				if since := time.Since(began); since < lasts {
					wait := min(max(time.Second, since/16), time.Hour) // as package rebuild says
					return fmt.Sprintf(`{"status":"REBUILDING","ended":false,"groups":0,"wait":%d}`,
						(wait+time.Second-1)/time.Second)
				}
				return lanesPlanned
			})
			if r.Status != states.StatusSucceeded || r.entered("VerifyLanes") != 1 || r.entered("PlanVerification") != looks ||
				r.entered("WaitForRebuild") != looks-1 {
				t.Errorf("%s (%s: %s) after %d looks", r.Status, r.Error, r.Cause, looks)
			}
			if late := went.Sub(began) - lasts; late < 0 || late > lasts/16+2*time.Second {
				t.Errorf("it went on %s late", late)
			}
			t.Logf("%d looks, %d history events", looks, len(r.history))
			if len(r.history) > limit/2 {
				t.Errorf("%d history events", len(r.history))
			}
		})
	}
}

// A look that fails for good ends the verification by its name, with a report; one that may
// be repeated does not; and one that was cancelled meanwhile is only reported.
func TestHowALookEndsAVerification(t *testing.T) {
	for _, c := range []struct {
		second, want string
		status       states.Status
		lanes        int
	}{
		{"!Reprise.RebuildCancelled", "Reprise.RebuildCancelled", states.StatusFailed, 0},
		{"!Reprise.BudgetUsedUp", "Reprise.BudgetUsedUp", states.StatusFailed, 0},
		{"!Reprise.GenerationGone", "Reprise.GenerationGone", states.StatusFailed, 0},
		{"!Reprise.Transient", "", states.StatusSucceeded, 1},
		{`{"status":"REBUILDING","ended":true,"groups":0,"wait":5}`, "", states.StatusSucceeded, 0},
	} {
		looks := 0
		r := verified(t, `{}`, func(map[string]any) string {
			switch looks++; looks {
			case 1:
				return `{"status":"REBUILDING","ended":false,"groups":0,"wait":1}`
			case 2:
				return c.second
			}
			return lanesPlanned
		})
		if r.Status != c.status || r.Error != c.want || r.entered("VerifyLanes") != c.lanes {
			t.Errorf("%s: %s %s, %d map runs", c.second, r.Status, r.Error, r.entered("VerifyLanes"))
		}
	}
}
