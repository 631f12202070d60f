package segment

import (
	"slices"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/request"
)

// part is what one child reads at a time: a lane group, over the slices [from, to).
type part struct {
	lanes    []event.Lane
	from, to int
	// track is the number of the only slice in an unordered replay, else 0.
	track int
	// last says that the lanes end with the last slice.
	last bool
}

// assigned are the parts of one of all children: its lane group over all slices, or
// up to the one that the replay's window has opened; in an unordered replay some of the
// segments.
func assigned(row replay.Row, plan replay.Plan, child, all int) []part {
	slices := plan.End()
	if row.Request.Order() != request.Unordered {
		p := part{lanes: plan.Groups[child].Lanes, from: plan.First, to: slices, last: true}
		if row.Windowed() {
			p.to, p.last = min(row.Window+1, slices), row.Window+1 >= slices
		}
		return []part{p}
	}
	var parts []part
	for segment := child; segment < slices*len(plan.Groups); segment += all {
		slice := segment / len(plan.Groups)
		lanes := plan.Groups[segment%len(plan.Groups)].Lanes
		parts = append(parts, part{lanes: lanes, from: slice, to: slice + 1, track: slice + 1, last: true})
	}
	return parts
}

// bounded are the slices within the bounds of the request.
func (r *run) bounded(plan *replay.Plan) []replay.Slice {
	all := slices.Clone(plan.Slices)
	from, to := replay.BucketRange(r.row.Request, r.reader.Width)
	for i := range all {
		if i == 0 && plan.First == 0 {
			all[i].From = from
		}
		if all[i].To == "" {
			all[i].To = to
		}
	}
	return all
}

// sliceOf is the index of the slice that a bucket is in.
func sliceOf(p *replay.Plan, bucket eventlog.Bucket) int {
	at := slices.IndexFunc(p.Slices, func(s replay.Slice) bool { return s.To == "" || bucket < s.To })
	return max(0, at)
}
