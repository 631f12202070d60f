package replay_test

import (
	"testing"
	"time"

	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

func TestBucketRangeTouchesWhatTheTimesTouch(t *testing.T) {
	at := func(text string) *time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return &when
	}
	for _, c := range []struct {
		from, to         string
		wantFrom, wantTo eventlog.Bucket
	}{
		{"2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-01T00", "2026-03-02T00"},
		{"2026-03-01T12:00:00Z", "2026-03-02T00:00:01Z", "2026-03-01T00", "2026-03-03T00"},
		{"2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z", "2026-03-01T00", "2026-03-02T00"},
	} {
		from, to := replay.BucketRange(replay.Request{From: at(c.from), To: at(c.to)}, eventlog.Day)
		if from != c.wantFrom || to != c.wantTo {
			t.Errorf("%s to %s touches [%s, %s)", c.from, c.to, from, to)
		}
	}
	if from, to := replay.BucketRange(replay.Request{}, eventlog.Day); from != "" || to != "" {
		t.Errorf("an open range is [%s, %s)", from, to)
	}
}
