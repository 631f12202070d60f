package verify

import (
	"cmp"
	"context"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event/strict"
	"reprise/pkg/replay/request"
)

// Executions starts and stops executions of the state machine of verifications.
type Executions interface {
	// Start starts an execution. One that exists already with the same name and input
	// counts as started.
	Start(ctx context.Context, name string, input []byte) error
	// Stop aborts an execution, unless it has ended.
	Stop(ctx context.Context, name, errorName, cause string) error
	// State is how an execution has ended, ExecutionRunning while it has not, and
	// ExecutionUnknown if there is none of that name.
	State(ctx context.Context, name string) (string, error)
}

// Rebuilds are the replays that verifications of depth Rebuild own.
type Rebuilds interface {
	// Begins returns the error with which the rebuild of a verification of that name could not
	// begin at present, such as ErrReplayExists.
	Begins(ctx context.Context, verification string) error
	// Release ends the replay of a verification, and takes what it has built out of use. It
	// is idempotent.
	Release(ctx context.Context, verification string) error
}

// The states of executions.
const (
	ExecutionRunning = "RUNNING"
	ExecutionUnknown = ""
)

// ErrReplayExists says that a replay has the name of the verification, which its own replay
// would have. A retry needs another name.
var ErrReplayExists = errors.New("a replay of that name exists: a verification's own replay has its name")

// ErrBusy says that another verification of the same generation is running. A retry
// helps once that has ended.
var ErrBusy = errors.New("another verification of the generation is running")

// Service starts and cancels verifications on request. It is safe for concurrent use.
type Service struct {
	Store      Store
	Planner    *Planner
	Reporter   *Reporter
	Executions Executions
	// Rebuilds are those of verifications of depth Rebuild.
	Rebuilds Rebuilds
	// Random is the source of names for verifications without one.
	Random io.Reader
}

// Start creates a verification and starts its execution. If a verification of that name
// exists, running or ended, Start returns it with created false if the request is the
// same, else ErrExists. For the name "" it chooses one. It returns ErrBusy, ErrRequest,
// ErrUnknownGeneration, datastore.ErrLost or projection.ErrOtherVersion, and creates
// nothing, if the verification could not begin now.
func (s *Service) Start(ctx context.Context, name string, r Request) (row Row, created bool, err error) {
	if name == "" {
		if name, err = s.name(); err != nil {
			return Row{}, false, err
		}
	}
	if _, err := s.Store.Load(ctx, name); errors.Is(err, ErrNotFound) {
		if err := s.Planner.begins(ctx, name, r); err != nil {
			return Row{}, false, fmt.Errorf("start verification %s: %w", name, err)
		}
		if r.Depth == Rebuild {
			if err := s.Rebuilds.Begins(ctx, name); err != nil {
				return Row{}, false, fmt.Errorf("start verification %s: %w", name, err)
			}
		}
	}
	row, created, err = s.Store.Create(ctx, name, r)
	if err != nil || row.Status.Ended() {
		return row, created, err
	}
	input, err := json.Marshal(r)
	if err != nil {
		return row, created, fmt.Errorf("encode verification %s: %w", name, err)
	}
	if err := s.Executions.Start(ctx, name, input); err != nil {
		return row, created, fmt.Errorf("start execution of verification %s: %w", name, err)
	}
	return row, created, nil
}

// name chooses a name that says when the verification was started.
func (s *Service) name() (string, error) {
	random := make([]byte, 5)
	if _, err := io.ReadFull(s.Random, random); err != nil {
		return "", fmt.Errorf("choose name of verification: %w", err)
	}
	suffix := strings.ToLower(base32.StdEncoding.EncodeToString(random))
	return "verify-" + s.Store.Now().UTC().Format("20060102-150405") + "-" + suffix, nil
}

// Cancel stops a verification. It returns ErrNotFound or ErrEnded.
func (s *Service) Cancel(ctx context.Context, id string) (Row, error) {
	row, err := s.Store.RequestCancel(ctx, id)
	if err != nil {
		return row, err
	}
	if err := s.Executions.Stop(ctx, id, "Reprise.Stopped", "the verification was cancelled"); err != nil {
		return row, fmt.Errorf("stop execution of verification %s: %w", id, err)
	}
	if row, err = s.Reporter.Report(ctx, id, nil); err != nil {
		return row, err
	}
	return row, s.release(ctx, &row)
}

// release drops what a verification that has ended has left.
func (s *Service) release(ctx context.Context, row *Row) error {
	if row.Request.Depth != Rebuild {
		return nil
	}
	if err := s.Rebuilds.Release(ctx, row.ID); err != nil {
		return fmt.Errorf("drop the rebuild of verification %s: %w", row.ID, err)
	}
	return nil
}

// Reconcile ends verifications whose execution has ended without a report, and drops what
// they have left. A platform calls it on a schedule: the end of an execution does the same
// at once. It looks at those that run, or were the last to, however many have ended.
func (s *Service) Reconcile(ctx context.Context) error {
	var errs []error
	err := control.Each(ctx, s.Store.Table, turnsPartition, "", func(_ string, t turn) error {
		errs = append(errs, s.reconcile(ctx, t))
		return nil
	})
	if err != nil {
		return fmt.Errorf("list running verifications: %w", err)
	}
	return errors.Join(errs...)
}

