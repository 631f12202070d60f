package verify

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection/statediff"
)

// Kind says in what way a generation, or the log itself, is not what it should be.
type Kind string

// The kinds of drift of an entity's row.
const (
	// Missing: the log has events of the entity up to the cut, and there is no row.
	Missing Kind = "missing"
	// Surplus: there is a row, and the log has no event of the entity.
	Surplus Kind = "surplus"
	// Stale: the row has not seen an event at or before the cut, though the lane's
	// consumer has passed it.
	Stale Kind = "stale"
	// Position: the row's position is not that of an event of the entity.
	Position Kind = "position"
	// State: the state is not what the events fold to.
	State Kind = "state"
	// Count: a count of events is not what the log has.
	Count Kind = "count"
	// Chain: the events that were applied are not those of the log, or were applied in
	// another order.
	Chain Kind = "chain"
	// Version: the row belongs to another version of the projections than its generation.
	Version Kind = "version"
	// Parked: the entity is parked and should not be, or the other way round, or at
	// another event.
	Parked Kind = "parked"
	// Index: the identity index is not that of the entity's events.
	Index Kind = "index"
	// Buckets: the row does not know of a bucket that has events of the entity.
	Buckets Kind = "buckets"
)

// The kinds of drift of a lane.
const (
	// Behind: the lane's consumer had not reached the cut when the patience ended.
	Behind Kind = "behind"
	// Head: the lane's head is behind what the log has witnessed, or does not agree with
	// the manifests.
	Head Kind = "head"
	// Manifest: the events of a bucket are not those of its manifest, or it has none.
	Manifest Kind = "manifest"
)

// The kind of drift of a throwaway.
const (
	// Rebuilt: what a replay has built is not what the log folds to, so that the way of
	// replays is at fault, and not the generation that is verified.
	Rebuilt Kind = "rebuilt"
)

// rebuilt are the findings in a throwaway. Those about the log are left out: the generation
// itself was verified against the same log.
func (f *Findings) rebuilt() Findings {
	var all Findings
	for kind, n := range f.Counts {
		if kind != Manifest && kind != Head {
			all.count(Rebuilt, n)
		}
	}
	for _, d := range f.Samples {
		if d.Kind != Manifest && d.Kind != Head {
			d.What = "rebuilt, " + string(d.Kind) + ": " + d.What
			d.Kind = Rebuilt
			all.Samples = append(all.Samples, d)
		}
	}
	return all
}

// Difference is something that is not as it should be.
type Difference struct {
	Kind Kind       `json:"kind"`
	Lane event.Lane `json:"lane"`
	// Entity is the entity whose row differs, "" for a difference of a lane or bucket.
	Entity string `json:"entity,omitempty"`
	// Bucket is where the log differs.
	Bucket eventlog.Bucket `json:"bucket,omitempty"`
	// Position is the row's position, or that of the event that is not in the row.
	Position event.Position `json:"position,omitempty"`
	// What names what differs, Want is what the log says, and Have what was found.
	What string `json:"what"`
	Want string `json:"want,omitempty"`
	Have string `json:"have,omitempty"`
	// Fields are the first of the fields of a state that differ, old being the stored
	// value; there are Differing in all.
	Fields    []statediff.Change `json:"fields,omitempty"`
	Differing int                `json:"differing,omitempty"`
}

const (
	// maxFields bounds Difference.Fields.
	maxFields = 8
	// maxTextBytes bounds a value that a difference shows.
	maxTextBytes = 256
)

// Findings are the differences of a part of the platform.
type Findings struct {
	// Counts are the numbers of differences by kind, each exact.
	Counts map[Kind]int64 `json:"counts,omitempty"`
	// Samples are the first differences, at most maxSamples of them.
	Samples []Difference `json:"samples,omitempty"`
}

// maxSamples bounds the differences that are kept of a lane, so that a document holds
// them.
const maxSamples = 20

// add counts a difference and keeps it while there is room.
func (f *Findings) add(d Difference) {
	f.count(d.Kind, 1)
	if len(f.Samples) < maxSamples {
		d.Want, d.Have = event.Excerpt(d.Want, maxTextBytes), event.Excerpt(d.Have, maxTextBytes)
		f.Samples = append(f.Samples, d)
	}
}

func (f *Findings) count(kind Kind, n int64) {
	if f.Counts == nil {
		f.Counts = make(map[Kind]int64)
	}
	f.Counts[kind] += n
}

// addAll adds other differences.
func (f *Findings) addAll(o Findings) {
	for kind, n := range o.Counts {
		f.count(kind, n)
	}
	f.Samples = append(f.Samples, o.Samples[:min(len(o.Samples), maxSamples-len(f.Samples))]...)
}

// none reports whether nothing differs.
func (f *Findings) none() bool { return len(f.Counts) == 0 }

