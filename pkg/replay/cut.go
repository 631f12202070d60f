package replay

import (
	"context"
	"errors"
	"strconv"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// MaxCatchUps bounds how often the cut of a replay is moved, and so its documents. At a
// retention of a day that is more than a year of passes.
const MaxCatchUps = 1000

// ErrNeverCatchesUp says that the cut of a rebuild was moved as often as it may be: the log
// grows as fast as the rebuild reads it.
var ErrNeverCatchesUp = errors.New("the rebuild does not catch up with the log: " +
	"it needs a higher rate or more readers")

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

// Outdated reports whether the cut is older than half of the event stream's retention, so
// that a consumer which begins at it might come too late. A retention of 0 is for ever.
func (r *Row) Outdated(now time.Time, retention time.Duration) bool {
	return retention > 0 && r.Cut != nil && now.Sub(*r.Cut) > retention/2
}

// FirstCut is when the replay's first cut was frozen, nil before that.
func (r *Row) FirstCut() *time.Time {
	if r.Began != nil {
		return r.Began
	}
	return r.Cut
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
