package segment_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/segment"
)

// The texts stay short, whatever the number of groups and lanes.
func TestGroupTextsAreShort(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a", "b", "c", "d", "e", "f", "g", "h")
	w.Now = w.Now.Add(30 * time.Hour)
	w.Send("a", "b")
	row := w.Plan("r", replay.Request{Parallelism: 1})
	texts, err := segment.GroupTexts(t.Context(), w.Store, row)
	w.Must(err)
	if len(texts) != row.Groups {
		t.Fatalf("%d texts of %d groups", len(texts), row.Groups)
	}
	for _, text := range texts {
		if text.Lanes == "" || text.From == "" || text.To != row.Cut.Format(time.RFC3339) {
			t.Errorf("%+v", text)
		}
	}
	// A plan with the most lanes, none next to another.
	var plan replay.Plan
	_, err = control.Update(t.Context(), w.Store.Table, control.Key{Partition: replay.Partition("r"), Sort: "plan"},
		func(p *replay.Plan, _ bool) error {
			p.Groups = make([]replay.Group, 2)
			for lane := range 1024 {
				g := &p.Groups[lane%2]
				g.Lanes = append(g.Lanes, event.Lane(lane))
			}
			plan = *p
			return nil
		})
	w.Must(err)
	texts, err = segment.GroupTexts(t.Context(), w.Store, row)
	w.Must(err)
	for i, text := range texts {
		if len(text.Lanes) > 64+2 || !strings.HasSuffix(text.Lanes, " … (512 lanes)") ||
			!strings.HasPrefix(text.Lanes, fmt.Sprintf("%d ", plan.Groups[i].Lanes[0])) {
			t.Errorf("%q", text.Lanes)
		}
	}
}
