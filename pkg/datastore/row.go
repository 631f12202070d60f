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
	// Waiting is the number of events after the rejected one.
	Waiting int64 `json:"waiting,omitempty"`
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
}