// compare adds what differs between a stored row and the row that the log's events up
// to its position fold to, nil if there are none. version is the generation's. What a
// row is parked for is not compared: a fold that took too long may be one machine's
// fault.
func (f *Findings) compare(lane event.Lane, stored, folded *datastore.Row, version string) {
	at := Difference{Lane: lane, Entity: stored.Entity, Position: stored.Position}
	if stored.Version != version {
		f.add(at.of(Version, "version of the projections", version, stored.Version))
	}
	if folded == nil {
		f.add(at.of(Surplus, "the log has no event of the entity", "", string(stored.Position)))
		return
	}
	if folded.Position != stored.Position {
		f.add(at.of(Position, "last event up to the row's position", string(folded.Position), string(stored.Position)))
	}
	f.compareCounts(at, stored, folded)
	if stored.Chain != folded.Chain {
		f.add(at.of(Chain, "digest of the events applied, in their order", folded.Chain.String(), stored.Chain.String()))
	}
	if stored.Projection != folded.Projection {
		f.add(at.of(State, "projection", folded.Projection, stored.Projection))
	}
	if !bytes.Equal(stored.State, folded.State) {
		d := at.of(State, "state", "", "")
		d.Fields, d.Differing = statediff.Diff(stored.State, folded.State, maxFields)
		f.add(d)
	}
	if want, have := parkedAt(folded), parkedAt(stored); want != have {
		f.add(at.of(Parked, "the event that the entity is parked at", want, have))
	}
	if lacking := lacking(stored.Buckets, folded.Buckets); lacking != "" {
		f.add(at.of(Buckets, "a bucket with events of the entity", string(lacking), ""))
	}
}

func (d Difference) of(kind Kind, what, want, have string) Difference {
	d.Kind, d.What, d.Want, d.Have = kind, what, want, have
	return d
}

// compareCounts reports the first count that differs: the others mostly follow from it.
func (f *Findings) compareCounts(at Difference, stored, folded *datastore.Row) {
	for _, c := range []struct {
		what       string
		want, have int64
	}{
		{"events applied", folded.Count, stored.Count},
		{"duplicates", folded.Duplicates, stored.Duplicates},
		{"duplicates with other contents", folded.Conflicts, stored.Conflicts},
		{"events that no projection handles", folded.Ignored, stored.Ignored},
		{"events stepped over", folded.Skipped, stored.Skipped},
		{"corrections", folded.Corrections, stored.Corrections},
	} {
		if c.want != c.have {
			f.add(at.of(Count, c.what, strconv.FormatInt(c.want, 10), strconv.FormatInt(c.have, 10)))
			return
		}
	}
}

// parkedAt says where a row is parked, and how many events wait behind, "" if it is not.
func parkedAt(row *datastore.Row) string {
	if row.Parked == nil {
		return ""
	}
	return fmt.Sprintf("%s %s, %d waiting", row.Parked.Position, row.Parked.Type, row.Parked.Waiting)
}

// lacking returns the first bucket of the second list that the first one does not stand
// for, "" if there is none.
func lacking(have, want []eventlog.Bucket) eventlog.Bucket {
	if slices.Equal(have, want) {
		return ""
	}
	known := eventlog.ExpandBuckets(have)
	for _, b := range eventlog.ExpandBuckets(want) {
		if _, found := slices.BinarySearch(known, b); !found {
			return b
		}
	}
	return ""
}

// judge compares the rows with what they fold to. settled says whether the consumer of
// the lane has passed the cut, so that every row must have seen what is before it.
func (s *span) judge(settled bool) {
	f := &s.findings
	for i := range s.rows {
		row := &s.rows[i]
		if row.Parked != nil && row.Parked.Again != nil {
			s.unsettled++
			f.add(Difference{Kind: Stale, Lane: s.lane.id, Entity: row.Entity, Position: row.Position,
				What: "events wait to be folded again after a correction"})
			continue
		}
		f.compare(s.lane.id, row, s.into.Row(row.Entity), s.lane.version)
		if unseen := s.held[row.Entity].unseen; unseen != "" && settled {
			f.add(Difference{Kind: Stale, Lane: s.lane.id, Entity: row.Entity, Position: unseen,
				What: "the last event seen, and the first one that is not", Want: string(unseen),
				Have: string(row.Position)})
		}
	}
	if settled {
		s.judgeMissing()
	}
}

func (s *span) judgeMissing() {
	for _, entity := range slices.Sorted(maps.Keys(s.missing)) {
		events := s.missing[entity]
		s.findings.add(Difference{Kind: Missing, Lane: s.lane.id, Entity: entity,
			What: "events up to the cut, and no row", Want: fmt.Sprint(events)})
	}
	if s.others > 0 {
		s.findings.add(Difference{Kind: Missing, Lane: s.lane.id,
			What: "events of further entities without a row", Want: fmt.Sprint(s.others)})
	}
}
