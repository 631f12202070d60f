package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"reprise/pkg/replay/lifecycle"
)

// A log that is sorted by time keeps its times, however few lanes the platform
// has and however many senders are requested: a replay of a year selects that
// year.
func TestASortedLogIsImportedInItsBuckets(t *testing.T) {
	t.Parallel()
	const days = 4 * 365
	first := time.Date(2021, 1, 1, 12, 0, 0, 0, time.UTC)
	var text strings.Builder
	for i := range days {
		fmt.Fprintf(&text, `{"specversion":"1.0","id":"%d","source":"/days","type":"file.changed","subject":"d%d","time":%q,`+
			`"data":{"added":1,"deleted":0,"lines":1}}`+"\n", i, i%97, first.AddDate(0, 0, i).Format(time.RFC3339))
	}
	s := &shell{t: t, endpoint: startPlatformOf(t, 2)}
	s.fine(text.String(), "send", "-", "--keep-time", "--wait", "--senders", "8", "--batch", "50")
	out := s.fine("", "replay", "start", "--wait", "--json",
		"--from", "2021-01-01T00:00:00Z", "--to", "2022-01-01T00:00:00Z")
	var view lifecycle.View
	must(t, json.Unmarshal([]byte(out), &view))
	if view.Progress.Total != 365 || view.Progress.Applied != 365 {
		t.Errorf("%+v", view.Progress)
	}
}

// An event that arrives after later events of its lane can no longer be stored
// in the bucket of its own time. The import says how many such events there
// are.
func TestALateImportSaysHowManyEventsMoved(t *testing.T) {
	t.Parallel()
	line := func(id, day string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/days","type":"file.changed","subject":"d",`+
			`"time":"%sT12:00:00Z","data":{"added":1,"deleted":0,"lines":1}}`+"\n", id, day)
	}
	s := &shell{t: t, endpoint: startPlatformOf(t, 2)}
	got := s.run(line("1", "2024-01-01")+line("2", "2024-01-02"), "send", "-", "--keep-time", "--wait")
	if got.code != 0 || strings.Contains(got.stdout+got.stderr, "moved") || strings.Contains(got.stderr, "warning") {
		t.Errorf("in order: %+v", got)
	}
	late := line("3", "2023-01-01") + line("4", "2024-01-02") + line("5", "2023-06-01")
	got = s.run(late, "send", "-", "--keep-time", "--wait")
	if got.code != 0 || !strings.Contains(got.stdout, `"moved":2`) ||
		!strings.Contains(got.stderr, "warning: 2 events lie in a later") {
		t.Errorf("out of order: %+v", got)
	}
}
