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

// Status is a replay's own status, stored in its control row. It is not the status of
// the execution that carries it out.
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
	// Cancel and Paused are the desired state; with Cancel every reader stops at
	// its next page. Tokens are the task tokens of the paused execution.
	Cancel  bool       `json:"cancel,omitempty"`
	Paused  bool       `json:"paused,omitempty"`
	Tokens  []string   `json:"tokens,omitempty"`
	Created time.Time  `json:"created"`
	Cut     *time.Time `json:"cut,omitempty"`
	Ended   *time.Time `json:"ended,omitempty"`
	// Started is when the replay was first known to have an execution.
	Started *time.Time `json:"started,omitempty"`
	// Generation is the generation that a rebuild fills, and Version its version
	// of the projections. Neither changes once set.
	Generation string `json:"generation,omitempty"`
	Version    string `json:"version,omitempty"`
	Promoted   bool   `json:"promoted,omitempty"`
	// Fault is why the replay can no longer succeed, recorded by its consumer,
	// which may not stop since other replays share the playback stream. The next
	// step of the replay fails with it.
	Fault *Failure `json:"fault,omitempty"`
	// LastError is the newest error that a reader or the consumer could not get
	// past; the replay may have got past it since.
	LastError *Failure `json:"lastError,omitempty"`
	// Groups, Lanes and Slices are those of the plan; Total is the number of events
	// in its buckets, up to the cut.
	Groups int          `json:"groups"`
	Lanes  []event.Lane `json:"lanes,omitempty"`
	Slices int          `json:"slices"`
	Total  int64        `json:"total"`
	// Pass counts how often lanes were read again, and Stalls how often that
	// happened since the last progress; Reached is the sum of the marks then.
	// Waiting is set while there is no progress.
	Pass    int         `json:"pass"`
	Stalls  int         `json:"stalls,omitempty"`
	Reached int64       `json:"reached,omitempty"`
	Waiting *WaitingFor `json:"waiting,omitempty"`
	// Damaged counts playback records that were dropped because their events
	// could not be decoded; a record may be counted more than once.
	Damaged int      `json:"damaged,omitempty"`
	Proof   *Proof   `json:"proof,omitempty"`
	Failure *Failure `json:"failure,omitempty"`
}

// WaitingFor says what a replay waits for, and since when it has made no progress.
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
	// ErrExists says that a replay of that id exists with another input. A retry
	// needs another name.
	ErrExists = errors.New("a replay of that name exists with another input")
	// ErrEnded says that the replay is over.
	ErrEnded = errors.New("the replay has ended")
	// ErrPromoted says that the replay has made its generation active: it is too
	// late to cancel it.
	ErrPromoted = errors.New("the replay has made its generation active")
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
func (s Store) Create(ctx context.Context, id string, request Request) (row Row, created bool, err error) {
	if err := CheckID(id); err != nil {
		return Row{}, false, err
	}
	request, err = request.normalized()
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
