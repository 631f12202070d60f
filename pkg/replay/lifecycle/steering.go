package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/meter"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/request"
)

// Pause asks a replay to pause. Its readers stop at their next page, and its execution
// then waits, without polling, until Resume, Cancel, or a year has passed. A replay that
// is being planned or proved pauses after that step. A paused replay stays paused.
// Pause returns ErrEnded after the replay's end, and ErrPromoting or ErrPromoted once it
// has begun to make its generation active or has done so.
func (s *Service) Pause(ctx context.Context, id string) (replay.Row, error) {
	row, _, err := s.Store.RequestPause(ctx, id)
	if err == nil && row.Unconfirmed() {
		row, err = s.confirm(ctx, row)
	}
	if err != nil {
		return replay.Row{}, fmt.Errorf("pause replay: %w", err)
	}
	return row, nil
}

// confirm takes a pause back if the promotion may no longer notice it, and returns why.
// The promotion takes its hold and then looks for a pause. Whoever asks for the pause
// again after a crash in between comes here, too.
func (s *Service) confirm(ctx context.Context, row replay.Row) (replay.Row, error) {
	why, err := s.tooLate(ctx, &row)
	if err != nil {
		return row, err
	}
	if why == nil {
		return s.Store.ConfirmPause(ctx, row.ID, row.Pauses)
	}
	row, withdrawn, err := s.Store.WithdrawPause(ctx, row.ID, row.Pauses)
	switch {
	case errors.Is(err, replay.ErrEnded):
		return row, why
	case err != nil:
		return row, errors.Join(why, err)
	case !withdrawn && row.Paused && !row.Unconfirmed():
		return row, nil // somebody else saw the hold end
	}
	return row, errors.Join(why, s.release(ctx, row, row.Unreleased()))
}

// tooLate returns why the promotion may no longer notice a pause, nil if it will.
func (s *Service) tooLate(ctx context.Context, row *replay.Row) (why, err error) {
	registered, err := s.Closer.Registry.Load(ctx)
	if err != nil {
		return nil, err
	}
	info, found := registered.Find(row.Generation)
	switch {
	case found && info.Promoted:
		return replay.ErrPromoted, nil
	case registered.Hold != nil && registered.Hold.Replay == row.ID:
		return replay.ErrPromoting, nil
	}
	return nil, nil
}

// Resume lets a paused replay go on. It may be called at any time, also for a replay
// that is not paused: after a crash in between, the next call completes it, and so does
// Reconcile. It returns ErrEnded after the replay's end, and ErrOverBudget if readers
// would stop at once since the replay's budget is used up.
func (s *Service) Resume(ctx context.Context, id string) (replay.Row, error) {
	row, err := s.Store.Load(ctx, id)
	if err != nil {
		return replay.Row{}, err
	}
	if row.Paused {
		used, err := s.used(ctx, &row)
		if err != nil {
			return replay.Row{}, fmt.Errorf("resume replay: %w", err)
		}
		if limit := row.Cap(); row.OverBudget(used) {
			if _, err := s.Store.PauseAtBudget(ctx, id, used); err != nil { // says why
				return replay.Row{}, err
			}
			return replay.Row{}, fmt.Errorf("resume replay %s: %w: %s of %s",
				id, replay.ErrOverBudget, limit.Of(used), limit)
		}
	}
	return s.resume(ctx, id)
}

func (s *Service) resume(ctx context.Context, id string) (replay.Row, error) {
	row, tokens, err := s.Store.Resume(ctx, id)
	if err != nil {
		return replay.Row{}, fmt.Errorf("resume replay: %w", err)
	}
	if err := s.release(ctx, row, tokens); err != nil {
		return replay.Row{}, err
	}
	row.Tokens = nil
	return row, nil
}

// release ends the wait for tokens and then removes them from the row.
func (s *Service) release(ctx context.Context, row replay.Row, tokens []string) error {
	if len(tokens) == 0 {
		return nil
	}
	for _, token := range tokens {
		if err := s.goOn(ctx, row, token); err != nil {
			return err
		}
	}
	return s.Store.Released(ctx, row.ID, tokens)
}

// Resumed is the result of the step that waited, for the state machine.
type Resumed struct {
	// Parallelism is how many segment readers may run at a time.
	Parallelism int `json:"parallelism"`
}

// goOn ends the wait for one token.
func (s *Service) goOn(ctx context.Context, row replay.Row, token string) error {
	output, err := json.Marshal(Resumed{row.Readers()})
	if err == nil {
		err = s.Executions.Release(ctx, token, output)
	}
	if err != nil {
		return fmt.Errorf("let the execution of replay %s go on: %w", row.ID, err)
	}
	return nil
}

// Park makes an execution wait for its task token until the replay is resumed or
// cancelled. If it is not paused any more, the execution goes on at once. Park is
// idempotent.
func (s *Service) Park(ctx context.Context, id, token string) error {
	parked, err := s.Store.ParkToken(ctx, id, token)
	if err != nil || parked {
		return err
	}
	row, err := s.Store.Load(ctx, id)
	if err != nil {
		return err
	}
	return s.goOn(ctx, row, token)
}

