package verify

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// Status is the status of a verification.
type Status string

// The statuses. All but the first three are final.
const (
	Planned Status = "PLANNED"
	Running Status = "RUNNING"
	// Rebuilding: a replay builds the throwaway to compare with.
	Rebuilding Status = "REBUILDING"
	// Clean: everything is as it should be.
	Clean Status = "CLEAN"
	// Drift: something is not.
	Drift Status = "DRIFT"
	// Failed: the verification could not be carried out; it says nothing of the data.
	Failed    Status = "FAILED"
	Cancelled Status = "CANCELLED"
	// Skipped: another verification of the generation was running.
	Skipped Status = "SKIPPED"
)

// Ended reports whether nothing more will happen to the verification.
func (s Status) Ended() bool { return s != Planned && s != Running && s != Rebuilding }

var (
	// ErrNotFound says that there is no verification of that id.
	ErrNotFound = errors.New("verification not found")
	// ErrExists says that a verification of that id exists with another input. A retry
	// needs another name.
	ErrExists = errors.New("a verification of that name exists with another input")
	// ErrEnded says that the verification is over.
	ErrEnded = errors.New("the verification has ended")
	// ErrRequest is the error of a request that cannot be carried out. A retry cannot
	// help.
	ErrRequest = errors.New("invalid verification")
	// ErrUnknownGeneration says that no such generation follows the event stream, so
	// that there is nothing to verify. A retry cannot help.
	ErrUnknownGeneration = errors.New("no such generation follows the event stream")
)

// Row is the control row of a verification.
type Row struct {
	ID      string    `json:"id"`
	Request Request   `json:"request"`
	Status  Status    `json:"status"`
	Cancel  bool      `json:"cancel,omitempty"`
	Created time.Time `json:"created"`
	// Cut is when the lanes' heads were frozen.
	Cut *time.Time `json:"cut,omitempty"`
	// UsedUp is when the budget was found to be used up.
	UsedUp *time.Time `json:"usedUp,omitempty"`
	Ended  *time.Time `json:"ended,omitempty"`
	// Generation is the one that is verified, and Version its version of the
	// projections.
	Generation string `json:"generation,omitempty"`
	Version    string `json:"version,omitempty"`
	// Base is the verification that this one goes on from, "" if everything is verified,
	// and Nights is how many in a row have gone on since the last that verified everything.
	Base   string `json:"base,omitempty"`
	Nights int    `json:"nights,omitempty"`
	// Throwaway is the rebuild of a verification of depth Rebuild, nil until it was asked for.
	Throwaway *Throwaway `json:"throwaway,omitempty"`
	// Groups are the lanes of each lane group, Events the events up to the cut, or those
	// since the cut of Base.
	Groups [][]event.Lane `json:"groups,omitempty"`
	Events int64          `json:"events"`
	Report *Report        `json:"report,omitempty"`
	// Failure is why it failed.
	Failure *Failure `json:"failure,omitempty"`
}

// Stopped reports whether nothing more is to be verified.
func (r *Row) Stopped() bool { return r.Cancel || r.UsedUp != nil || r.Status.Ended() }

// lanes counts the lanes to verify.
func (r *Row) lanes() (n int) {
	for _, group := range r.Groups {
		n += len(group)
	}
	return n
}

// Failure says why a verification failed.
type Failure struct {
	Error string `json:"error"`
	Cause string `json:"cause"`
}

// Progress is how far a lane is verified.
type Progress struct {
	// Begun says that the consumer's mark was looked at, and Settled that it had passed
	// the cut.
	Begun   bool `json:"begun,omitempty"`
	Settled bool `json:"settled,omitempty"`
	// After is the last entity that was verified, or its key in the log if only what has
	// changed is verified; Done says that there are no more.
	After string `json:"after,omitempty"`
	Done  bool   `json:"done,omitempty"`
	// Rebuilt says that the rows of the generation are verified, and that those of the
	// throwaway are the ones that the members above and Done speak of.
	Rebuilt bool `json:"rebuilt,omitempty"`
	// Spans counts the spans so far.
	Spans int `json:"spans"`
	// Rows, Events and Bytes count what was compared and read; Unverified counts
	// entities that are too large to be folded in memory.
	Rows       int64 `json:"rows"`
	Events     int64 `json:"events"`
	Bytes      int64 `json:"bytes"`
	Unverified int64 `json:"unverified,omitempty"`
	// RebuiltRows and RebuiltEvents are Rows and Events of the throwaway.
	RebuiltRows   int64 `json:"rebuiltRows,omitempty"`
	RebuiltEvents int64 `json:"rebuiltEvents,omitempty"`
	// ReadUnits and WriteUnits are about the most that this took of DynamoDB.
	ReadUnits  float64 `json:"readUnits,omitempty"`
	WriteUnits float64 `json:"writeUnits,omitempty"`
	// Findings are all differences, with samples of the first ones.
	Findings Findings `json:"findings"`
}

// laneCut is the frozen head of a lane, and the one up to where it was verified before.
type laneCut struct {
	Head  eventlog.Head  `json:"head"`
	Since *eventlog.Head `json:"since,omitempty"`
}

// Store stores verifications in the control table. It is safe for concurrent use.
type Store struct {
	Table control.Table
	Now   func() time.Time
}

const rowsPartition = "verifications"

