package board

import "reprise/pkg/replay/lifecycle"

// Steady keeps the numbers of one replay from falling: a document may be read from a copy
// of the store that is behind. The zero value is ready for use by one goroutine.
type Steady struct {
	all     lifecycle.Counts
	percent float64
	groups  map[int]lifecycle.Counts
}

// Keep raises every count and the percentage to what was seen before.
func (s *Steady) Keep(d *lifecycle.Detail) {
	if s.groups == nil {
		s.groups = make(map[int]lifecycle.Counts)
	}
	s.all = highest(s.all, d.Counts)
	d.Counts = s.all
	for i := range d.Groups {
		g := &d.Groups[i]
		s.groups[g.Group] = highest(s.groups[g.Group], g.Counts)
		g.Counts = s.groups[g.Group]
	}
	if d.Percent != nil {
		s.percent = max(s.percent, *d.Percent)
		percent := s.percent
		d.Percent = &percent
	}
}

func highest(a, b lifecycle.Counts) lifecycle.Counts {
	return lifecycle.Counts{
		Read:       max(a.Read, b.Read),
		Filtered:   max(a.Filtered, b.Filtered),
		Delivered:  max(a.Delivered, b.Delivered),
		Consumed:   max(a.Consumed, b.Consumed),
		Applied:    max(a.Applied, b.Applied),
		Duplicates: max(a.Duplicates, b.Duplicates),
		Parked:     max(a.Parked, b.Parked),
	}
}
