package datastore

import (
	"encoding/json"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// Row is the latest state of an entity in one generation.
type Row struct {
	Entity string `json:"entity"`
	// State is the projection's state as JSON; empty before the first event
	// was applied.
	State json.RawMessage `json:"state,omitempty"`
	// Position is that of the last event seen, be it applied, a duplicate, or
	// set aside because the entity is parked.
	Position event.Position `json:"position"`
	// Count is the number of events applied.
	Count int64 `json:"count"`
	// Chain is the order-dependent digest of all events applied.
	Chain event.Digest `json:"chain"`
	// Duplicates counts events that were not applied because their source and
	// id had come before; Conflicts those of them with another content.
	Duplicates int64 `json:"duplicates,omitempty"`
	Conflicts  int64 `json:"conflicts,omitempty"`
	// Ignored counts events that no projection wants.
	Ignored int64 `json:"ignored,omitempty"`
	// Projection is the name of the projection whose state this is.
	Projection string `json:"projection,omitempty"`
	// Version is that of the set of projections, Replay the replay that built
	// the row, "" for the live path.
	Version string `json:"version"`
	Replay  string `json:"replay,omitempty"`
	// Buckets are those in which the entity has events, ascending, as
	// eventlog.AddBucket keeps them; eventlog.ExpandBuckets names each.
	Buckets []eventlog.Bucket `json:"buckets"`
	// Filter says which event ids have certainly not been seen. It is gone once
	// the entity is indexed.
	Filter []byte `json:"filter,omitempty"`
	// Indexed is the position up to which the entity's events are in the
	// identity index: Position once it is indexed, a lower one while older events
	// are being entered, and "" while the filter and the log decide.
	Indexed event.Position `json:"indexed,omitempty"`
	// IndexedBucket is where entering older events goes on, "" at their start or
	// once all are entered.
	IndexedBucket eventlog.Bucket `json:"indexedBucket,omitempty"`
	// Parked is set while an event of the entity could not be applied.
	Parked *Parked `json:"parked,omitempty"`
}

// Parked says why an entity is set aside. Events that come while it is are
// counted and wait in the log.
type Parked struct {
	Position event.Position `json:"position"`
	Type     string         `json:"type"`
	Reason   string         `json:"reason"`
	// Waiting is the number of events that came after the rejected one.
	Waiting int64 `json:"waiting,omitempty"`
}

// Mark is a consumer's place in a lane of a generation.
type Mark struct {
	// Position is the last position of the event stream that is folded in or
	// skipped, Logged the lane's logged time there.
	Position event.Position `json:"position"`
	Logged   int64          `json:"logged"`
	// Ordinal is the number of events up to there: of the lane in a live mark,
	// of what is selected in a replay's, which also sums up Bytes and Digest.
	Ordinal int64        `json:"ordinal,omitempty"`
	Bytes   int64        `json:"bytes,omitempty"`
	Digest  event.Digest `json:"digest"`
	// Place is where reading would go on behind Ordinal.
	Place json.RawMessage `json:"place,omitempty"`
}
