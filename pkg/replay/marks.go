package replay

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// marks stores how far a replay's consumer has come in each lane: for a rebuild with
// the rows of its generation, for any other replay in the control table.
type marks struct {
	store      Store
	id         string
	generation datastore.Generation
	// version is the generation's version of the projections.
	version string
}

// markVersion is the version of a mark, wherever it is stored.
type markVersion string

// openMarksFor returns the marks of a replay to a step, or ErrOtherVersion if its
// generation is of another version of the projections than the step's.
func openMarksFor(ctx context.Context, version string, store Store, registry datastore.Registry,
	generations datastore.Generations, row Row,
) (marks, error) {
	m, err := openMarks(ctx, store, registry, generations, row)
	if err == nil && m.generation != nil && m.version != version {
		err = OtherVersion(m.version, version)
	}
	return m, err
}

// openMarks returns the marks of a replay. ErrUnknown means that the replay does not
// own its generation, or that the generation is no longer being built.
func openMarks(
	ctx context.Context, store Store, registry datastore.Registry, generations datastore.Generations, row Row,
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
	return marks{
		store:      store,
		id:         row.ID,
		generation: generations.Open(row.Generation),
		version:    info.Version,
	}, nil
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

// move stores a mark over the version that was loaded. If another consumer moved it
// in between, that is an error, and the batch must be retried.
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

// loadAll returns the marks of lanes; one that does not exist yet counts as zero.
func (m marks) loadAll(ctx context.Context, lanes []event.Lane) (map[event.Lane]datastore.Mark, error) {
	if m.generation != nil {
		return datastore.ReplayMarks(ctx, m.generation, lanes)
	}
	all, err := loadLanes[datastore.Mark](ctx, m.store.Table, m.id, lanes, markKey)
	if err != nil {
		return nil, fmt.Errorf("load marks: %w", err)
	}
	return all, nil
}

// Consumed returns how many events of a replay were consumed; 0 if its generation is
// gone or no longer being built.
func (s Store) Consumed(ctx context.Context, registry datastore.Registry, generations datastore.Generations, row Row,
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
