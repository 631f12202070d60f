package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/meter"
	"reprise/pkg/replay/request"
)

// maxTokens bounds the waiting task tokens of a replay. Only one execution waits,
// but each retry of its step adds a token and leaves the old one behind.
const maxTokens = 16

// maxTokenBytes is the longest task token that Step Functions gives.
const maxTokenBytes = 2048

// ErrToken says that a text is no valid task token. A retry cannot help.
var ErrToken = errors.New("not a task token")

// RequestPause sets the desired state of a replay to paused. It is idempotent, and
// returns ErrEnded after the replay's end, and ErrPromoted once its generation was made
// active. changed is false if the replay was paused already.
func (s Store) RequestPause(ctx context.Context, id string) (row Row, changed bool, err error) {
	row, err = s.Update(ctx, id, func(row *Row) error {
		if row.Promoted {
			return ErrPromoted
		}
		if changed = !row.Paused; !changed {
			return control.Unchanged()
		}
		row.Paused = true
		row.Pauses++
		if row.Generation == "" { // a promotion that is still to come loads the row
			row.Confirmed = row.Pauses
		}
		return nil
	})
	return row, changed && err == nil, err
}

// Unconfirmed reports whether a promotion may have overlooked the pause: who asked for it
// has to look for a hold, and then calls ConfirmPause or WithdrawPause.
func (r *Row) Unconfirmed() bool { return r.Paused && r.Confirmed != r.Pauses }

// ConfirmPause records that no promotion can overlook the pause of that number. It
// changes nothing if that pause is over, and returns ErrEnded after the replay's end.
func (s Store) ConfirmPause(ctx context.Context, id string, number int) (Row, error) {
	return s.Update(ctx, id, func(row *Row) error {
		if row.Pauses != number || !row.Unconfirmed() {
			return control.Unchanged()
		}
		row.Confirmed = number
		return nil
	})
}

// WithdrawPause takes the pause of that number back, unless it was confirmed; then and
// after a Resume, withdrawn is false. The caller releases the row's tokens, as after
// Resume.
func (s Store) WithdrawPause(ctx context.Context, id string, number int) (row Row, withdrawn bool, err error) {
	row, err = s.Update(ctx, id, func(row *Row) error {
		if withdrawn = row.Pauses == number && row.Unconfirmed(); !withdrawn {
			return control.Unchanged()
		}
		row.Paused, row.PausedBy = false, nil
		return nil
	})
	return row, withdrawn && err == nil, err
}

// ParkToken stores the task token of a waiting execution, on condition that the
// desired state is still paused. If parked is false, nothing was stored and the
// execution has to continue at once: the replay was resumed, cancelled, or has
// ended. After an error it may be called again with the same or another token.
// Nobody waits for the consumer during a pause, so it does not count as a stall.
func (s Store) ParkToken(ctx context.Context, id, token string) (parked bool, err error) {
	if token == "" || len(token) > maxTokenBytes {
		return false, fmt.Errorf("park token of replay %s: %w", id, ErrToken)
	}
	_, err = s.Update(ctx, id, func(row *Row) error {
		parked = (row.Paused || row.Asking()) && !row.Cancel
		if !parked || slices.Contains(row.Tokens, token) {
			return control.Unchanged()
		}
		// The oldest belongs to a step that was retried long ago.
		row.Tokens = append(row.Tokens[max(0, len(row.Tokens)-maxTokens+1):], token)
		row.Waiting, row.Idle, row.Stalls = nil, nil, 0
		return nil
	})
	if errors.Is(err, ErrEnded) {
		return false, nil
	}
	return parked && err == nil, err
}

// Resume sets the desired state to running and returns, from the same write, the
// waiting tokens. The caller reports success for each of them, ignores expired
// ones, and then calls Released. Until then every Resume returns them again, so that
// after a crash in between, another Resume releases the execution. It returns ErrEnded
// after the replay's end.
func (s Store) Resume(ctx context.Context, id string) (row Row, tokens []string, err error) {
	row, err = s.Update(ctx, id, func(row *Row) error {
		if !row.Paused {
			return control.Unchanged()
		}
		row.Paused, row.PausedBy = false, nil
		return nil
	})
	if err != nil || row.Asking() { // it goes on waiting, for an approval
		return row, nil, err
	}
	return row, row.Tokens, nil
}

