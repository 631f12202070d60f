package replays

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"reprise/pkg/cli/progress"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// server answers as one that runs a replay of 100 events, 10 in each poll. Its progress is
// now and then older than before.
type server struct{ polls, documents int }

func (s *server) Replay(context.Context, string) (lifecycle.View, error) {
	s.polls++
	view := lifecycle.View{ID: "r", Status: replay.Running, Phase: replay.Running}
	if s.polls == 12 {
		view.Status, view.Phase = replay.Succeeded, replay.Succeeded
	}
	return view, nil
}

func (s *server) ReplayProgress(context.Context, string) (lifecycle.Detail, error) {
	s.documents++
	n := int64(10 * s.polls)
	if s.documents%2 == 0 {
		n -= 40
	}
	percent := float64(n)
	counts := lifecycle.Counts{Read: n, Delivered: n, Consumed: n}
	return lifecycle.Detail{ID: "r", At: time.Unix(1e9, 0), Total: 120, Percent: &percent, Counts: counts,
		Groups: []lifecycle.GroupProgress{{Group: 0, Counts: counts}}}, nil
}

func watched(t *testing.T, each func(lifecycle.Detail) error) (s *server, printed string) {
	t.Helper()
	now := time.Unix(1e9, 0)
	clock := func() time.Time { return now }
	var out strings.Builder
	s = &server{}
	w := &Watcher{Client: s, Meter: progress.New(&out, clock), Now: clock, Each: each,
		Sleep: func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil }}
	view, err := w.Watch(t.Context(), "r")
	if err != nil || view.Status != replay.Succeeded {
		t.Fatalf("%+v, %v", view, err)
	}
	return s, out.String()
}

// Documents come at most once a second and once at the end, and their numbers never fall.
func TestEveryDocumentIsPassedOn(t *testing.T) {
	var reads []int64
	s, printed := watched(t, func(d lifecycle.Detail) error {
		if raw, err := json.Marshal(d); err != nil || strings.Contains(string(raw), "\n") {
			t.Errorf("%s, %v", raw, err)
		}
		if n := len(reads); n > 0 && (d.Read < reads[n-1] || d.Groups[0].Read < reads[n-1]) {
			t.Errorf("read %d after %d", d.Read, reads[n-1])
		}
		reads = append(reads, d.Read)
		return nil
	})
	if len(reads) != s.documents || s.documents != 4 || printed != "" {
		t.Errorf("%d documents in %d polls: %v, %q", s.documents, s.polls, reads, printed)
	}
}

func TestALineSaysHowFarAReplayIs(t *testing.T) {
	_, printed := watched(t, nil)
	if !strings.HasPrefix(printed, "replaying:  10%, 0/s on average, time left unknown, read 10 of 120, delivered 10") {
		t.Errorf("%q", printed)
	}
}
