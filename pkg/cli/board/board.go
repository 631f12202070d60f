package board

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"reprise/pkg/replay/segment"

	"reprise/pkg/cli/progress"
	"reprise/pkg/replay/lifecycle"
)

// Head says how fast the whole replay is and when it will be done: what it waits for or
// why it is slow first, since a line may be cut off.
func Head(d *lifecycle.Detail, reason string) string {
	text := Rate(d) + ", " + Left(d.ETA)
	if reason != "" {
		text = reason + ", " + text
	}
	return text
}

// Rate is the present and the average rate.
func Rate(d *lifecycle.Detail) string {
	text := progress.Count(int64(d.Average)) + "/s on average"
	if d.Rate > 0 { // else no lane has a checkpoint that is new enough
		text = progress.Count(int64(d.Rate)) + "/s now, " + text
	}
	return text
}

// Left is the range for the time left.
func Left(eta *lifecycle.ETA) string {
	if eta == nil {
		return "time left unknown"
	}
	least, most := seconds(eta.LeastSeconds), seconds(eta.MostSeconds)
	if least == most {
		return least + " left"
	}
	return least + " to " + most + " left"
}

// seconds formats a time, however long.
func seconds(n float64) string {
	return progress.Duration(time.Duration(min(n, 1e9) * float64(time.Second)))
}

// Counts says what became of events; numbers that stay 0 without a rebuild are left out.
func Counts(c *lifecycle.Counts, total int64) string {
	text := "read " + progress.Count(c.Read)
	if total > 0 {
		text += " of " + progress.Count(total)
	}
	for _, n := range []struct {
		what   string
		n      int64
		always bool
	}{
		{"left out", c.Filtered, false}, {"delivered", c.Delivered, true}, {"taken in", c.Consumed, true},
		{"applied", c.Applied, false}, {"duplicates", c.Duplicates, false}, {"parked", c.Parked, false},
	} {
		if n.always || n.n > 0 {
			text += ", " + n.what + " " + progress.Count(n.n)
		}
	}
	return text
}

// Groups has a line for each lane group, at most as many as given: stalled ones first, then
// the busiest, then those that wait for a reader, then those that are done. If they are
// more, the last line counts the others.
func Groups(d *lifecycle.Detail, most int) []string {
	groups := slices.Clone(d.Groups)
	slices.SortStableFunc(groups, func(a, b lifecycle.GroupProgress) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(b.Rate, a.Rate), cmp.Compare(a.Group, b.Group))
	})
	shown := groups
	if len(groups) > most {
		shown = groups[:max(0, most-1)]
	}
	table := make([][]string, len(shown))
	for i := range shown {
		table[i] = cells(&shown[i], d)
	}
	lines := aligned(table)
	if more := len(groups) - len(shown); more > 0 && most > 0 {
		lines = append(lines, fmt.Sprintf("and %d more groups%s", more, states(groups[len(shown):])))
	}
	return lines
}

// rank orders groups by how much they want to be looked at.
func rank(g *lifecycle.GroupProgress) int {
	switch {
	case g.Stalled != nil:
		return 0
	case g.Done:
		return 3
	case g.Moved == nil:
		return 2
	}
	return 1
}

// states counts the groups that are done and those that wait.
func states(groups []lifecycle.GroupProgress) string {
	var done, waiting int
	for i := range groups {
		switch rank(&groups[i]) {
		case 2:
			waiting++
		case 3:
			done++
		}
	}
	var parts []string
	if waiting > 0 {
		parts = append(parts, fmt.Sprintf("%d wait for a reader", waiting))
	}
	if done > 0 {
		parts = append(parts, fmt.Sprintf("%d done", done))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// cells are the columns of a group. Its state comes early, since a line may be cut off.
func cells(g *lifecycle.GroupProgress, d *lifecycle.Detail) []string {
	slice := ""
	if g.Slice >= 0 && g.Slice < len(d.Slices) && !g.Done {
		// Before the first checkpoint the group is at the beginning of its slice.
		slice = fmt.Sprintf("slice %d of %d, %s", g.Slice+1, len(d.Slices), cmp.Or(g.Bucket, d.Slices[g.Slice].From))
	}
	all := []string{fmt.Sprintf("group %d", g.Group), state(g, d.At), slice, "read " + progress.Count(g.Read),
		"delivered " + progress.Count(g.Delivered)}
	if d.Applied > 0 || d.Duplicates > 0 || d.Parked > 0 {
		all = append(all, "applied "+progress.Count(g.Applied))
	} else {
		all = append(all, "taken in "+progress.Count(g.Consumed))
	}
	return append(all, "lanes "+segment.LanesText(g.Lanes))
}

func state(g *lifecycle.GroupProgress, now time.Time) string {
	switch rank(g) {
	case 0:
		return fmt.Sprintf("stalled for %s: %s", progress.Duration(now.Sub(g.Stalled.Since)), clip(g.Stalled.Why))
	case 2:
		return "waits for a reader"
	case 3:
		return "done"
	}
	return progress.Count(int64(g.Rate)) + "/s"
}

// clip keeps a long reason from pushing the numbers out of the line.
func clip(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// aligned joins cells to lines with columns. A cell that is far longer than the others of
// its column does not widen it.
func aligned(table [][]string) []string {
	const widest = 28
	var widths []int
	for _, row := range table {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if n := len([]rune(cell)); n <= widest {
				widths[i] = max(widths[i], n)
			}
		}
	}
	lines := make([]string, len(table))
	for i, row := range table {
		var line strings.Builder
		for column, cell := range row {
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", 2+max(0, widths[column]-len([]rune(cell)))))
		}
		lines[i] = strings.TrimRight(line.String(), " ")
	}
	return lines
}
