package segment

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/replay"
)

// maxText bounds the text of a group's lanes: the state machine carries one for each
// group, up to 512, and must stay far below the 256 KiB of a payload.
const maxText = 64

// GroupText describes what a segment reader reads, for the inputs of a map run.
type GroupText struct {
	// Group is the number of the segment reader, from 0.
	Group int `json:"group"`
	// Lanes are its lanes, such as "0-3 8", shortened to some of them if they are many.
	Lanes string `json:"lanes"`
	// From and To are its time range: the first bucket, or the time that was asked for,
	// and the end, which is excluded.
	From string `json:"from"`
	To   string `json:"to"`
}

// GroupTexts describes the segment readers of a planned replay, by number.
func GroupTexts(ctx context.Context, s replay.Store, row replay.Row) ([]GroupText, error) {
	plan, err := s.LoadPlan(ctx, row)
	if err != nil {
		return nil, err
	}
	row.Window = plan.End() // the whole group, whatever is open at present
	all := replay.Children(row.Request, len(plan.Groups), len(plan.Slices))
	texts := make([]GroupText, all)
	for child := range all {
		texts[child].Group = child
		texts[child].describe(row, plan, assigned(row, plan, child, all))
	}
	return texts, nil
}

func (g *GroupText) describe(row replay.Row, plan replay.Plan, parts []part) {
	var lanes []event.Lane
	first, last := len(plan.Slices), 0
	for _, p := range parts {
		lanes = append(lanes, p.lanes...)
		first, last = min(first, p.from-plan.First), max(last, p.to-plan.First)
	}
	if first >= last {
		return
	}
	slices.Sort(lanes)
	g.Lanes = LanesText(slices.Compact(lanes))
	g.From, g.To = string(plan.Slices[first].From), string(plan.Slices[last-1].To)
	if row.Request.From != nil && first == 0 {
		g.From = row.Request.From.Format(time.RFC3339)
	}
	switch {
	case g.To != "":
	case row.Request.To != nil:
		g.To = row.Request.To.Format(time.RFC3339)
	case row.Cut != nil:
		g.To = row.Cut.Format(time.RFC3339)
	}
}

// LanesText lists ascending lanes, with neighbours as ranges. It has at most 66 bytes: of
// many lanes it lists some.
func LanesText(lanes []event.Lane) string {
	var text strings.Builder
	for i := 0; i < len(lanes); {
		end := i
		for end+1 < len(lanes) && lanes[end+1] == lanes[end]+1 {
			end++
		}
		one := strconv.Itoa(int(lanes[i]))
		if end > i {
			one += "-" + strconv.Itoa(int(lanes[end]))
		}
		if text.Len()+len(one) > maxText-len(" … (1024 lanes)") {
			return text.String() + " … (" + strconv.Itoa(len(lanes)) + " lanes)"
		}
		if i > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(one)
		i = end + 1
	}
	return text.String()
}
