package replay

import (
	"cmp"
	"slices"

	"reprise/pkg/eventlog"
)

// maxSlices bounds the slices of a plan.
const maxSlices = 32

// bucketRange is the range [from, to) of buckets that a request touches.
func bucketRange(r Request, width eventlog.Width) (from, to eventlog.Bucket) {
	if r.From != nil {
		from = width.Of(r.From.UnixMilli())
	}
	if r.To != nil {
		last := width.Of(r.To.UnixMilli() - 1)
		if _, end, err := width.Range(last); err == nil {
			to = width.Of(end)
		}
	}
	return from, to
}

// divide cuts time into slices and lanes into groups of about equal weight.
func divide(weights []weight, groups int) Plan {
	perBucket := make(map[eventlog.Bucket]int64)
	var heavy []weight
	for _, w := range weights {
		if w.bytes == 0 {
			continue
		}
		heavy = append(heavy, w)
		for b, bytes := range w.buckets {
			perBucket[b] += bytes
		}
	}
	return Plan{Slices: cutSlices(perBucket), Groups: cutGroups(heavy, groups)}
}

// lanes are those of all groups, ascending.
func (p *Plan) lanes() []int {
	var lanes []int
	for _, g := range p.Groups {
		for _, lane := range g.Lanes {
			lanes = append(lanes, int(lane))
		}
	}
	slices.Sort(lanes)
	return lanes
}

// cutSlices ends a slice at the first bucket at which it has its share of what
// is left.
func cutSlices(perBucket map[eventlog.Bucket]int64) []Slice {
	buckets := make([]eventlog.Bucket, 0, len(perBucket))
	var left int64
	for b, bytes := range perBucket {
		buckets = append(buckets, b)
		left += bytes
	}
	slices.Sort(buckets)
	count := min(len(buckets), maxSlices)
	out := make([]Slice, 0, count)
	for i, b := range buckets {
		open := len(out) - 1
		if open < 0 || (out[open].Weight*int64(count-open) >= left && open < count-1) {
			if open >= 0 {
				left -= out[open].Weight
				out[open].To = b
			}
			out = append(out, Slice{From: buckets[i]})
			open++
		}
		out[open].Weight += perBucket[b]
	}
	return out
}

// cutGroups gives the heaviest lane left to the lightest group (Graham's rule:
// at most 4/3 of the best possible largest group).
func cutGroups(lanes []weight, count int) []Group {
	count = min(count, len(lanes))
	groups := make([]Group, count)
	slices.SortStableFunc(lanes, func(a, b weight) int { return cmp.Compare(b.bytes, a.bytes) })
	for _, w := range lanes {
		lightest := 0
		for i := range groups {
			if groups[i].Weight < groups[lightest].Weight {
				lightest = i
			}
		}
		groups[lightest].Lanes = append(groups[lightest].Lanes, w.lane)
		groups[lightest].Weight += w.bytes
	}
	for i := range groups {
		slices.Sort(groups[i].Lanes)
	}
	return groups
}
