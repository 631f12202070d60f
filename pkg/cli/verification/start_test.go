package verification

import (
	"strings"
	"testing"
	"time"

	"reprise/pkg/api/verifications"
	"reprise/pkg/cli/command"
	"reprise/pkg/verify"
)

// What to do next depends on what was found: a rebuild does not help a consumer that stands
// still, and would not make a wrong rebuild right.
func TestDriftSaysWhatToDoNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		drift map[verify.Kind]int64
		want  string
	}{
		{map[verify.Kind]int64{verify.Behind: 4}, "verify start --generation g0002"},
		{map[verify.Kind]int64{verify.Behind: 4, verify.Missing: 1}, "verify repair v"},
		{map[verify.Kind]int64{verify.Missing: 1}, "verify repair v"},
		{map[verify.Kind]int64{verify.State: 1}, "repair --verification v"},
		{map[verify.Kind]int64{verify.State: 1, verify.Rebuilt: 1}, "trust no rebuild"},
	} {
		view := verifications.View{ID: "v", Generation: "g0002", Status: verify.Drift, Report: &verify.Report{Drift: c.drift}}
		if hint := command.HintFor("verify", judge(view)); !strings.Contains(hint, c.want) {
			t.Errorf("%v: %q", c.drift, hint)
		}
	}
}

// A verification that has read nothing says what it may wait for, and one that has how far it
// is.
func TestProgressSaysWhatAVerificationWaitsFor(t *testing.T) {
	t.Parallel()
	cut := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		view verifications.View
		want string
	}{
		{verifications.View{}, "nothing yet"},
		{verifications.View{Cut: &cut, Events: 10, Progress: &verifications.Progress{}}, "consumer has reached the cut"},
		{verifications.View{Cut: &cut, Events: 10, Progress: &verifications.Progress{Events: 5, Rows: 2, Percent: 50}},
			"5 of 10 events, 2 rows"},
	} {
		if got := state(c.view, cut.Add(time.Minute)); !strings.Contains(got.Detail, c.want) {
			t.Errorf("%+v: %+v", c.view, got)
		}
	}
}
