package past

import (
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// Outcome is what became of an event when it came.
type Outcome string

// The outcomes.
const (
	// Applied: a projection folded it into the state.
	Applied Outcome = "applied"
	// Repeated: an earlier event of the entity has the same source and id.
	Repeated Outcome = "duplicate"
	// Conflict: an earlier event has the same source and id, and another content.
	Conflict Outcome = "conflict"
	// Ignored: no projection handles its type.
	Ignored Outcome = "ignored"
	// Parked: it could not be applied, and the entity is parked at it.
	Parked Outcome = "parked"
	// Waiting: it waits behind the event at which the entity is parked.
	Waiting Outcome = "waiting"
	// Correction: it names an event to step over, or has the entity folded again.
	Correction Outcome = "correction"
)

// outcome tells from the rows before and after an event what became of it.
func outcome(before, after *datastore.Row, e *event.Event) Outcome {
	switch {
	case after.Conflicts > before.Conflicts:
		return Conflict
	case after.Duplicates > before.Duplicates:
		return Repeated
	case event.IsCorrection(e) || after.Corrections > before.Corrections:
		return Correction
	case after.Ignored > before.Ignored:
		return Ignored
	case after.Parked != nil && before.Parked != nil:
		return Waiting
	case after.Parked != nil:
		return Parked
	}
	return Applied
}
