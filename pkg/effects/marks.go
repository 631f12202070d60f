package effects

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// marks keeps the service's marks, how far it has reacted in each lane. It has no rows.
type marks struct {
	fold
	table control.Table
}

func markKey(lane event.Lane) control.Key {
	return control.Key{Partition: "marks", Sort: lane.String()}
}

// Mark implements datastore.Generation.
func (m *marks) Mark(ctx context.Context, _ datastore.MarkName, lane event.Lane) (
	datastore.Mark, datastore.MarkVersion, error,
) {
	mark, version, err := control.Load[datastore.Mark](ctx, m.table, markKey(lane))
	if errors.Is(err, control.ErrNotFound) {
		return mark, "", datastore.ErrNoMark
	}
	if err != nil {
		return mark, "", fmt.Errorf("load mark of effects: %w", err)
	}
	return mark, datastore.MarkVersion(version), nil
}

// SetMark implements datastore.Generation.
func (m *marks) SetMark(ctx context.Context, _ datastore.MarkName, lane event.Lane, mark datastore.Mark,
	previous datastore.MarkVersion,
) (datastore.MarkVersion, error) {
	version, err := control.Store(ctx, m.table, markKey(lane), mark, control.Version(previous))
	if errors.Is(err, control.ErrConflict) {
		return "", datastore.ErrConflict
	}
	if err != nil {
		return "", fmt.Errorf("save mark of effects: %w", err)
	}
	return datastore.MarkVersion(version), nil
}

// Begin lets the service begin in every lane where it has not begun: behind the heads, or,
// on a platform that has no events yet as far as anybody was told, at the first event. It is
// idempotent.
func (l Ledger) Begin(ctx context.Context, heads eventlog.Heads, lanes int, first bool) error {
	all := &marks{table: l.Table}
	known, err := l.Table.List(ctx, "marks", "", lanes)
	if err != nil || len(known) == lanes {
		return err
	}
	at := make([]eventlog.Head, lanes)
	if !first {
		if at, err = heads.LoadAll(ctx, lanes); err != nil {
			return err
		}
	}
	for lane := range event.Lane(lanes) {
		if err := datastore.BeginMark(ctx, all, lane, at[lane], nil); err != nil {
			return fmt.Errorf("begin effects: %w", err)
		}
	}
	return nil
}

// births are the positions in a lane behind which each call of a service exists.
type births map[string]event.Position

func birthsKey(lane event.Lane) control.Key {
	return control.Key{Partition: "births", Sort: lane.String()}
}

// Births returns since which position each call exists in a lane, by its ID.
func (l Ledger) Births(ctx context.Context, lane event.Lane) (map[string]event.Position, error) {
	born, _, err := control.Load[births](ctx, l.Table, birthsKey(lane))
	if err != nil && !errors.Is(err, control.ErrNotFound) {
		return nil, fmt.Errorf("load births of calls: %w", err)
	}
	return born, nil
}

// bear records that calls exist in a lane for events after a position, unless they did
// before.
func (l Ledger) bear(ctx context.Context, lane event.Lane, calls []string, after event.Position) error {
	_, err := control.Update(ctx, l.Table, birthsKey(lane), func(born *births, _ bool) error {
		changed := false
		if *born == nil {
			*born = make(births)
		}
		for _, id := range calls {
			if _, known := (*born)[id]; !known {
				(*born)[id], changed = after, true
			}
		}
		if !changed {
			return control.Unchanged()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record births of calls: %w", err)
	}
	return nil
}
