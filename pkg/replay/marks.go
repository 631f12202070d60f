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

// key is where the mark of a replay that is no rebuild is stored. Its cut never moves.
func (m marks) key(t Track) control.Key {
	return control.Key{Partition: Partition(m.id), Sort: t.name("mark#")}
}

func (m marks) load(ctx context.Context, t Track) (datastore.Mark, markVersion, error) {
	if m.generation != nil {
		mark, version, err := m.generation.Mark(ctx, datastore.ReplayMark, t.Lane)
		if errors.Is(err, datastore.ErrNoMark) {
			return datastore.Mark{}, "", nil
		}
		return mark, markVersion(version), err
	}
	mark, version, err := control.Load[datastore.Mark](ctx, m.store.Table, m.key(t))
	if errors.Is(err, control.ErrNotFound) {
		return datastore.Mark{}, "", nil
	}
	return mark, markVersion(version), err
}

// move stores a mark over the version that was loaded. If another consumer moved it
// in between, that is an error, and the batch must be retried.
func (m marks) move(ctx context.Context, t Track, mark datastore.Mark, previous markVersion) error {
	var err error
	if m.generation != nil {
		_, err = m.generation.SetMark(ctx, datastore.ReplayMark, t.Lane, mark, datastore.MarkVersion(previous))
	} else {
		_, err = control.Store(ctx, m.store.Table, m.key(t), mark, control.Version(previous))
	}
	if err != nil {
		return fmt.Errorf("move mark of lane %s: %w", t.Lane, err)
	}
	return nil
}

// loadAll returns the marks of tracks; one that does not exist yet counts as zero.
func (m marks) loadAll(ctx context.Context, tracks []Track) (map[Track]datastore.Mark, error) {
	if m.generation == nil {
		all, err := loadEach[datastore.Mark](ctx, m.store.Table, tracks, m.key)
		if err != nil {
			return nil, fmt.Errorf("load marks: %w", err)
		}
		return all, nil
	}
	lanes := make([]event.Lane, len(tracks)) // a rebuild is ordered
	for i, t := range tracks {
		lanes[i] = t.Lane
	}
	found, err := datastore.ReplayMarks(ctx, m.generation, lanes)
	byTrack := make(map[Track]datastore.Mark, len(found))
	for lane, mark := range found {
		byTrack[Track{Lane: lane}] = mark
	}
	return byTrack, err
}

// laneSums adds up, for each lane, the checkpoints and marks of its tracks. A lane has
// an end marker if all of them have.
func (m marks) laneSums(ctx context.Context, row Row) (
	map[event.Lane]Checkpoint, map[event.Lane]datastore.Mark, error,
) {
	tracks := row.tracks()
	checkpoints, err := m.store.LoadTracks(ctx, row.Present(), tracks)
	if err != nil {
		return nil, nil, err
	}
	held, err := m.loadAll(ctx, tracks)
	if err != nil {
		return nil, nil, err
	}
	sums, applied := make(map[event.Lane]Checkpoint), make(map[event.Lane]datastore.Mark)
	for _, track := range tracks {
		sum, begun := sums[track.Lane]
		at, mark := checkpoints[track], held[track]
		if !begun {
			sums[track.Lane], applied[track.Lane] = at, mark
			continue
		}
		sums[track.Lane] = sum.plus(at)
		total := applied[track.Lane]
		total.Ordinal += mark.Ordinal
		total.Bytes += mark.Bytes
		total.Digest = total.Digest.Add(mark.Digest)
		applied[track.Lane] = total
	}
	return sums, applied, nil
}

// Marks returns how far the consumer of a replay has come in each track; none if its
// generation is gone or no longer being built.
func (s Store) Marks(
	ctx context.Context, registry datastore.Registry, generations datastore.Generations, row Row,
) (map[Track]datastore.Mark, error) {
	m, err := openMarks(ctx, s, registry, generations, row)
	if errors.Is(err, datastore.ErrUnknown) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	marks, err := m.loadAll(ctx, row.tracks())
	if errors.Is(err, datastore.ErrNoGeneration) {
		return nil, nil
	}
	return marks, err
}

// TakenIn reports whether everything up to the replay's cut was read, and the marks of
// its generation have reached the end of every lane.
func (s Store) TakenIn(ctx context.Context, row Row, marks map[event.Lane]datastore.Mark) (bool, error) {
	ends, err := s.LoadCheckpoints(ctx, row, row.Lanes)
	for _, lane := range row.Lanes {
		end := ends[lane].End
		if err != nil || end == nil || marks[lane].Ordinal < end.Delivered.Count {
			return false, err
		}
	}
	return true, nil
}
