package lifecycle

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/budget"
)

// Executions starts and stops executions of the replay state machine.
type Executions interface {
	// Start starts an execution. One that exists already with the same name and
	// input counts as started.
	Start(ctx context.Context, name string, input []byte) error
	// State is how an execution has ended, ExecutionRunning while it has not, and
	// ExecutionUnknown if there is none of that name.
	State(ctx context.Context, name string) (ExecutionStatus, error)
	// Stop aborts an execution, unless it has ended.
	Stop(ctx context.Context, name, errorName, cause string) error
	// Release ends the wait of an execution for a task token; output, a JSON object,
	// becomes the result of the step that waited. A token that nobody waits for any
	// more counts as released.
	Release(ctx context.Context, token string, output []byte) error
	// SetConcurrency bounds how many children the running map run of an execution runs
	// at a time, 1 to replay.MaxParallelism; those that run already end first. An
	// execution without a running map run, or that does not exist, is left alone.
	SetConcurrency(ctx context.Context, name string, n int) error
}

// Service starts and cancels replays on request. It is safe for concurrent use.
type Service struct {
	Store      replay.Store
	Executions Executions
	Closer     *Closer
	// Width is that of the log's buckets.
	Width eventlog.Width
	// Random is the source of names for replays without one.
	Random io.Reader
	// Effects says that the platform has business logic with effects.
	Effects bool
	// Ledger has what replays have used, for their budgets.
	Ledger budget.Ledger
}

// Start creates a replay and starts its execution. If a replay of that name exists,
// running or ended, Start returns it with created false if the request is the same,
// else ErrExists. For the name "" it chooses one.
func (s *Service) Start(
	ctx context.Context, name string, request replay.Request,
) (row replay.Row, created bool, err error) {
	if name == "" {
		if name, err = s.chooseName(); err != nil {
			return replay.Row{}, false, err
		}
	}
	if err := s.check(ctx, name, request); err != nil {
		return replay.Row{}, false, err
	}
	row, created, err = s.Store.Create(ctx, name, request)
	if err != nil {
		return replay.Row{}, false, err
	}
	if row.Status != replay.Planned || row.Started != nil || row.Cancel {
		return row, created, nil
	}
	// After a crash between creating the row and starting the execution, the
	// same request continues here.
	if err := s.execute(ctx, row); err != nil {
		return replay.Row{}, false, err
	}
	return row, created, nil
}

// check refuses what would leave a replay behind that no execution carries out: a dry
// run, and a name that belongs to an execution without a replay, since Step Functions
// uses a name only once.
func (s *Service) check(ctx context.Context, name string, request replay.Request) error {
	if request.DryRun {
		return fmt.Errorf("%w: dryRun starts nothing: send the input to POST /plans, "+
			"or start the state machine itself with it", replay.ErrRequest)
	}
	if err := errors.Join(request.CheckSlice(time.Duration(s.Width)), request.CheckEffects(s.Effects)); err != nil {
		return err
	}
	if _, err := s.Store.Load(ctx, name); !errors.Is(err, replay.ErrNotFound) || replay.CheckID(name) != nil {
		return nil // Create says what is wrong
	}
	taken, err := s.Executions.State(ctx, name)
	switch {
	case err != nil:
		return fmt.Errorf("look for execution %s: %w", name, err)
	case taken != ExecutionUnknown:
		return fmt.Errorf("start replay %s: an execution had that name: %w", name, replay.ErrExists)
	}
	return nil
}

func (s *Service) chooseName() (string, error) {
	var random [4]byte
	if _, err := io.ReadFull(s.Random, random[:]); err != nil {
		return "", fmt.Errorf("choose replay name: %w", err)
	}
	return s.Store.Now().UTC().Format("20060102-150405-") + hex.EncodeToString(random[:]), nil
}

