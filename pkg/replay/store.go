package replay

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
)

// idPattern matches names that an execution can have and that are safe in logs.
var idPattern = regexp.MustCompile(`^[0-9A-Za-z_-]{1,80}$`)

// CheckID returns ErrRequest for an id that cannot name an execution.
func CheckID(id string) error {
	if !idPattern.MatchString(id) {
		return fmt.Errorf("%w: a name has 1 to 80 of the characters 0-9, A-Z, a-z, - and _", ErrRequest)
	}
	return nil
}

// Store stores replays in the control table. It is safe for concurrent use.
type Store struct {
	Table control.Table
	Now   func() time.Time
	// Version is this program's version of the projections, which the steps of
	// rebuilds compare with the replay's.
	Version string
}

const rowsPartition = "replays"

// RowKey is the key of a replay's row in the control table.
func RowKey(id string) control.Key { return control.Key{Partition: rowsPartition, Sort: id} }

// Partition is the partition of a replay's plan, checkpoints, marks and costs.
func Partition(id string) string { return "replay#" + id }

// Create creates a replay. If one of that id exists, Create returns its row if the
// request is the same, else ErrExists.
func (s Store) Create(ctx context.Context, id string, asked Request) (row Row, created bool, err error) {
	if err := CheckID(id); err != nil {
		return Row{}, false, err
	}
	asked, err = asked.Normalized()
	if err != nil {
		return Row{}, false, err
	}
	row, err = control.Update(ctx, s.Table, RowKey(id), func(row *Row, exists bool) error {
		created = !exists
		if exists {
			if !row.Request.Same(asked) {
				return ErrExists
			}
			return control.Unchanged()
		}
		*row = Row{ID: id, Request: asked, Status: Planned, Created: s.Now().UTC()}
		return nil
	})
	if err != nil {
		return Row{}, false, fmt.Errorf("create replay %s: %w", id, err)
	}
	return row, created, nil
}

// Load returns a replay's row, or ErrNotFound.
func (s Store) Load(ctx context.Context, id string) (Row, error) {
	if CheckID(id) != nil {
		return Row{}, fmt.Errorf("load replay: %w", ErrNotFound)
	}
	row, _, err := control.Load[Row](ctx, s.Table, RowKey(id))
	if errors.Is(err, control.ErrNotFound) {
		err = ErrNotFound
	}
	if err != nil {
		return Row{}, fmt.Errorf("load replay %s: %w", id, err)
	}
	return row, nil
}

// List calls visit for every replay, ordered by id.
func (s Store) List(ctx context.Context, visit func(Row) error) error {
	err := control.Each(ctx, s.Table, rowsPartition, "", func(_ string, row Row) error { return visit(row) })
	if err != nil {
		return fmt.Errorf("list replays: %w", err)
	}
	return nil
}

// Update changes the row of a replay, or returns ErrEnded if it has ended.
func (s Store) Update(ctx context.Context, id string, change func(*Row) error) (Row, error) {
	row, err := control.Update(ctx, s.Table, RowKey(id), func(row *Row, exists bool) error {
		if !exists {
			return ErrNotFound
		}
		if row.Status.Ended() {
			return ErrEnded
		}
		return change(row)
	})
	if err != nil {
		return row, fmt.Errorf("update replay %s: %w", id, err)
	}
	return row, nil
}

// Started records that the replay has an execution. It is idempotent.
func (s Store) Started(ctx context.Context, id string) error {
	_, err := s.Update(ctx, id, func(row *Row) error {
		if row.Started != nil {
			return control.Unchanged()
		}
		at := s.Now().UTC()
		row.Started = &at
		return nil
	})
	if errors.Is(err, ErrEnded) {
		return nil
	}
	return err
}

// End gives a replay its final status, unless check, which may be nil, returns an
// error for the row. A replay that has ended keeps its status, and ended is true
// then. A cancelled replay ends as Cancelled, whatever its execution reports.
func (s Store) End(ctx context.Context, id string, status Status, failure *Failure, check func(*Row) error,
) (row Row, ended bool, err error) {
	row, err = control.Update(ctx, s.Table, RowKey(id), func(row *Row, exists bool) error {
		if !exists {
			return ErrNotFound
		}
		if ended = row.Status.Ended(); ended {
			return control.Unchanged()
		}
		if check != nil {
			if err := check(row); err != nil {
				return err
			}
		}
		at := s.Now().UTC()
		row.Status, row.Failure, row.Ended = status, failure, &at
		row.Paused, row.PausedBy, row.Tokens = false, nil, nil
		if row.Cancel && !row.Promoted {
			row.Status, row.Failure = Cancelled, nil
		}
		return nil
	})
	if err != nil {
		return row, ended, fmt.Errorf("end replay %s: %w", id, err)
	}
	return row, ended, nil
}

// CutRef names a cut of a replay. The first cut has the number 0, and each catch-up the
// next one. Plan, lane plans and checkpoints of each cut are documents of their own, so
// that what a late reader or planner of an earlier cut stores concerns nobody.
type CutRef struct {
	Replay string
	Number int
}

// Present is the newest cut of a replay.
func (r *Row) Present() CutRef { return CutRef{r.ID, r.CatchUps} }

// Next is the cut after the newest one.
func (r *Row) Next() CutRef { return CutRef{r.ID, r.CatchUps + 1} }

func (c CutRef) key(sort string) control.Key {
	if c.Number > 0 {
		sort += "@" + strconv.Itoa(c.Number)
	}
	return control.Key{Partition: Partition(c.Replay), Sort: sort}
}

func (c CutRef) plan() control.Key { return c.key("plan") }

func (c CutRef) lane(lane event.Lane) control.Key { return c.key("lane#" + lane.String()) }

func (c CutRef) checkpoint(t Track) control.Key { return c.key(t.name("checkpoint#")) }

// loadEach loads the documents that exist among those of lanes or tracks.
func loadEach[T any, K comparable](ctx context.Context, table control.Table, of []K, keyOf func(K) control.Key,
) (map[K]T, error) {
	keys := make([]control.Key, len(of))
	index := make(map[control.Key]K, len(of))
	for i, k := range of {
		keys[i] = keyOf(k)
		index[keys[i]] = k
	}
	found := make(map[K]T, len(of))
	err := control.LoadAll(ctx, table, keys, func(key control.Key, value T) { found[index[key]] = value })
	return found, err
}
