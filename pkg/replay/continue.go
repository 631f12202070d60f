package replay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/projection/rowdiff"
	"reprise/pkg/replay/request"
)

const (
	// ContinueWithin is how long after its failure a replay may be continued.
	ContinueWithin = 30 * 24 * time.Hour
	// keptFor is how long the generation of a failed replay is kept: longer, so that
	// none is dropped just when its replay is continued.
	keptFor = ContinueWithin + 24*time.Hour
	// detachAfter is how long after its failure a replay's generation keeps its consumer.
	detachAfter = 24 * time.Hour
	// maxAttempts bounds how often a replay is continued.
	maxAttempts = 100
	// maxName is the longest name of an execution.
	maxName = 80
)

var (
	// ErrNotFailed says that the replay cannot be continued since it has not failed.
	ErrNotFailed = errors.New("only a replay that has failed can be continued")
	// ErrCannotContinue says that continuing cannot mend why the replay failed, or that
	// it is too late for it.
	ErrCannotContinue = errors.New("the replay cannot be continued: start a new one")
	// ErrSuperseded says that another execution carries the replay out.
	ErrSuperseded = errors.New("another execution carries the replay out since it was continued")
)

// The faults that continuing cannot mend.
const (
	faultInvalidInput = "Reprise.InvalidInput"
	faultCutTooOld    = "Reprise.CutTooOld"
)

// Attempt counts how often the replay was continued.
func (r *Row) Attempt() int { return len(r.Executions) }

// Execution is the name of the execution that carries the replay out.
func (r *Row) Execution() string {
	if n := len(r.Executions); n > 0 {
		return r.Executions[n-1]
	}
	return r.ID
}

// ExecutionName is the name of the execution that continues a replay for the nth time.
// No replay has it, since ids have no dot.
func ExecutionName(id string, n int) string {
	suffix := "." + strconv.Itoa(n)
	if len(id)+len(suffix) > maxName {
		sum := sha256.Sum256([]byte(id))
		short := hex.EncodeToString(sum[:8])
		id = id[:maxName-len(suffix)-len(short)-1] + "-" + short
	}
	return id + suffix
}

// Continuable returns nil if the replay may be continued, ErrNotFailed if it has not
// failed, or ErrCannotContinue with the reason.
func (r *Row) Continuable(now time.Time) error {
	switch {
	case r.Status != Failed:
		return fmt.Errorf("%w (it is %s)", ErrNotFailed, r.Status)
	case !r.mendable():
		return fmt.Errorf("%w (%s)", ErrCannotContinue, r.why())
	case r.Ended == nil || now.Sub(*r.Ended) > ContinueWithin:
		return fmt.Errorf("%w (it failed more than 30 days ago)", ErrCannotContinue)
	case len(r.Executions) >= maxAttempts:
		return fmt.Errorf("%w (it was continued %d times)", ErrCannotContinue, maxAttempts)
	}
	return nil
}

// Keeps reports whether the replay may still use its generation: it has not ended, or
// it has failed and may be continued.
func (r *Row) Keeps(now time.Time) bool {
	if !r.Status.Ended() {
		return true
	}
	return r.Status == Failed && r.mendable() && r.Ended != nil && now.Sub(*r.Ended) <= keptFor
}

// Detachable reports whether the generation of a replay that failed needs no consumer any
// more: whoever continues the replay soon finds it in step, and whoever comes later
// catches up. One about which a person has to decide stays in step.
func (r *Row) Detachable(now time.Time) bool {
	return r.Status == Failed && r.Ended != nil && now.Sub(*r.Ended) > detachAfter &&
		r.Failure != nil && r.Failure.Error != FaultParked
}

// KeptUntil is until when the generation of a replay that has failed is kept, so that the
// replay can be continued; nil if it has not failed, or cannot be continued.
func (r *Row) KeptUntil() *time.Time {
	if r.Status != Failed || !r.mendable() || r.Ended == nil {
		return nil
	}
	until := r.Ended.Add(keptFor)
	return &until
}

// mendable reports whether another attempt could succeed. A verification has ended with the
// failure of its replay, and nobody would look at what another attempt comes to. A failure without a reason was
// recorded by an earlier release, which has dropped the generation.
func (r *Row) mendable() bool {
	if r.Failure == nil || r.Fault != nil || r.Request.Verification != "" {
		return false
	}
	if r.Failure.Error == faultCutTooOld { // by an execution that could not move the cut
		return r.CatchUps < MaxCatchUps
	}
	hopeless := []string{faultInvalidInput, FaultOtherVersion, FaultOtherService, FaultLost, FaultDamaged}
	return !slices.Contains(hopeless, r.Failure.Error)
}

func (r *Row) why() string {
	switch {
	case r.Request.Verification != "":
		return "it belonged to verification " + r.Request.Verification + ", which has ended"
	case r.Fault != nil:
		return r.Fault.Error + ": " + r.Fault.Cause
	case r.Failure != nil:
		return r.Failure.Error + ": " + r.Failure.Cause
	}
	return "it says no reason"
}

