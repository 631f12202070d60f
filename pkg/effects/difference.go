package effects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/replay"
)

// Class is how what a replay would have sent compares with what was sent.
type Class string

// The classes.
const (
	// Same: it was sent like this.
	Same Class = "same"
	// Changed: it was sent with another body.
	Changed Class = "changed"
	// Surplus: it was not sent, and the code as it is now would have sent it.
	Surplus Class = "surplus"
	// Missing: it was sent, and the code as it is now would not have.
	Missing Class = "missing"
	// Silent: the call did not exist when the event happened, so nothing is missed.
	Silent Class = "silent"
	// Unanswered: the reaction could not end, for the reason given. What the entity would
	// have sent from there on is not known.
	Unanswered Class = "unanswered"
	// Undecided: it was sent, and whether it would have been is not known, since the entity
	// is parked in the rebuilt generation.
	Undecided Class = "undecided"
	// Ahead: the live path has not reacted to the event yet.
	Ahead Class = "ahead"
)

// Entry is one difference that a replay has found.
type Entry struct {
	Class    Class          `json:"class"`
	Entity   string         `json:"entity"`
	Lane     event.Lane     `json:"lane"`
	Position event.Position `json:"position"`
	Source   string         `json:"source"`
	EventID  string         `json:"eventId"`
	Type     string         `json:"type"`
	System   string         `json:"system,omitempty"`
	Name     string         `json:"name,omitempty"`
	Part     string         `json:"part,omitempty"`
	// Turn is that of the record that was compared, -1 if there is none.
	Turn int `json:"turn"`
	// Order counts the calls of the reaction.
	Order int `json:"order"`
	// Key is the idempotency key of the call. Sent and Answer are what was sent and
	// answered, Wanted is what would be sent.
	Key    string          `json:"key,omitempty"`
	Sent   json.RawMessage `json:"sent,omitempty"`
	Answer json.RawMessage `json:"answer,omitempty"`
	Wanted json.RawMessage `json:"wanted,omitempty"`
	Reason string          `json:"reason,omitempty"`
	// Approved is what became of the difference since it was approved, nil before.
	Approved *Settled `json:"approved,omitempty"`
}

// Settled is what became of an approved difference.
type Settled struct {
	Approval int        `json:"approval"`
	Done     bool       `json:"done"`
	At       *time.Time `json:"at,omitempty"`
	// Sent and Undone tell what was done.
	Sent   bool `json:"sent,omitempty"`
	Undone bool `json:"undone,omitempty"`
	// Attempts counts failed attempts, Error is why the last one failed; Failed is set once
	// nobody tries again.
	Attempts int    `json:"attempts,omitempty"`
	Error    string `json:"error,omitempty"`
	Failed   bool   `json:"failed,omitempty"`
}

// ID names the entry's call within a service.
func (e *Entry) ID() string { return e.System + "/" + e.Name }

func (e *Entry) place() Place { return Place{e.Lane, e.Entity, e.Position} }

func entriesOf(replay string, lane event.Lane) string {
	return "difference#" + replay + "#" + lane.String()
}

func (e *Entry) key(replay string) control.Key {
	return control.Key{Partition: entriesOf(replay, e.Lane), Sort: e.place().callKey(e.System, e.Name, e.Part, 0)}
}

// Enter stores an entry as it was found, unless it is stored already. A batch that is
// consumed again finds the same.
func (l Ledger) Enter(ctx context.Context, replay string, e *Entry) error {
	_, err := control.Store(ctx, l.Table, e.key(replay), e, "")
	if err != nil && !errors.Is(err, control.ErrConflict) {
		return fmt.Errorf("enter difference of effects: %w", err)
	}
	return nil
}

// Entries returns a page of the differences of a lane in the order of entities and
// positions, and where the next page begins, "" if there is none.
func (l Ledger) Entries(ctx context.Context, replay string, lane event.Lane, after string, limit int) (
	entries []Entry, next string, err error,
) {
	docs, err := l.Table.List(ctx, entriesOf(replay, lane), after, limit)
	if err != nil {
		return nil, "", fmt.Errorf("list differences of effects: %w", err)
	}
	for i := range docs {
		var e Entry
		if err := json.Unmarshal(docs[i].Body, &e); err != nil {
			return nil, "", fmt.Errorf("decode difference of effects: %w", err)
		}
		entries = append(entries, e)
	}
	if len(docs) == limit && limit > 0 {
		next = docs[len(docs)-1].Sort
	}
	return entries, next, nil
}

// counted counts the calls of a lane by class, up to an ordinal of the replay.
type counted struct {
	Ordinal int64           `json:"ordinal"`
	Calls   map[Class]int64 `json:"calls"`
}

func countsOf(replay string) string { return "difference-counts#" + replay }

// count adds the calls of events by their ordinals, but for those that are counted already.
func (l Ledger) count(
	ctx context.Context, replay string, lane event.Lane, from int64, classes [][]Class,
) error {
	key := control.Key{Partition: countsOf(replay), Sort: lane.String()}
	_, err := control.Update(ctx, l.Table, key, func(c *counted, _ bool) error {
		to := from + int64(len(classes))
		if c.Ordinal >= to {
			return control.Unchanged()
		}
		if c.Calls == nil {
			c.Calls = make(map[Class]int64)
		}
		for i, all := range classes {
			if from+int64(i) < c.Ordinal {
				continue
			}
			for _, class := range all {
				c.Calls[class]++
			}
		}
		c.Ordinal = to
		return nil
	})
	if err != nil {
		return fmt.Errorf("count differences of effects: %w", err)
	}
	return nil
}

// Counts sums up the calls that a replay has compared, by class.
func (l Ledger) Counts(ctx context.Context, replay string) (map[Class]int64, error) {
	sum := make(map[Class]int64)
	err := control.Each(ctx, l.Table, countsOf(replay), "", func(_ string, c counted) error {
		for class, n := range c.Calls {
			sum[class] += n
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sum up differences of effects: %w", err)
	}
	return sum, nil
}

// stopped says that an entity's effects are no longer compared by a replay.
type stopped struct {
	Position event.Position `json:"position"`
}

func stoppedKey(replay string, lane event.Lane, entity string) control.Key {
	return control.Key{Partition: "stopped#" + replay, Sort: lane.String() + "#" + event.EscapeEntity(entity)}
}

// collectBy records which version of the service collects a replay's effects.
func (l Ledger) collectBy(ctx context.Context, id, version string) error {
	type collection struct {
		Version string `json:"version"`
	}
	key := control.Key{Partition: "collections", Sort: id}
	by, err := control.Update(ctx, l.Table, key, func(c *collection, exists bool) error {
		if exists {
			return control.Unchanged()
		}
		c.Version = version
		return nil
	})
	if err != nil {
		return fmt.Errorf("record version of the service: %w", err)
	}
	if by.Version != version {
		return fmt.Errorf("%w (begun with %s, this is %s)", replay.ErrOtherService, by.Version, version)
	}
	return nil
}

// behind returns the entities of a lane whose effects wait, with the last position before
// the event that failed.
func (l Ledger) behind(ctx context.Context, lane event.Lane) (map[string]event.Position, error) {
	behind := make(map[string]event.Position)
	prefix := lane.String() + "#"
	for after := prefix; ; {
		held, next, err := l.Waiting(ctx, after, pageOf)
		if err != nil {
			return nil, err
		}
		for i := range held {
			if held[i].Lane != lane {
				return behind, nil
			}
			behind[held[i].Entity] = held[i].Position
		}
		if after = next; next == "" {
			return behind, nil
		}
	}
}
