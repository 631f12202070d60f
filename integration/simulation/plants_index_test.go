package simulation

import (
	"context"
	"sync"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// badIndex is a Data Store whose identity index gives wrong answers.
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

// plantForgetful reports every event as the first.
func plantForgetful(_ *actor, g datastore.Generations) datastore.Generations {
	return badIndex{g, func(_ string, entered, first *datastore.Identity) { *first = *entered }}
}

// plantSelfish reports an event as a repetition of itself if it was entered
// before but, because of a crash, not applied.
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