// Approve lets the replay that asks whether to promote a generation go on, and reports
// whether there is one; if not, nothing has changed. It returns ErrNotActive, ErrLost or
// ErrWithdrawn of package datastore where a promotion could not succeed. It is idempotent,
// and after a crash in between, the next call completes it, and so does Reconcile.
func (s *Service) Approve(ctx context.Context, choice cutover.Choice) (row replay.Row, asked bool, err error) {
	registered, err := s.Closer.Registry.Load(ctx)
	if err != nil {
		return replay.Row{}, false, err
	}
	info, found := registered.Find(choice.Generation)
	if !found || info.Replay == "" || info.Status != datastore.Following {
		return replay.Row{}, false, nil
	}
	row, err = s.Store.Load(ctx, info.Replay)
	switch {
	case errors.Is(err, replay.ErrNotFound):
		return replay.Row{}, false, nil
	case err != nil:
		return replay.Row{}, false, err
	case row.Generation != info.ID || row.Status.Ended() || row.Asked == nil || info.Promoted:
		return replay.Row{}, false, nil
	case choice.Instead != "" && choice.Instead != registered.Active:
		return replay.Row{}, false, datastore.ErrNotActive
	}
	if err := info.MayBeChosen(); err != nil {
		return replay.Row{}, false, err
	}
	row, tokens, err := s.Store.Approve(ctx, row.ID, choice.AcceptParked)
	if errors.Is(err, replay.ErrEnded) {
		return replay.Row{}, false, nil
	}
	if err == nil {
		err = s.release(ctx, row, tokens)
	}
	if err != nil {
		return replay.Row{}, false, fmt.Errorf("approve promotion of generation %s: %w", info.ID, err)
	}
	return row, true, nil
}

// SetRate sets the limit of a replay in events per second, 0 for no limit; its readers
// follow within seconds. It returns replay.ErrRequest for a rate that no replay may have,
// and ErrEnded after the replay's end.
func (s *Service) SetRate(ctx context.Context, id string, rate int) (replay.Row, error) {
	row, err := s.Store.SetRate(ctx, id, rate)
	if err != nil {
		return replay.Row{}, fmt.Errorf("set rate of replay: %w", err)
	}
	return row, nil
}

// used is what a replay has used so far, if it has a budget.
func (s *Service) used(ctx context.Context, row *replay.Row) (meter.Usage, error) {
	if s.Ledger == nil || row.Cap().None() {
		return meter.Usage{}, nil
	}
	used, err := s.Ledger.Used(ctx, row.ID)
	if err != nil {
		return meter.Usage{}, fmt.Errorf("add up what was used: %w", err)
	}
	return used, nil
}

// CheckBudget pauses a replay whose budget is used up, before its readers start.
func (s *Service) CheckBudget(ctx context.Context, row replay.Row) (replay.Row, error) {
	used, err := s.used(ctx, &row)
	if err != nil || !row.OverBudget(used) {
		return row, err
	}
	return s.Store.PauseAtBudget(ctx, row.ID, used)
}

// SetBudget sets the budget of a replay, which the zero Budget lifts; its readers follow
// within seconds. A replay that has used more already pauses, and a paused one stays so
// until Resume. It returns replay.ErrRequest for a budget that no replay may have, and
// ErrEnded after the replay's end.
func (s *Service) SetBudget(ctx context.Context, id string, limit request.Budget) (replay.Row, error) {
	row, err := s.Store.Load(ctx, id)
	if err == nil {
		err = limit.Check()
	}
	var used meter.Usage
	if err == nil {
		row.Budget = &limit
		used, err = s.used(ctx, &row)
	}
	if err == nil {
		row, err = s.Store.SetBudget(ctx, id, limit, used)
	}
	if err != nil {
		return replay.Row{}, fmt.Errorf("set budget of replay: %w", err)
	}
	return row, nil
}

// SetParallelism sets how many segment readers of a replay run at a time, within the
// platform's bound. A running map run follows at once: more readers begin, or as many as
// are too many are not followed by others once they end. Later map runs take it from the
// row. It returns replay.ErrRequest for a number that no replay may have, and ErrEnded
// after the replay's end. After an error it may be called again, and Reconcile completes
// it.
func (s *Service) SetParallelism(ctx context.Context, id string, n int) (replay.Row, error) {
	row, err := s.Store.SetParallelism(ctx, id, n)
	if err == nil {
		err = s.spread(ctx, row)
	}
	if err != nil {
		return replay.Row{}, fmt.Errorf("set parallelism of replay: %w", err)
	}
	return row, nil
}

// spread gives the running map run of a replay the parallelism that an operator set. It
// may have begun with an older one just before.
func (s *Service) spread(ctx context.Context, row replay.Row) error {
	if row.Parallelism == nil || row.Status.Ended() {
		return nil
	}
	if err := s.Executions.SetConcurrency(ctx, row.Execution(), row.Readers()); err != nil {
		return fmt.Errorf("set concurrency of execution %s: %w", row.Execution(), err)
	}
	return nil
}