// Continue makes a failed replay one that an execution of the given name carries out;
// for the name "" it chooses ExecutionName. It keeps plan, checkpoints, marks and proof.
// It is idempotent for the name of the newest execution, and returns ErrSuperseded for
// that of an earlier one, and what Continuable returns.
func (s Store) Continue(ctx context.Context, id, execution string) (Row, error) {
	row, err := control.Update(ctx, s.Table, RowKey(id), func(row *Row, exists bool) error {
		name := execution
		if name == "" {
			name = ExecutionName(id, row.Attempt()+1)
		}
		switch {
		case !exists:
			return ErrNotFound
		case !row.Status.Ended() && row.Attempt() > 0 && row.Execution() == name:
			return control.Unchanged()
		case name == id || slices.Contains(row.Executions, name):
			return ErrSuperseded
		}
		if err := row.Continuable(s.Now()); err != nil {
			return err
		}
		row.Executions = append(row.Executions, name)
		row.Status = Running
		if row.Cut == nil {
			row.Status = Planned
		}
		row.Ended, row.Failure, row.LastError, row.Started = nil, nil, nil, nil
		row.Waiting, row.Idle, row.Stalls = nil, nil, 0
		return nil
	})
	if err != nil {
		return row, fmt.Errorf("continue replay %s: %w", id, err)
	}
	return row, nil
}

// Cancel sets the desired state of a replay to cancelled, or ends it as cancelled if it
// has failed, on condition that since seen was loaded it has not changed in its
// generation, its attempt, or whether it has ended. Else it returns control.ErrConflict.
func (s Store) Cancel(ctx context.Context, seen Row) (Row, error) {
	row, err := control.Update(ctx, s.Table, RowKey(seen.ID), func(row *Row, exists bool) error {
		switch {
		case !exists:
			return ErrNotFound
		case row.Generation != seen.Generation || row.Attempt() != seen.Attempt() ||
			row.Status.Ended() != seen.Status.Ended():
			return errMoved
		}
		row.Cancel = true
		if row.Status.Ended() {
			row.Status, row.Failure = Cancelled, nil
		}
		return nil
	})
	if errors.Is(err, errMoved) {
		err = errors.Join(err, control.ErrConflict)
	}
	if err != nil {
		return row, fmt.Errorf("cancel replay %s: %w", seen.ID, err)
	}
	return row, nil
}

// Asking reports whether the replay has asked whether to promote and has no answer yet.
func (r *Row) Asking() bool { return r.Asked != nil && r.Approval == nil }

// Awaits reports whether the execution waits for somebody to approve the promotion.
func (r *Row) Awaits() bool {
	return r.Asking() && !r.Paused && !r.Cancel && !r.Status.Ended() && len(r.Tokens) > 0
}

// AskApproval records that the replay asks whether to promote its generation. It is
// idempotent.
func (s Store) AskApproval(ctx context.Context, id string) (Row, error) {
	return s.Update(ctx, id, func(row *Row) error {
		if row.Asked != nil {
			return control.Unchanged()
		}
		at := s.Now().UTC()
		row.Asked = &at
		return nil
	})
}

// Comparison is what the promotion of a replay's generation would change, as far as it was
// compared.
type Comparison struct {
	Report rowdiff.Report `json:"report"`
	// Next is the first lane that was not compared yet.
	Next int `json:"next"`
}

func comparisonKey(id string) control.Key {
	return control.Key{Partition: Partition(id), Sort: "comparison"}
}

// LoadComparison returns what was compared for a replay, nil if nothing was yet.
func (s Store) LoadComparison(ctx context.Context, id string) (*Comparison, error) {
	found, _, err := control.Load[Comparison](ctx, s.Table, comparisonKey(id))
	switch {
	case errors.Is(err, control.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("load comparison of replay %s: %w", id, err)
	}
	return &found, nil
}

// SaveComparison stores what was compared, unless more was by another caller.
func (s Store) SaveComparison(ctx context.Context, id string, compared *Comparison) error {
	_, err := control.Update(ctx, s.Table, comparisonKey(id), func(c *Comparison, exists bool) error {
		if exists && c.Next >= compared.Next {
			return control.Unchanged()
		}
		*c = *compared
		return nil
	})
	if err != nil {
		return fmt.Errorf("store comparison of replay %s: %w", id, err)
	}
	return nil
}

// Approve lets a replay that asks promote its generation, and returns, from the same
// write, the waiting tokens, for which the caller does as after Resume. It is idempotent:
// the first approval stays. It returns ErrNotAsking for a replay that does not ask, and
// ErrEnded after its end.
func (s Store) Approve(ctx context.Context, id string, acceptParked bool) (row Row, tokens []string, err error) {
	row, err = s.Update(ctx, id, func(row *Row) error {
		switch {
		case row.Cancel:
			return ErrEnded
		case row.Asked == nil:
			return ErrNotAsking
		case row.Approval != nil:
			return control.Unchanged()
		}
		row.Approval = &request.Approval{At: s.Now().UTC(), AcceptParked: acceptParked}
		return nil
	})
	if err != nil {
		return row, nil, err
	}
	return row, row.Unreleased(), nil
}

var errMoved = errors.New("the replay changed meanwhile")

// CheckExecution returns ErrSuperseded if another execution than the named one carries
// the replay out. An execution that began under an earlier release has no name here.
func (s Store) CheckExecution(ctx context.Context, id, execution string) error {
	if execution == "" {
		return nil
	}
	row, err := s.Load(ctx, id)
	if err != nil {
		return err
	}
	if row.Execution() != execution {
		return fmt.Errorf("execution %s of replay %s: %w (%s)", execution, id, ErrSuperseded, row.Execution())
	}
	return nil
}
