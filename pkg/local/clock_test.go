package local

import (
	"strings"
	"testing"
	"time"
)

func TestClockFarFromTheNewestRecordIsTold(t *testing.T) {
	t.Parallel()
	newest := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for now, want := range map[time.Time]string{
		newest.AddDate(0, 0, 29):     "",
		newest.AddDate(0, 0, 31):     "correct it before sending events",
		newest.AddDate(30, 0, 0):     "the clock says 2056-11-01T12:00:00Z",
		newest.Add(-4 * time.Minute): "",
		newest.Add(-6 * time.Minute): "until the clock has reached it",
	} {
		if got := clockWarning(now, newest); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("at %s: %q, want %q", now, got, want)
		}
	}
	if got := clockWarning(newest, time.Time{}); got != "" {
		t.Errorf("without a record: %q", got)
	}
}
