package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"reprise/pkg/replay/lifecycle"
)

// A log that is sorted by time keeps its times, however few lanes the platform has
// and however many senders are asked for: a replay of a year selects that year.
func TestASortedLogIsImportedInItsBuckets(t *testing.T) {
	const days = 4 * 365
	first := time.Date(2021, 1, 1, 12, 0, 0, 0, time.UTC)
	var text strings.Builder
	for i := range days {
		fmt.Fprintf(&text, `{"specversion":"1.0","id":"%d","source":"/days","type":"file.changed","subject":"d%d","time":%q,`+
			`"data":{"added":1,"deleted":0,"lines":1}}`+"\n", i, i%97, first.AddDate(0, 0, i).Format(time.RFC3339))
	}
	s := &shell{t: t, endpoint: startPlatformOf(t, 2)}
	s.fine(text.String(), "send", "-", "--keep-time", "--wait", "--senders", "8", "--batch", "50")
	out := s.fine("", "replay", "start", "--from", "2021-01-01T00:00:00Z", "--to", "2022-01-01T00:00:00Z", "--wait", "--json")
	var view lifecycle.View
	must(t, json.Unmarshal([]byte(out), &view))
	if view.Progress.Total != 365 || view.Progress.Applied != 365 {
		t.Errorf("%+v", view.Progress)
	}
}
