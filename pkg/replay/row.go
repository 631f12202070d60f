package replay

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
)

// Status is a replay's own status, kept in its control row. It is another
// thing than the status of the execution that carries it out.
type Status string

// The statuses. The last three are final.
const (
	Planned   Status = "PLANNED"
	Running   Status = "RUNNING"
	Draining  Status = "DRAINING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	Cancelled Status = "CANCELLED"
)

// Ended reports whether nothing more will happen to the replay.
func (s Status) Ended() bool { return s == Succeeded || s == Failed || s == Cancelled }

// Row is the control row of a replay.
type Row struct {
	ID      string  `json:"id"`
	Request Request `json:"request"`
	Status  Status  `json:"status"`
	// Cancel is the desired state: set, every reader stops at its next page.
	Cancel bool `json:"cancel,omitempty"`
	// Paused is the desired state, too; Tokens are the task tokens of the
	// execution that waits because of it.
	Paused  bool       `json:"paused,omitempty"`
	Tokens  []string   `json:"tokens,omitempty"`
	Created time.Time  `json:"created"`
	Cut     *time.Time `json:"cut,omitempty"`
	Ended   *time.Time `json:"ended,omitempty"`
	// Started is when an execution was known to carry it out.
	Started *time.Time `json:"started,omitempty"`
	// Generation is the one that a rebuild fills, Version the set of projections
	// that it is for. Neither changes once it is set.
	Generation string `json:"generation,omitempty"`
	Version    string `json:"version,omitempty"`
	Promoted   bool   `json:"promoted,omitempty"`
	// Fault is why the replay cannot succeed any more, found by who may not
	// stop for it: the consumer of a stream that other replays use as well. The
	// next step of the replay fails with it.
	Fault *Failure `json:"fault,omitempty"`
	// Groups and Lanes are those of the plan, Total the events in the buckets
	// that it touches up to the cut.
	Groups int          `json:"groups"`
	Lanes  []event.Lane `json:"lanes,omitempty"`
	Slices int          `json:"slices"`
	Total  int64        `json:"total"`
	// Pass counts how often lanes had to be read again, Stalls how often that
	// happened since the last progress, Reached the progress then. Waiting is
	// set while there is none.
	Pass    int         `json:"pass"`
	Stalls  int         `json:"stalls,omitempty"`
	Reached int64       `json:"reached,omitempty"`
	Waiting *WaitingFor `json:"waiting,omitempty"`
	// Damaged counts playback records that were dropped because their events
	// could not be read, at least once each.
	Damaged int      `json:"damaged,omitempty"`
	Proof   *Proof   `json:"proof,omitempty"`
	Failure *Failure `json:"failure,omitempty"`
}

// WaitingFor says what a replay waits for, and since when nothing has moved.
type WaitingFor struct {
	For   string    `json:"for"`
	Since time.Time `json:"since"`
}

// Failure says why a replay failed.
type Failure struct {
	Error string `json:"error"`
	Cause string `json:"cause"`
}

var (
	// ErrNotFound says that there is no replay of that id.
	ErrNotFound = errors.New("replay not found")
	// ErrExists says that a replay of that id was asked for with another
	// input. A retry needs another name.
	ErrExists = errors.New("a replay of that name exists with another input")
	// ErrEnded says that the replay is over.
	ErrEnded = errors.New("the replay has ended")
	// ErrPromoted says that the replay has made its generation active: there is
	// nothing to cancel any more.
	ErrPromoted = errors.New("the replay has made its generation active")
)

// idPattern is what a state machine execution's name may be, and safe in logs.
var idPattern = regexp.MustCompile(`^[0-9A-Za-z_-]{1,80}$`)

// CheckID returns ErrRequest for an id that cannot name an execution.
func CheckID(id string) error {
	if !idPattern.MatchString(id) {
		return fmt.Errorf("%w: a name has 1 to 80 of the characters 0-9, A-Z, a-z, - and _", ErrRequest)
	}
	return nil
}

// Store keeps replays in the control table. It is safe for concurrent use.
type Store struct {
	Table control.Table
	Now   func() time.Time
	// Version is that of the set of projections of this program, by which the
	// steps of rebuilds know their own.
	Version string
}

const rowsPartition = "replays"

// RowKey is where the row of a replay lies in the control table.
func RowKey(id string) control.Key { return control.Key{Partition: rowsPartition, Sort: id} }

// Partition holds the plan, checkpoints, marks and costs of a replay.
func Partition(id string) string { return "replay#" + id }

// Create enters a replay, or returns the row of the one of that id if it asks
// for the same; otherwise ErrExists.
func (s Store) Create(ctx context.Context, id string, request Request) (row Row, created bool, err error) {
	if err := CheckID(id); err != nil {
		return Row{}, false, err
	}
	request, err = request.normal()
	if err != nil {
		return Row{}, false, err
	}
	row, err = control.Update(ctx, s.Table, RowKey(id), func(row *Row, exists bool) error {
		created = !exists
		if exists {
			if !row.Request.same(request) {
				return ErrExists
			}
			return control.Unchanged()
		}
		*row = Row{ID: id, Request: request, Status: Planned, Created: s.Now().UTC()}
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

// List calls visit for every replay, by id.
func (s Store) List(ctx context.Context, visit func(Row) error) error {
	err := control.Each(ctx, s.Table, rowsPartition, "", func(_ string, row Row) error { return visit(row) })
	if err != nil {
		return fmt.Errorf("list replays: %w", err)
	}
	return nil
}

// Update changes the row of a replay that has not ended; otherwise ErrEnded.
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

// Started notes that an execution carries the replay out. It is idempotent.
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

// End gives a replay its final status; one that has ended already keeps its
// own, and ended says that it had. A replay that a person cancelled ends
// Cancelled, whatever its execution reports.
func (s Store) End(ctx context.Context, id string, status Status, failure *Failure) (row Row, ended bool, err error) {
	return s.EndIf(ctx, id, status, failure, func(*Row) error { return nil })
}

// EndIf is as End, unless check objects to the row as it is then.
func (s Store) EndIf(ctx context.Context, id string, status Status, failure *Failure, check func(*Row) error,
) (row Row, ended bool, err error) {
	row, err = control.Update(ctx, s.Table, RowKey(id), func(row *Row, exists bool) error {
		if !exists {
			return ErrNotFound
		}
		if ended = row.Status.Ended(); ended {
			return control.Unchanged()
		}
		if err := check(row); err != nil {
			return err
		}
		at := s.Now().UTC()
		row.Status, row.Failure, row.Ended = status, failure, &at
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
