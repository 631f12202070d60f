package datastore

import (
	"encoding/json"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// Row is the latest state of an entity in one generation.
type Row struct {
	Entity string `json:"entity"`
	// State is the projection's state as JSON, empty until the first event was
	// applied.
	State json.RawMessage `json:"state,omitempty"`
	// Position is the position of the last event seen, whether it was applied,
	// was a duplicate, or waits because the entity is parked.
	Position event.Position `json:"position"`
	// Count is the number of events applied.
	Count int64 `json:"count"`
	// Chain is the order-dependent digest of all events applied.
	Chain event.Digest `json:"chain"`
	// Duplicates counts events that were not applied because an earlier event
	// has the same source and id; Conflicts counts those whose content differs.
	Duplicates int64 `json:"duplicates,omitempty"`
	Conflicts  int64 `json:"conflicts,omitempty"`
	// Ignored counts events that no projection handles.
	Ignored int64 `json:"ignored,omitempty"`
	// Skipped counts events that are stepped over since a correction names them:
	// those that could not be applied, and those that are reversed. Corrections counts the corrections themselves, also
	// those without effect.
	Skipped     int64 `json:"skipped,omitempty"`
	Corrections int64 `json:"corrections,omitempty"`
	// Projection is the name of the projection whose state this is.
	Projection string `json:"projection,omitempty"`
	// Version is the version of the set of projections. Replay is the replay
	// that built the row, "" for the live path.
	Version string `json:"version"`
	Replay  string `json:"replay,omitempty"`
	// Buckets are the buckets in which the entity has events, ascending, as
	// eventlog.AddBucket keeps them; eventlog.ExpandBuckets lists each.
	Buckets []eventlog.Bucket `json:"buckets"`
	// Filter knows which event ids have certainly not been seen. It is removed
	// once the entity is indexed.
	Filter []byte `json:"filter,omitempty"`
	// Indexed is the position up to which the entity's events are in the
	// identity index. It equals Position once the entity is indexed, is lower
	// while older events are being entered, and "" while the filter and the log
	// detect duplicates.
	Indexed event.Position `json:"indexed,omitempty"`
	// IndexedBucket is the bucket at which entering older events continues, ""
	// before the first step and after the last.
	IndexedBucket eventlog.Bucket `json:"indexedBucket,omitempty"`
	// Parked is set while an event of the entity could not be applied.
	Parked *Parked `json:"parked,omitempty"`
}

// Parked says why an entity is parked. Later events of the entity are counted and
// wait in the log.
type Parked struct {
	Position event.Position `json:"position"`
	Type     string         `json:"type"`
	Reason   string         `json:"reason"`
	// Waiting is the number of events after the rejected one, without duplicates.
	// Named is how many of them are corrections.
	Waiting int64 `json:"waiting,omitempty"`
	Named   int64 `json:"-"`
	// Event is the identity of the rejected event, and Bucket the bucket that it
	// lies in. Both are zero until a correction has come.
	Event  event.Digest    `json:"-"`
	Bucket eventlog.Bucket `json:"-"`
	// Again is set while the events that wait are folded again in steps.
	Again *Again `json:"-"`
}

// Again is how far the events behind a rejected one have been folded again after a
// correction. The row's counts and state are those after these events, and
// Parked.Waiting counts the others; the row's position does not change meanwhile.
type Again struct {
	// After is the last event that was folded again, and Bucket the bucket at
	// which reading continues, "" for the first.
	After  event.Position
	Bucket eventlog.Bucket
	// Over is set if the rejected event is stepped over, and later events are
	// applied. Otherwise a correction that names it is looked for in later events.
	Over bool
}

// Corrected reports whether the row has to do with corrections: an earlier release
// cannot read it.
func (r *Row) Corrected() bool {
	p := r.Parked
	return r.Skipped != 0 || r.Corrections != 0 ||
		p != nil && (p.Named != 0 || p.Event != event.Digest{} || p.Bucket != "" || p.Again != nil)
}

// Clone returns a deep copy, nil for nil.
func (p *Parked) Clone() *Parked {
	if p == nil {
		return nil
	}
	clone := *p
	if p.Again != nil {
		again := *p.Again
		clone.Again = &again
	}
	return &clone
}

// Mark is a consumer's place in a lane of a generation.
type Mark struct {
	// Position is the last position of the event stream that was folded in or
	// skipped, and Logged is the lane's logged time there.
	Position event.Position `json:"position"`
	Logged   int64          `json:"logged"`
	// Ordinal is the number of events up to Position: in a live mark those of
	// the lane, in a replay's mark those that the replay selects. A replay's
	// mark also sums their Bytes and Digest.
	Ordinal int64        `json:"ordinal,omitempty"`
	Bytes   int64        `json:"bytes,omitempty"`
	Digest  event.Digest `json:"digest"`
	// Place is where a reader continues after Ordinal.
	Place json.RawMessage `json:"place,omitempty"`
	// Ignored counts the events up to Position, or Ordinal, that no projection
	// handles, since a release that counts them; nil if there are none. A mark
	// moves by exactly the events that it counts, so each counts once.
	Ignored *Ignored `json:"ignored,omitempty"`
	// Folded counts what became of the events of a replay's mark, since a release that
	// counts it. A batch that was folded and then repeated, because its consumer ended
	// before the mark moved, is not in it: these are lower bounds.
	Folded *Folded `json:"folded,omitempty"`
}

// Folded counts events that were applied and that were duplicates, and entities that
// became parked.
type Folded struct {
	Applied    int64 `json:"applied"`
	Duplicates int64 `json:"duplicates"`
	Parked     int64 `json:"parked"`
}

// Count adds counts to a mark. What a reversal takes back was perhaps never counted, so
// they do not fall below 0.
func (m *Mark) Count(f Folded) {
	if m.Folded != nil {
		f.Applied += m.Folded.Applied
		f.Duplicates += m.Folded.Duplicates
		f.Parked += m.Folded.Parked
	}
	f.Applied, f.Duplicates = max(0, f.Applied), max(0, f.Duplicates)
	m.Folded = &f
}
