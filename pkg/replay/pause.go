package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/control"
)

// maxTokens bounds the waiting task tokens of a replay. Only one execution waits,
// but each retry of its step adds a token and leaves the old one behind.
const maxTokens = 16

// maxTokenBytes is the longest task token that Step Functions gives.
const maxTokenBytes = 2048

// ErrToken says that a text is no valid task token. A retry cannot help.
var ErrToken = errors.New("not a task token")

// RequestPause sets the desired state of a replay to paused. It is idempotent, and
// returns ErrEnded after the replay's end.
func (s Store) RequestPause(ctx context.Context, id string) (Row, error) {
	return s.Update(ctx, id, func(row *Row) error {
		if row.Paused {
			return control.Unchanged()
		}
		row.Paused = true
		return nil
	})
}

// ParkToken stores the task token of a waiting execution, on condition that the
// desired state is still paused. If parked is false, nothing was stored and the
// execution has to continue at once: the replay was resumed, cancelled, or has
// ended. After an error it may be called again with the same or another token.
func (s Store) ParkToken(ctx context.Context, id, token string) (parked bool, err error) {
	if token == "" || len(token) > maxTokenBytes {
		return false, fmt.Errorf("park token of replay %s: %w", id, ErrToken)
	}
	_, err = s.Update(ctx, id, func(row *Row) error {
		parked = row.Paused && !row.Cancel
		if !parked || slices.Contains(row.Tokens, token) {
			return control.Unchanged()
		}
		// The oldest belongs to a step that was retried long ago.
		row.Tokens = append(row.Tokens[max(0, len(row.Tokens)-maxTokens+1):], token)
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
// after a crash in between, another Resume releases the execution.
func (s Store) Resume(ctx context.Context, id string) (tokens []string, err error) {
	row, err := s.Update(ctx, id, func(row *Row) error {
		if !row.Paused {
			return control.Unchanged()
		}
		row.Paused = false
		return nil
	})
	if err != nil {
		return nil, err
	}
	return row.Tokens, nil
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
