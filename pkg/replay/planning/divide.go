package planning

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/request"
)

const (
	// maxSlices bounds the slices of a plan that chooses them, and maxGivenSlices
	// those of a width that a request gives, so that the plan fits into one item.
	maxSlices      = 32
	maxGivenSlices = 1024
	// maxTracks bounds the lanes times the slices of an unordered replay, each of
	// which has a checkpoint and a mark of its own.
	maxTracks = 8192
)

// divide cuts time into slices and lanes into groups of about equal weight. It
// returns replay.ErrRequest if the request's slices are too narrow.
func divide(weights []weight, r replay.Request, width eventlog.Width) (replay.Plan, error) {
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
	plan := replay.Plan{Groups: cutGroups(heavy, replay.GroupsPerReader*max(1, r.Parallelism))}
	most, mostGiven := maxSlices, maxGivenSlices
	if r.Order() == request.Unordered {
		tracks := max(1, maxTracks/max(1, len(heavy)))
		most, mostGiven = min(most, tracks), min(mostGiven, tracks)
	}
	if r.Slice == "" {
		plan.Slices = cutSlices(perBucket, most)
		return plan, nil
	}
	if err := r.CheckSlice(time.Duration(width)); err != nil {
		return replay.Plan{}, err
	}
	plan.Slices = gridSlices(perBucket, r, width)
	if n := len(plan.Slices); n > mostGiven {
		return replay.Plan{}, fmt.Errorf("%w: slice %s makes %d time slices; at most %d are possible here",
			replay.ErrRequest, r.Slice, n, mostGiven)
	}
	return plan, nil
}

// gridSlices cuts time into slices of the request's width, from its beginning on, or
// from the first bucket. A slice without events is left out.
func gridSlices(perBucket map[eventlog.Bucket]int64, r replay.Request, width eventlog.Width) []replay.Slice {
	buckets := slices.Sorted(maps.Keys(perBucket))
	var out []replay.Slice
	var origin, last int64
	for i, b := range buckets {
		from, _, err := width.Range(b)
		if err != nil {
			continue // no bucket of a log
		}
		if i == 0 {
			if origin = from; r.From != nil {
				origin, _, _ = width.Range(width.Of(r.From.UnixMilli()))
			}
		}
		index := (from - origin) / r.Slice.Duration().Milliseconds()
		if len(out) == 0 || index != last {
			if len(out) > 0 {
				out[len(out)-1].To = b
			}
			out, last = append(out, replay.Slice{From: b}), index
		}
		out[len(out)-1].Weight += perBucket[b]
	}
	return out
}

// cutSlices ends a slice at the first bucket at which it has its share of the
// remaining bytes.
func cutSlices(perBucket map[eventlog.Bucket]int64, most int) []replay.Slice {
	buckets := slices.Sorted(maps.Keys(perBucket))
	var remaining int64
	for _, bytes := range perBucket {
		remaining += bytes
	}
	count := min(len(buckets), most)
	out := make([]replay.Slice, 0, count)
	for i, b := range buckets {
		open := len(out) - 1
		if open < 0 || (out[open].Weight*int64(count-open) >= remaining && open < count-1) {
			if open >= 0 {
				remaining -= out[open].Weight
				out[open].To = b
			}
			out = append(out, replay.Slice{From: buckets[i]})
			open++
		}
		out[open].Weight += perBucket[b]
	}
	return out
}

// cutGroups gives the heaviest remaining lane to the lightest group (Graham's rule:
// the largest group is at most 4/3 of the best possible one).
func cutGroups(lanes []weight, count int) []replay.Group {
	count = min(count, len(lanes))
	groups := make([]replay.Group, count)
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
