package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/control"
)

// maxTokens bounds the task tokens of a replay that wait. There is one waiter;
// a retry of its step brings another token and leaves the old one behind.
const maxTokens = 16

// maxTokenBytes is the longest task token that Step Functions gives.
const maxTokenBytes = 2048

// ErrToken says that a text can be no task token. A retry cannot help.
var ErrToken = errors.New("not a task token")

// RequestPause sets the desired state of a replay to paused. It is idempotent;
// ErrEnded after the replay's end.
func (s Store) RequestPause(ctx context.Context, id string) (Row, error) {
	return s.Update(ctx, id, func(row *Row) error {
		if row.Paused {
			return control.Unchanged()
		}
		row.Paused = true
		return nil
	})
}

// ParkToken stores a task token whose execution is to wait, on condition that
// the desired state is still paused when the token is stored. With parked false
// nothing is stored and the execution has to go on at once: the replay was
// resumed, cancelled, or has ended. After an error it may be called again with
// the same token or another one.
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

// Resume sets the desired state to running and returns, from the same write,
// the tokens that wait. The caller sends each of them success, takes one that
// nobody waits for any more for sent, and then calls Released. Until that is
// done every Resume returns them again, so that a caller that dies in between
// leaves nobody waiting once somebody resumes again.
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

// Released forgets tokens that success was sent for. Those that were parked
// since stay.
func (s Store) Released(ctx context.Context, id string, tokens []string) error {
	_, err := control.Update(ctx, s.Table, RowKey(id), func(row *Row, exists bool) error {
		left := slices.DeleteFunc(slices.Clone(row.Tokens), func(t string) bool { return slices.Contains(tokens, t) })
		if !exists || len(left) == len(row.Tokens) {
			return control.Unchanged()
		}
		row.Tokens = left
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget tokens of replay %s: %w", id, err)
	}
	return nil
}
