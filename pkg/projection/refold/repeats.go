package refold

import (
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/projection"
)

// Repeats are the events of one entity whose identity an earlier event has. They are
// found in passes over its history, each of which keeps a part of the identities in
// memory. It is for one goroutine.
type Repeats struct {
	// Passes is the number of passes, and Most bounds the identities, and the repeats,
	// that are in memory.
	Passes, Most int

	pass  uint64
	seen  map[event.Digest]datastore.Identity
	found map[event.Position]datastore.Identity
}

// Begin begins a pass, the first of which is 0.
func (r *Repeats) Begin(pass int) {
	r.pass, r.seen = uint64(max(pass, 0)), make(map[event.Digest]datastore.Identity)
	if r.found == nil {
		r.found = make(map[event.Position]datastore.Identity)
	}
}

// Take looks at the next event of a pass. It returns ErrFull if there are too many.
func (r *Repeats) Take(p *projection.Placed) error {
	key := p.Event.Identity()
	if key.Lo%uint64(max(r.Passes, 1)) != r.pass {
		return nil
	}
	if first, again := r.seen[key]; again {
		r.found[p.Position] = first
	} else {
		r.seen[key] = datastore.Identity{
			Entity: p.Event.Subject, Key: key, Position: p.Position, Content: event.ContentOf(p.Line).Hi,
		}
	}
	if len(r.seen) > r.Most || len(r.found) > r.Most {
		return ErrFull
	}
	return nil
}

// End ends the last pass, and forgets what only passes need.
func (r *Repeats) End() { r.seen = nil }

// first is the first event with the identity of one.
func (r *Repeats) first(e datastore.Identity) datastore.Identity {
	if first, again := r.found[e.Position]; again {
		return first
	}
	return e
}