func (s *Service) execute(ctx context.Context, row replay.Row) error {
	input, err := json.Marshal(row.Request)
	if row.Attempt() > 0 {
		input, err = json.Marshal(Continuation{row.ID})
	}
	if err != nil {
		return fmt.Errorf("encode request of replay %s: %w", row.ID, err)
	}
	if err := s.Executions.Start(ctx, row.Execution(), input); err != nil {
		return fmt.Errorf("start execution %s: %w", row.Execution(), err)
	}
	return s.Store.Started(ctx, row.ID)
}

// Cancel ends a replay. Its readers stop at their next page. Cancel drops nothing, so
// that who calls it for people needs no right to drop a table: the end of the execution
// closes the replay (Ended), which drops an unfinished generation, and otherwise
// Reconcile does. A failed replay that may be continued is cancelled for good, and
// Reconcile drops its generation. Cancel returns ErrEnded after any other end, and
// ErrPromoted once its generation was made active. After an error it may be called
// again; even if it is not, once the right to flip is withdrawn its generation never
// becomes active, and Reconcile ends the replay.
func (s *Service) Cancel(ctx context.Context, id string) (replay.Row, error) {
	row, err := s.withdraw(ctx, id)
	if err != nil || row.Status.Ended() {
		return row, err
	}
	if err := s.Executions.Stop(ctx, row.Execution(), "Reprise.Cancelled", "cancelled by a person"); err != nil {
		return replay.Row{}, fmt.Errorf("stop execution %s: %w", row.Execution(), err)
	}
	row, err = s.Closer.end(ctx, id, "", replay.Cancelled, nil)
	if err != nil {
		return replay.Row{}, fmt.Errorf("cancel replay %s: %w", id, err)
	}
	return row, nil
}

// withdraw removes a replay's right to flip, in the document that a flip compares and
// swaps, and then sets the desired state in its row, on condition that the row still
// names the same generation and attempt. A failed replay ends as cancelled by that.
func (s *Service) withdraw(ctx context.Context, id string) (replay.Row, error) {
	for range maxChanges {
		row, err := s.Store.Load(ctx, id)
		if err != nil {
			return replay.Row{}, err
		}
		if !row.Keeps(s.Store.Now()) {
			return replay.Row{}, fmt.Errorf("cancel replay %s: %w", id, replay.ErrEnded)
		}
		if row.Generation != "" {
			_, err := s.Closer.Registry.Withdraw(ctx, row.Generation, id, string(replay.Cancelled), row.Attempt())
			if errors.Is(err, datastore.ErrActive) {
				return replay.Row{}, fmt.Errorf("cancel replay %s: %w", id, replay.ErrPromoted)
			}
			if err != nil {
				return replay.Row{}, err
			}
		}
		row, err = s.Store.Cancel(ctx, row)
		if !errors.Is(err, control.ErrConflict) {
			return row, err
		}
	}
	return replay.Row{}, fmt.Errorf("cancel replay %s: %w", id, errChanged)
}

// ExecutionStatus is how an execution ended, in Step Functions' words.
type ExecutionStatus string

// The statuses of executions that have not ended, and of those that nobody knows.
const (
	ExecutionRunning ExecutionStatus = "RUNNING"
	ExecutionUnknown ExecutionStatus = ""
)

// Ended closes a replay whose execution has ended in any way: stopped in the console,
// timed out, or failed before its last step. The end of an execution that does not
// carry the replay out any more changes nothing.
func (s *Service) Ended(
	ctx context.Context, id, execution string, status ExecutionStatus, failure *replay.Failure,
) error {
	final := replay.Failed
	switch status {
	case "SUCCEEDED":
		final = replay.Succeeded
	case "ABORTED":
		final = replay.Cancelled
	}
	if final == replay.Failed && failure == nil {
		failure = &replay.Failure{
			Error: FaultExecutionEnded,
			Cause: "the execution ended as " + string(status) + " without closing the replay",
		}
	}
	_, err := s.Closer.CloseExecution(ctx, id, execution, final, failure)
	if errors.Is(err, replay.ErrNotFound) || errors.Is(err, replay.ErrSuperseded) {
		return nil
	}
	return err
}
