package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

const (
	// stalledAfter is how long a lane group may read nothing, without a reason, before
	// it counts as stalled: longer than readers wait between two retries.
	stalledAfter = time.Minute
	// current is how long ago a group may have moved for its rate to be the present one.
	current = 10 * time.Second
)

// Counts are what became of the events of a replay so far. No count ever falls: while
// lanes are read again, Read, Filtered and Delivered stay.
type Counts struct {
	// Read events were read. Filtered of them were not selected, the others Delivered.
	Read      int64 `json:"read"`
	Filtered  int64 `json:"filtered"`
	Delivered int64 `json:"delivered"`
	// Consumed events were taken in by the consumer.
	Consumed int64 `json:"consumed"`
	// Applied and Duplicates are events of a rebuild, and Parked entities that became
	// parked: at least these, since a batch that is repeated is not counted again.
	Applied    int64 `json:"applied"`
	Duplicates int64 `json:"duplicates"`
	Parked     int64 `json:"parked"`
}

// GroupProgress is the progress of a lane group.
type GroupProgress struct {
	Group int          `json:"group"`
	Lanes []event.Lane `json:"lanes"`
	// Total is the number of events in the group's buckets, up to the cut, 0 if it is
	// unknown.
	Total int64 `json:"total"`
	Counts
	// Slice is the number of the time slice, from 0, that is being read, and Bucket the
	// earliest bucket of a lane that is not done; in an unordered replay -1 and "".
	Slice  int             `json:"slice"`
	Bucket eventlog.Bucket `json:"bucket"`
	Done   bool            `json:"done"`
	// Rate is how many events a second are read at present, Moved when something was
	// last read, nil if nothing was.
	Rate  float64    `json:"rate"`
	Moved *time.Time `json:"moved"`
	// Stalled is set while the group should be read and is not.
	Stalled *Stall `json:"stalled,omitempty"`
}

// Stall says since when a group has read nothing, and the last error that was noted.
type Stall struct {
	Since time.Time `json:"since"`
	Why   string    `json:"why"`
}

// ETA is a range for the time left: at the fastest and at the slowest rate that was
// measured.
type ETA struct {
	LeastSeconds float64 `json:"leastSeconds"`
	MostSeconds  float64 `json:"mostSeconds"`
}

// Detail is the progress of a replay in detail.
type Detail struct {
	ID     string        `json:"id"`
	Status replay.Status `json:"status"`
	Phase  replay.Status `json:"phase"`
	At     time.Time     `json:"at"`
	// Total and Percent are those of reading and consuming together; Percent is nil
	// while Total is unknown, and falls only when the cut is moved, since Total grows then.
	Total   int64    `json:"total"`
	Percent *float64 `json:"percent"`
	Counts
	// Rate is how many events a second are read at present, and Average how many were
	// consumed on average since the first cut, pauses included.
	Rate    float64 `json:"rate"`
	Average float64 `json:"average"`
	// ETA is nil while it is unknown.
	ETA  *ETA  `json:"eta"`
	Pace *Pace `json:"pace,omitempty"`
	// PausedBy and Budget are those of the replay's View.
	PausedBy *replay.PauseReason `json:"pausedBy,omitempty"`
	Budget   *Budget             `json:"budget,omitempty"`
	// Waiting is set while the replay waits for its consumer.
	Waiting *replay.WaitingFor `json:"waiting,omitempty"`
	// Parallelism and Readers are as in PlanView.
	Parallelism int `json:"parallelism"`
	Readers     int `json:"readers"`
	// CatchUps is as in PlanView, and Cut the present cut. Slices are the time slices of
	// its plan, and Groups its lane groups; the counts are those of all cuts.
	CatchUps int             `json:"catchUps"`
	Cut      *time.Time      `json:"cut"`
	Slices   []replay.Slice  `json:"slices"`
	Groups   []GroupProgress `json:"groups"`
}

// Detail returns the progress of a replay by lane group. It reads the plan and three
// documents for each lane; nothing grows with the number of events.
func (v *Viewer) Detail(ctx context.Context, row replay.Row) (Detail, error) {
	if v.Recent == nil {
		return v.detail(ctx, row)
	}
	return v.Recent.details.get(&row, v.Store.Now, func() (Detail, error) { return v.detail(ctx, row) })
}

func (v *Viewer) detail(ctx context.Context, row replay.Row) (Detail, error) {
	d := detailer{row: row, now: v.Store.Now()}
	d.out = Detail{
		ID:       row.ID,
		Status:   Summary(row).Status,
		Phase:    row.Status,
		At:       d.now.UTC(),
		Total:    row.Total,
		PausedBy: row.PausedBy,

		Waiting:     Summary(row).Waiting,
		Parallelism: row.Parallel(),
		Readers:     min(row.Readers(), row.Children()),

		CatchUps: row.CatchUps,
		Cut:      row.Cut,

		Slices: []replay.Slice{},
		Groups: []GroupProgress{},
	}
	var err error
	if d.out.Pace, err = v.pace(ctx, row); err != nil {
		return Detail{}, err
	}
	if d.out.Budget, err = v.budget(ctx, &row); err != nil {
		return Detail{}, err
	}
	plan, err := v.Store.LoadPlan(ctx, row)
	if errors.Is(err, control.ErrNotFound) {
		return d.out, nil
	}
	if err == nil {
		d.lanes, err = v.Store.LoadLanePlans(ctx, row, row.Lanes)
	}
	if err == nil {
		d.read, err = v.Store.Tracks(ctx, row)
	}
	if err == nil {
		d.marks, err = v.marks(ctx, row)
	}
	if err != nil {
		return Detail{}, fmt.Errorf("show progress: %w", err)
	}
	d.out.Slices = append(d.out.Slices, plan.Slices...)
	for i, group := range plan.Groups {
		d.add(i, group, plan.Slices)
	}
	d.addOthers(plan.Groups)
	d.sum()
	return d.out, nil
}

// marks returns how far the consumer has come, also in a generation that is no longer
// being built.
func (v *Viewer) marks(ctx context.Context, row replay.Row) (map[replay.Track]datastore.Mark, error) {
	marks, err := v.Store.Marks(ctx, v.Registry, v.Generations, row)
	if err != nil || len(marks) > 0 || row.Generation == "" {
		return marks, err
	}
	registered, err := v.Registry.Load(ctx)
	if err != nil {
		return nil, err
	}
	if info, found := registered.Find(row.Generation); !found || info.Replay != row.ID {
		return nil, nil
	}
	of, err := datastore.ReplayMarks(ctx, v.Generations.Open(row.Generation), row.Lanes)
	if datastore.IsGone(err) {
		return nil, nil
	}
	marks = make(map[replay.Track]datastore.Mark, len(of))
	for lane, mark := range of {
		marks[replay.Track{Lane: lane}] = mark
	}
	return marks, err
}