// Parked reports whether the execution waits for somebody to resume the replay.
func (r *Row) Parked() bool { return r.Paused && !r.Cancel && !r.Status.Ended() && len(r.Tokens) > 0 }

// Unreleased are the tokens of an execution that may still wait although nothing
// keeps it waiting: whoever resumed or cancelled the replay has not got so far as to
// say so.
func (r *Row) Unreleased() []string {
	if r.Status.Ended() || ((r.Paused || r.Asking()) && !r.Cancel) {
		return nil
	}
	return r.Tokens
}

// Released removes tokens for which success was reported; those parked since stay.
func (s Store) Released(ctx context.Context, id string, tokens []string) error {
	_, err := control.Update(ctx, s.Table, RowKey(id), func(row *Row, exists bool) error {
		remaining := slices.DeleteFunc(slices.Clone(row.Tokens), func(t string) bool { return slices.Contains(tokens, t) })
		if !exists || len(remaining) == len(row.Tokens) {
			return control.Unchanged()
		}
		row.Tokens = remaining
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove tokens of replay %s: %w", id, err)
	}
	return nil
}

// PauseReason says why a replay paused by itself.
type PauseReason struct {
	// Cause is a sentence, Budget the budget that is used up, and Spent what was used
	// then, in the budget's unit.
	Cause  string         `json:"cause"`
	Budget request.Budget `json:"budget"`
	Spent  request.Budget `json:"spent"`
	At     time.Time      `json:"at"`
}

// OverBudget reports whether a usage reaches the budget of a replay whose readers a
// budget can still stop. What was delivered is taken in and proved, whatever that uses.
func (r *Row) OverBudget(used meter.Usage) bool { return r.reads() && r.Cap().UsedUp(used) }

// stop pauses the replay if a usage reaches its budget. One that a person paused gets the
// reason, too, since it cannot be resumed either.
func (r *Row) stop(used meter.Usage, at time.Time) (changed bool) {
	if (r.Paused && r.PausedBy != nil) || r.Cancel || !r.OverBudget(used) {
		return false
	}
	limit, spent := r.Cap(), r.Cap().Of(used)
	r.Paused = true
	r.PausedBy = &PauseReason{
		Cause:  fmt.Sprintf("the budget of %s is used up (%s)", limit, spent),
		Budget: limit,
		Spent:  spent,
		At:     at,
	}
	return true
}

// PauseAtBudget sets the desired state of a replay to paused if what it has used reaches
// its budget. Any number of readers may call it, also with outdated usages.
func (s Store) PauseAtBudget(ctx context.Context, id string, used meter.Usage) (Row, error) {
	return s.Update(ctx, id, func(row *Row) error {
		if !row.stop(used, s.Now().UTC()) {
			return control.Unchanged()
		}
		return nil
	})
}

// SetBudget sets the budget of a replay, which the zero Budget lifts. One that is used up
// already, as a usage says, pauses the replay; a paused replay stays so. It returns
// ErrRequest for a budget that no replay may have, and ErrEnded after the replay's end.
func (s Store) SetBudget(ctx context.Context, id string, budget request.Budget, used meter.Usage) (Row, error) {
	if err := budget.Check(); err != nil {
		return Row{}, err
	}
	return s.Update(ctx, id, func(row *Row) error {
		same := row.Cap() == budget
		row.Budget = &budget
		if stopped := row.stop(used, s.Now().UTC()); same && !stopped {
			return control.Unchanged()
		}
		return nil
	})
}

// SetRate sets the limit of a replay in events per second, 0 for no limit; its readers
// follow within seconds. It returns ErrRequest for a rate that no replay may have, and
// ErrEnded after the replay's end.
func (s Store) SetRate(ctx context.Context, id string, rate int) (Row, error) {
	if rate < 0 || rate > request.MaxRate {
		return Row{}, fmt.Errorf("%w: rate %d is not between 0 and %d", ErrRequest, rate, request.MaxRate)
	}
	return s.Update(ctx, id, func(row *Row) error {
		if row.Limit() == rate {
			return control.Unchanged()
		}
		row.Rate = &rate
		row.Rates++
		return nil
	})
}