// RowKey is the key of a verification's row in the control table.
func RowKey(id string) control.Key { return control.Key{Partition: rowsPartition, Sort: id} }

// Partition is the partition of a verification's cuts and progress.
func Partition(id string) string { return "verification#" + id }

func cutKey(id string, lane event.Lane) control.Key {
	return control.Key{Partition: Partition(id), Sort: "cut#" + lane.String()}
}

func progressKey(id string, lane event.Lane) control.Key {
	return control.Key{Partition: Partition(id), Sort: "lane#" + lane.String()}
}

var idPattern = regexp.MustCompile(`^[0-9A-Za-z_-]{1,80}$`)

// CheckID returns ErrRequest for an id that cannot name an execution.
func CheckID(id string) error {
	if !idPattern.MatchString(id) {
		return fmt.Errorf("%w: a name has 1 to 80 of the characters 0-9, A-Z, a-z, - and _", ErrRequest)
	}
	return nil
}

// Create creates a verification. If one of that id exists, Create returns its row if
// the request is the same, else ErrExists.
func (s Store) Create(ctx context.Context, id string, asked Request) (row Row, created bool, err error) {
	if err := errors.Join(CheckID(id), asked.Check()); err != nil {
		return Row{}, false, err
	}
	row, err = control.Update(ctx, s.Table, RowKey(id), func(row *Row, exists bool) error {
		created = !exists
		if exists {
			if row.Request != asked {
				return ErrExists
			}
			return control.Unchanged()
		}
		*row = Row{ID: id, Request: asked, Status: Planned, Created: s.Now().UTC()}
		return nil
	})
	if err != nil {
		return Row{}, false, fmt.Errorf("create verification %s: %w", id, err)
	}
	return row, created, nil
}

// Load returns a verification's row, or ErrNotFound.
func (s Store) Load(ctx context.Context, id string) (Row, error) {
	if CheckID(id) != nil {
		return Row{}, fmt.Errorf("load verification: %w", ErrNotFound)
	}
	row, _, err := control.Load[Row](ctx, s.Table, RowKey(id))
	if errors.Is(err, control.ErrNotFound) {
		err = ErrNotFound
	}
	if err != nil {
		return Row{}, fmt.Errorf("load verification %s: %w", id, err)
	}
	return row, nil
}

// List calls visit for every verification with an id after the given one, ordered by
// id.
func (s Store) List(ctx context.Context, after string, visit func(Row) error) error {
	err := control.Each(ctx, s.Table, rowsPartition, after, func(_ string, row Row) error { return visit(row) })
	if err != nil {
		return fmt.Errorf("list verifications: %w", err)
	}
	return nil
}

// Update changes the row of a verification, or returns ErrEnded if it has ended.
func (s Store) Update(ctx context.Context, id string, change func(*Row) error) (Row, error) {
	row, err := control.Update(ctx, s.Table, RowKey(id), func(row *Row, exists bool) error {
		switch {
		case !exists:
			return ErrNotFound
		case row.Status.Ended():
			return ErrEnded
		}
		return change(row)
	})
	if err != nil {
		return row, fmt.Errorf("update verification %s: %w", id, err)
	}
	return row, nil
}

// RequestCancel makes a verification stop after the span that is being verified. It is
// idempotent.
func (s Store) RequestCancel(ctx context.Context, id string) (Row, error) {
	return s.Update(ctx, id, func(row *Row) error {
		if row.Cancel {
			return control.Unchanged()
		}
		row.Cancel = true
		return nil
	})
}

// End gives a verification its final status. One that has ended keeps its status; one
// that was cancelled ends as Cancelled, whatever its execution reports.
func (s Store) End(ctx context.Context, id string, status Status, report *Report, failure *Failure) (Row, error) {
	row, err := s.Update(ctx, id, func(row *Row) error {
		at := s.Now().UTC()
		row.Status, row.Ended, row.Report, row.Failure = status, &at, report, failure
		if row.Cancel {
			row.Status, row.Failure = Cancelled, nil
		}
		return nil
	})
	if errors.Is(err, ErrEnded) {
		return s.Load(ctx, id)
	}
	return row, err
}

const (
	// keepEnded is how long ended verifications are kept: the nights of more than a year.
	keepEnded = 400 * 24 * time.Hour
	// maxPruned bounds the verifications that one call removes.
	maxPruned = 10
)

// Prune removes up to 10 verifications that ended more than 400 days ago, with all that
// they found. It is idempotent.
func (s Store) Prune(ctx context.Context) error {
	old := make(map[string]bool)
	before := s.Now().Add(-keepEnded)
	err := s.List(ctx, "", func(row Row) error {
		if row.Ended != nil && row.Ended.Before(before) {
			old[row.ID] = true
		}
		if len(old) == maxPruned {
			return errStop
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return err
	}
	for id := range old {
		row, version, err := control.Load[Row](ctx, s.Table, RowKey(id))
		if err == nil && row.Ended != nil && row.Ended.Before(before) {
			err = control.Remove(ctx, s.Table, RowKey(id), version, Partition(id))
		}
		if err != nil && !errors.Is(err, control.ErrConflict) && !errors.Is(err, control.ErrNotFound) {
			return fmt.Errorf("remove verification %s: %w", id, err)
		}
	}
	return nil
}
