package simulation

import (
	"context"
	"sync"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// badIndex is the Data Store with an identity index whose answers are spoilt.
type badIndex struct {
	datastore.Generations
	spoil func(generation string, entered, first *datastore.Identity)
}

func (b badIndex) Open(id string) datastore.Generation {
	return spoiltIndex{b.Generations.Open(id), id, b.spoil}
}

type spoiltIndex struct {
	datastore.Generation
	id    string
	spoil func(generation string, entered, first *datastore.Identity)
}

func (s spoiltIndex) Identify(
	ctx context.Context, lane event.Lane, events []datastore.Identity,
) ([]datastore.Identity, error) {
	first, err := s.Generation.Identify(ctx, lane, events)
	for i := range first {
		s.spoil(s.id, &events[i], &first[i])
	}
	return first, err
}

// plantForgetful says of every event that it is the first.
func plantForgetful(_ *actor, g datastore.Generations) datastore.Generations {
	return badIndex{g, func(_ string, entered, first *datastore.Identity) { *first = *entered }}
}

// plantSelfish says of an event that was entered before, and not applied
// because of a crash, that it is a repetition of itself.
func plantSelfish() func(*actor, datastore.Generations) datastore.Generations {
	type place struct {
		world      *world
		generation string
		event      datastore.Identity
	}
	var mu sync.Mutex
	entered := make(map[place]bool)
	return func(a *actor, g datastore.Generations) datastore.Generations {
		return badIndex{g, func(id string, e, first *datastore.Identity) {
			mu.Lock()
			defer mu.Unlock()
			at := place{a.world, id, *e}
			if entered[at] && *first == *e {
				first.Position = ""
			}
			entered[at] = true
		}}
	}
}
