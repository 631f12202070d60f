package replay

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// marks keeps how far a replay's consumer has come in each lane: with the rows
// of the generation that a rebuild fills, or, for a replay that is only
// delivered, in the control table.
type marks struct {
	store      Store
	id         string
	generation datastore.Generation
	// version is the generation's.
	version string
}

// markVersion is the version of a mark in either place.
type markVersion string

// openMarks returns the marks of a replay. ErrUnknown means that the replay does
// not own its generation, or that the generation is not being built any more.
func openMarks(ctx context.Context, store Store, registry datastore.Registry, generations datastore.Generations, row Row,
) (marks, error) {
	if row.Generation == "" {
		if row.Request.Rebuild {
			return marks{}, datastore.ErrUnknown
		}
		return marks{store: store, id: row.ID}, nil
	}
	registered, err := registry.Load(ctx)
	if err != nil {
		return marks{}, err
	}
	info, found := registered.Find(row.Generation)
	if !found || info.Replay != row.ID || info.Status != datastore.Building {
		return marks{}, datastore.ErrUnknown
	}
	return marks{store: store, id: row.ID, generation: generations.Open(row.Generation), version: info.Version}, nil
}

func markKey(id string, lane event.Lane) control.Key {
	return control.Key{Partition: Partition(id), Sort: "mark#" + lane.String()}
}

func (m marks) load(ctx context.Context, lane event.Lane) (datastore.Mark, markVersion, error) {
	if m.generation != nil {
		mark, version, err := m.generation.Mark(ctx, datastore.ReplayMark, lane)
		if errors.Is(err, datastore.ErrNoMark) {
			return datastore.Mark{}, "", nil
		}
		return mark, markVersion(version), err
	}
	mark, version, err := control.Load[datastore.Mark](ctx, m.store.Table, markKey(m.id, lane))
	if errors.Is(err, control.ErrNotFound) {
		return datastore.Mark{}, "", nil
	}
	return mark, markVersion(version), err
}

// move moves a mark from the version that was loaded; another consumer's move
// in between is an error, and the batch comes again.
func (m marks) move(ctx context.Context, lane event.Lane, mark datastore.Mark, previous markVersion) error {
	var err error
	if m.generation != nil {
		_, err = m.generation.SetMark(ctx, datastore.ReplayMark, lane, mark, datastore.MarkVersion(previous))
	} else {
		_, err = control.Store(ctx, m.store.Table, markKey(m.id, lane), mark, control.Version(previous))
	}
	if err != nil {
		return fmt.Errorf("move mark of lane %s: %w", lane, err)
	}
	return nil
}

// loadAll returns the marks of lanes, the zero Mark where there is none yet.
func (m marks) loadAll(ctx context.Context, lanes []event.Lane) (map[event.Lane]datastore.Mark, error) {
	if m.generation != nil {
		return datastore.ReplayMarks(ctx, m.generation, lanes)
	}
	keys := make([]control.Key, len(lanes))
	index := make(map[control.Key]event.Lane, len(lanes))
	for i, lane := range lanes {
		keys[i] = markKey(m.id, lane)
		index[keys[i]] = lane
	}
	all := make(map[event.Lane]datastore.Mark, len(lanes))
	err := control.LoadAll(ctx, m.store.Table, keys, func(key control.Key, mark datastore.Mark) { all[index[key]] = mark })
	if err != nil {
		return nil, fmt.Errorf("load marks: %w", err)
	}
	return all, nil
}

// Applied returns how many events the consumer of a replay has taken in; none
// where the replay's generation is gone, or not being built any more.
func (s Store) Applied(ctx context.Context, registry datastore.Registry, generations datastore.Generations, row Row,
) (events int64, err error) {
	m, err := openMarks(ctx, s, registry, generations, row)
	if errors.Is(err, datastore.ErrUnknown) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	marks, err := m.loadAll(ctx, row.Lanes)
	if err != nil && !errors.Is(err, datastore.ErrNoGeneration) {
		return 0, err
	}
	for _, mark := range marks {
		events += mark.Ordinal
	}
	return events, nil
}
