package codecheck

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/projection"
)

// maxLanes bounds the lanes that are listed of a projection.
const maxLanes = 16

// Comparison counts entities by whether two folds of the same events, with the same
// version of the projections, agree.
type Comparison struct {
	// Generation is the one whose rows were compared.
	Generation string `json:"generation"`
	// Compared is the number of entities that allow a conclusion, and Differing how
	// many of them differ.
	Compared  int64 `json:"compared"`
	Differing int64 `json:"differing"`
	// Projections are those of the entities that differ, by name.
	Projections []Differing `json:"projections,omitempty"`
	// Partial means that time ran out, or rows could not be read, before every
	// entity was looked at.
	Partial bool `json:"partial,omitempty"`
}

// Differing counts the entities of a projection that differ.
type Differing struct {
	Projection string `json:"projection"`
	Entities   int64  `json:"entities"`
	// Lanes are the lowest lanes of these entities, at most maxLanes.
	Lanes []event.Lane `json:"lanes"`
}

// Conclude compares an older row of an entity with a row that the present code has
// folded. conclusive is false if the rows allow no conclusion: the code of a version
// may learn to accept an event that it rejected, so rows differ legitimately once the
// older code has rejected one.
func Conclude(old, fresh *datastore.Row) (conclusive, differs bool) {
	switch {
	case old.Position != fresh.Position || old.Version != fresh.Version:
		return false, false
	case old.Count == fresh.Count && old.Chain == fresh.Chain:
		// The same events were applied in the same order.
		return true, old.Projection != fresh.Projection || !bytes.Equal(old.State, fresh.State)
	case old.Parked != nil || old.Skipped > 0 || fresh.Skipped > 0 || rejectsByTime(fresh):
		return false, false
	}
	// The older code has rejected nothing.
	same := seen(old) == seen(fresh)
	return same, same
}

// rejectsByTime reports whether a row is parked because a fold took too long, which may
// be the machine's fault.
func rejectsByTime(row *datastore.Row) bool {
	return row.Parked != nil && strings.HasPrefix(row.Parked.Reason, projection.ErrRunaway.Error())
}

// seen is the number of events up to a row's position.
func seen(row *datastore.Row) int64 {
	var counts datastore.Counts
	counts.Add(row)
	return counts.Seen()
}

// add counts two rows of an entity.
func (c *Comparison) add(lane event.Lane, old, fresh *datastore.Row) {
	conclusive, differs := Conclude(old, fresh)
	if !conclusive {
		return
	}
	c.Compared++
	if differs {
		name := cmp.Or(fresh.Projection, old.Projection)
		c.Merge(Comparison{Differing: 1, Projections: []Differing{{name, 1, []event.Lane{lane}}}})
	}
}

// Merge adds the counts of other entities.
func (c *Comparison) Merge(o Comparison) {
	c.Compared += o.Compared
	c.Differing += o.Differing
	c.Partial = c.Partial || o.Partial
	for _, d := range o.Projections {
		at, found := slices.BinarySearchFunc(c.Projections, d.Projection, func(have Differing, name string) int {
			return cmp.Compare(have.Projection, name)
		})
		if !found {
			c.Projections = slices.Insert(c.Projections, at, Differing{Projection: d.Projection})
		}
		have := &c.Projections[at]
		have.Entities += d.Entities
		have.Lanes = append(slices.Clone(have.Lanes), d.Lanes...)
		slices.Sort(have.Lanes)
		have.Lanes = slices.Compact(have.Lanes)
		have.Lanes = have.Lanes[:min(len(have.Lanes), maxLanes)]
	}
}