// startGrace is how long Reconcile leaves a verification alone, since Step Functions may not
// show its execution yet.
const startGrace = 5 * time.Minute

func (s *Service) reconcile(ctx context.Context, t turn) error {
	row, err := s.Store.Load(ctx, t.Verification)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil || row.Status.Ended() || s.Store.Now().Sub(row.Created) < startGrace {
		return err
	}
	state, err := s.Executions.State(ctx, row.ID)
	if err != nil {
		return fmt.Errorf("look for execution of verification %s: %w", row.ID, err)
	}
	if state == ExecutionRunning {
		return nil
	}
	return s.Ended(ctx, row.ID, &Failure{"Reprise.ExecutionEnded", "the execution ended without a report: " +
		cmp.Or(state, "it is gone")})
}

// Ended ends, with a failure, the verification of an execution that ended without a
// report. An unknown one is no error: its input was refused.
func (s *Service) Ended(ctx context.Context, id string, failure *Failure) error {
	row, err := s.Reporter.Report(ctx, id, failure)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.release(ctx, &row)
}

// Released drops what is left of a verification that has ended, and does nothing for any
// other.
func (s *Service) Released(ctx context.Context, id string) error {
	row, err := s.Store.Load(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil || !row.Status.Ended() {
		return err
	}
	return s.release(ctx, &row)
}

// Depth is how a verification finds out what the rows of a generation should be.
type Depth string

// The depths.
const (
	// Fold folds the log in memory. It reads only.
	Fold Depth = "fold"
	// Rebuild rebuilds the generation, too, through the playback stream into a throwaway, and
	// verifies both.
	Rebuild Depth = "rebuild"
)

// ParseDepth reads a depth as people write it.
func ParseDepth(text string) (Depth, error) {
	switch d := Depth(text); d {
	case Fold:
		return "", nil
	case Rebuild:
		return d, nil
	}
	return "", errors.New("must be fold or rebuild")
}

// Request says what to verify. The zero Request verifies the active generation: what has
// changed since its last verification.
type Request struct {
	// Generation is the id of a generation that follows the event stream, "" for the
	// active one.
	Generation string `json:"generation,omitempty"`
	// Depth is Fold if it is "".
	Depth Depth `json:"depth,omitempty"`
	// Full verifies every row and the whole log, as depth Rebuild always does. Otherwise a verification goes on from the
	// latest one, unless that found drift or it is the turn of a full one.
	Full bool `json:"full,omitempty"`
	// Budget caps what the verification uses; the zero Budget is none. What runs when it is
	// reached ends first, and the verification fails with a report on how far it came.
	Budget request.Budget `json:"budget,omitzero"`
}

// maxRequestBytes bounds the text of a request.
const maxRequestBytes = 64 << 10

// ParseRequest decodes the input of a verification: a JSON object with the members of
// Request and no others. Its error is ErrRequest.
func ParseRequest(raw []byte) (Request, error) {
	var r Request
	var given struct {
		Generation string          `json:"generation"`
		Depth      *Depth          `json:"depth"`
		Full       *bool           `json:"full"`
		Budget     json.RawMessage `json:"budget"`
	}
	if len(raw) > maxRequestBytes {
		return r, fmt.Errorf("%w: longer than %d bytes", ErrRequest, maxRequestBytes)
	}
	if err := strict.Unmarshal(raw, &given); err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	r.Generation, r.Full = given.Generation, given.Full != nil && *given.Full
	if given.Depth != nil {
		if r.Depth = *given.Depth; r.Depth == "" {
			return Request{}, fmt.Errorf("%w: depth must not be empty: leave it out", ErrRequest)
		}
	}
	if r.Depth == Fold {
		r.Depth = ""
	}
	if r.Depth == Rebuild && given.Full != nil && !r.Full {
		return Request{}, fmt.Errorf("%w: a verification of depth rebuild is always full", ErrRequest)
	}
	r.Full = r.Full || r.Depth == Rebuild
	if given.Budget != nil {
		var err error
		if r.Budget, err = request.BudgetOrNone(given.Budget); err != nil {
			return Request{}, fmt.Errorf("%w: %w", ErrRequest, err)
		}
	}
	return r, r.Check()
}

// Check returns ErrRequest for a request that cannot be carried out.
func (r Request) Check() error {
	if r.Depth != "" && r.Depth != Fold && r.Depth != Rebuild {
		return fmt.Errorf("%w: depth is neither fold nor rebuild", ErrRequest)
	}
	if err := r.Budget.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if r.Generation == "" {
		return nil
	}
	if err := datastore.CheckID(r.Generation); err != nil {
		return fmt.Errorf("%w: generation: %w", ErrRequest, err)
	}
	return nil
}

// Reason is what an ErrRequest says is wrong, in words for whoever made the request.
func Reason(err error) string {
	_, reason, found := strings.Cut(err.Error(), ErrRequest.Error()+": ")
	if !found {
		return ErrRequest.Error()
	}
	return reason
}
