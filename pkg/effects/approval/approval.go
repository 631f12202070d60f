package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/effects"
)

// The limits of an approval.
const (
	// DefaultRate and MaxRate are corrections per second.
	DefaultRate = 10
	MaxRate     = 1000
	// MaxListed bounds each list of Only, MaxReason the bytes of a reason.
	MaxListed = 100
	MaxReason = 500
)

var (
	// ErrInvalid says that an approval cannot be carried out. A retry cannot help.
	ErrInvalid = errors.New("invalid approval")
	// ErrRunning says that another approval of the replay is being carried out. A retry
	// helps once that has ended.
	ErrRunning = errors.New("another approval of the replay is being carried out")
)

// Only narrows an approval. What is empty selects all.
type Only struct {
	// Classes are some of changed, surplus and missing; Calls are as in "mail/welcome".
	Classes  []effects.Class `json:"classes,omitempty"`
	Calls    []string        `json:"calls,omitempty"`
	Entities []string        `json:"entities,omitempty"`
}

// Approvable are the classes of differences that can be approved.
func Approvable() []effects.Class {
	return []effects.Class{effects.Changed, effects.Surplus, effects.Missing}
}

// Has reports whether a difference is approved.
func (o *Only) Has(e *effects.Entry) bool {
	return slices.Contains(Approvable(), e.Class) &&
		(len(o.Classes) == 0 || slices.Contains(o.Classes, e.Class)) &&
		(len(o.Calls) == 0 || slices.Contains(o.Calls, e.ID())) &&
		(len(o.Entities) == 0 || slices.Contains(o.Entities, e.Entity))
}

func (o *Only) check() error {
	for _, class := range o.Classes {
		if !slices.Contains(Approvable(), class) {
			return fmt.Errorf("%w: class %q is not one of changed, surplus and missing", ErrInvalid, class)
		}
	}
	if max(len(o.Classes), len(o.Calls), len(o.Entities)) > MaxListed {
		return fmt.Errorf("%w: at most %d of each are accepted", ErrInvalid, MaxListed)
	}
	return nil
}

// Approval is what a person approved, and how far it is carried out.
type Approval struct {
	Replay string    `json:"replay"`
	Number int       `json:"number"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	Only   Only      `json:"only"`
	Rate   int       `json:"rate"`
	// Ended is when nothing was left to do.
	Ended *time.Time `json:"ended,omitempty"`
	// Sent and Undone count the calls, Failed the differences that nobody tries again, and
	// Left those that are tried again. They are exact once it has ended.
	Sent   int64 `json:"sent"`
	Undone int64 `json:"undone"`
	Failed int64 `json:"failed"`
	Left   int64 `json:"left"`
	// Lane and After are how far this pass has come, Due is when it goes on.
	Lane  int       `json:"lane"`
	After string    `json:"after,omitempty"`
	Pass  int       `json:"pass"`
	Due   time.Time `json:"due"`
}

// Store keeps approvals in the table of the effects log. It is safe for concurrent use.
type Store struct {
	Table control.Table
	Now   func() time.Time
}

func keyOf(replay string, number int) control.Key {
	return control.Key{Partition: "approvals#" + replay, Sort: fmt.Sprintf("%06d", number)}
}

// running lists the approvals that are being carried out, one of each replay.
const running = "approving"

func runningKey(replay string) control.Key { return control.Key{Partition: running, Sort: replay} }

// Approve stores an approval, which is then carried out.
func (s Store) Approve(ctx context.Context, a Approval) (Approval, error) {
	if a.Rate == 0 {
		a.Rate = DefaultRate
	}
	switch {
	case a.Reason == "" || len(a.Reason) > MaxReason:
		return a, fmt.Errorf("%w: a reason has 1 to %d bytes", ErrInvalid, MaxReason)
	case a.Rate < 1 || a.Rate > MaxRate:
		return a, fmt.Errorf("%w: rate %d is not between 1 and %d", ErrInvalid, a.Rate, MaxRate)
	}
	if err := a.Only.check(); err != nil {
		return a, err
	}
	all, err := s.Of(ctx, a.Replay)
	if err != nil {
		return a, err
	}
	if n := len(all); n > 0 && all[n-1].Ended == nil {
		return a, fmt.Errorf("approve effects of replay %s: %w", a.Replay, ErrRunning)
	}
	a.Number, a.At = len(all)+1, s.Now().UTC()
	a.Due = a.At
	_, err = control.Update(ctx, s.Table, runningKey(a.Replay), func(number *int, _ bool) error {
		*number = a.Number
		return nil
	})
	if err == nil {
		_, err = control.Store(ctx, s.Table, keyOf(a.Replay, a.Number), a, "")
	}
	if errors.Is(err, control.ErrConflict) {
		err = ErrRunning
	}
	if err != nil {
		return a, fmt.Errorf("approve effects of replay %s: %w", a.Replay, err)
	}
	return a, nil
}

// maxApprovals bounds the approvals of a replay that are listed.
const maxApprovals = 1000

// Of returns the approvals of a replay, the oldest first.
func (s Store) Of(ctx context.Context, replay string) ([]Approval, error) {
	docs, err := s.Table.List(ctx, "approvals#"+replay, "", maxApprovals)
	if err != nil {
		return nil, fmt.Errorf("list approvals: %w", err)
	}
	all := make([]Approval, len(docs))
	for i := range docs {
		if err := json.Unmarshal(docs[i].Body, &all[i]); err != nil {
			return nil, fmt.Errorf("decode approval: %w", err)
		}
	}
	return all, nil
}
