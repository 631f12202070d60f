package lifecycle

import (
	"testing"
	"time"

	"reprise/pkg/replay"
)

func TestOnlyARecentViewOfTheSameRowIsShownAgain(t *testing.T) {
	var r shared[View]
	now := time.Unix(1e9, 0)
	row := replay.Row{ID: "r", Status: replay.Running}
	r.keep(&row, View{ID: "r"}, now)
	paused, ended := row, row
	paused.Paused, ended.Status = true, replay.Succeeded
	for name, c := range map[string]struct {
		row   replay.Row
		at    time.Time
		found bool
	}{
		"at once":               {row, now, true},
		"within a second":       {row, now.Add(recentFor - 1), true},
		"after a second":        {row, now.Add(recentFor), false},
		"before it was made":    {row, now.Add(-1), false},
		"of a row that changed": {paused, now, false},
		"of a replay's end":     {ended, now, false},
		"of another replay":     {replay.Row{ID: "s", Status: replay.Running}, now, false},
	} {
		if view, found := r.find(&c.row, c.at); found != c.found || (found && view.ID != "r") {
			t.Errorf("%s: %t", name, found)
		}
	}
	r.keep(&ended, View{ID: "r"}, now)
	if _, found := r.find(&ended, now); found {
		t.Error("the view of a replay that has ended is kept")
	}
	for i := range 3 * maxRecent {
		r.keep(&replay.Row{ID: string(rune('A' + i)), Status: replay.Running}, View{}, now)
	}
	if len(r.made) > maxRecent {
		t.Errorf("%d views are kept", len(r.made))
	}
}
