package replay

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Executions starts and stops executions of the replay state machine.
type Executions interface {
	// Start starts an execution of that name; one that exists already with
	// the same input counts as started.
	Start(ctx context.Context, name string, input []byte) error
	// Exists reports whether there is or was an execution of that name.
	Exists(ctx context.Context, name string) (bool, error)
	// Stop aborts an execution; one that has ended is left alone.
	Stop(ctx context.Context, name, errorName, cause string) error
}

// Service starts and cancels replays for people. It is safe for concurrent
// use.
type Service struct {
	Store      Store
	Executions Executions
	Closer     *Closer
	// Random names replays that nobody named.
	Random io.Reader
}

// Start enters a replay and starts its execution. The same name with the same
// request is the same replay, running or ended, and created is false then;
// with another request it is ErrExists. A name of "" is chosen.
func (s *Service) Start(ctx context.Context, name string, request Request) (row Row, created bool, err error) {
	if name == "" {
		if name, err = s.chooseName(); err != nil {
			return Row{}, false, err
		}
	}
	row, created, err = s.Store.Create(ctx, name, request)
	if err != nil {
		return Row{}, false, err
	}
	if row.Status != Planned {
		return row, created, nil
	}
	// A row without an execution is what a crash between the two leaves: the
	// same request, asked again, goes on here.
	if err := s.execute(ctx, row); err != nil {
		return Row{}, false, err
	}
	return row, created, nil
}

func (s *Service) chooseName() (string, error) {
	var random [4]byte
	if _, err := io.ReadFull(s.Random, random[:]); err != nil {
		return "", fmt.Errorf("choose replay name: %w", err)
	}
	return s.Store.Now().UTC().Format("20060102-150405-") + hex.EncodeToString(random[:]), nil
}

func (s *Service) execute(ctx context.Context, row Row) error {
	input, err := json.Marshal(row.Request)
	if err != nil {
		return fmt.Errorf("encode request of replay %s: %w", row.ID, err)
	}
	if err := s.Executions.Start(ctx, row.ID, input); err != nil {
		return fmt.Errorf("start execution %s: %w", row.ID, err)
	}
	return nil
}

// Reconcile starts the executions of replays that were entered but never
// started, and closes those whose execution is gone. A platform calls it when
// it starts.
func (s *Service) Reconcile(ctx context.Context) error {
	var open []Row
	err := s.Store.List(ctx, func(row Row) error {
		if !row.Status.Ended() {
			open = append(open, row)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, row := range open {
		exists, err := s.Executions.Exists(ctx, row.ID)
		if err != nil {
			return fmt.Errorf("look for execution %s: %w", row.ID, err)
		}
		if exists {
			continue
		}
		if err := s.execute(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

// Cancel stops a replay for good. Its readers stop at their next page, and
// what it created is dropped. After its end it is ErrEnded.
func (s *Service) Cancel(ctx context.Context, id string) (Row, error) {
	if _, err := s.Store.Load(ctx, id); err != nil {
		return Row{}, err
	}
	if _, err := s.Store.Update(ctx, id, func(r *Row) error { r.Cancel = true; return nil }); err != nil {
		return Row{}, err
	}
	if err := s.Executions.Stop(ctx, id, "Reprise.Cancelled", "cancelled by a person"); err != nil {
		return Row{}, fmt.Errorf("stop execution %s: %w", id, err)
	}
	return s.Closer.Close(ctx, id, Cancelled, nil)
}

// ExecutionStatus is how an execution ended, in Step Functions' words.
type ExecutionStatus string

// Ended closes the replay of an execution that has ended, whichever way: a
// stop in the console, a time-out, or a failure before its own last step.
func (s *Service) Ended(ctx context.Context, id string, status ExecutionStatus, failure *Failure) error {
	final := Failed
	switch status {
	case "SUCCEEDED":
		final = Succeeded
	case "ABORTED":
		final = Cancelled
	}
	_, err := s.Closer.Close(ctx, id, final, failure)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
