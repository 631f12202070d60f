package codecheck

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// The limits of a sample.
const (
	maxSample = 64
	// maxSampledLanes bounds the lanes that are looked at, and rowsPerLane the rows
	// of each.
	maxSampledLanes = 64
	rowsPerLane     = 16
	// maxSampleState and maxSampleBuckets leave entities out that cost much memory
	// or many queries. Those with an identity index, which are large, are left out,
	// too.
	maxSampleState   = 16 << 10
	maxSampleBuckets = 32
)

// placed is a row with its lane.
type placed struct {
	lane event.Lane
	row  datastore.Row
}

// sampleOf returns at most maxSample rows of small entities. The same rows give the
// same sample: projections take turns in it, and so do lanes.
func sampleOf(ctx context.Context, g datastore.Generation, lanes int, version string) ([]placed, error) {
	byLane := make([][]placed, 0, min(lanes, maxSampledLanes))
	apart := max(1, lanes/maxSampledLanes)
	for lane := 0; lane < lanes; lane += apart {
		rows, err := g.Scan(ctx, event.Lane(lane), "", rowsPerLane)
		if err != nil {
			return nil, fmt.Errorf("read rows of lane %d: %w", lane, err)
		}
		var small []placed
		for i := range rows {
			if isSmall(&rows[i]) && rows[i].Version == version {
				small = append(small, placed{event.Lane(lane), rows[i]})
			}
		}
		byLane = append(byLane, small)
	}
	byProjection := make(map[string][]placed)
	for _, p := range inTurns(byLane) {
		byProjection[p.row.Projection] = append(byProjection[p.row.Projection], p)
	}
	lists := make([][]placed, 0, len(byProjection))
	for _, name := range slices.Sorted(maps.Keys(byProjection)) {
		lists = append(lists, byProjection[name])
	}
	sample := inTurns(lists)
	return sample[:min(len(sample), maxSample)], nil
}

func isSmall(row *datastore.Row) bool {
	return row.Indexed == "" && len(row.State) <= maxSampleState && len(row.Buckets) <= maxSampleBuckets
}

// inTurns returns the first element of each list, then the second of each, and so on.
func inTurns(lists [][]placed) []placed {
	var all []placed
	for i, more := 0, true; more; i++ {
		more = false
		for _, list := range lists {
			if i < len(list) {
				all, more = append(all, list[i]), true
			}
		}
	}
	return all
}
