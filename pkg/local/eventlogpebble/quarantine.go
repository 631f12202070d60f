package eventlogpebble

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/localstore"
)

// A quarantined record's key is q{lane}#{position}, its value is JSON.
func quarantinePrefix(lane event.Lane) []byte {
	return append([]byte{quarantineTag}, lane.String()+"#"...)
}

// Quarantine implements eventlog.Log. What is stored first for a position
// stays.
func (l *Log) Quarantine(ctx context.Context, lane event.Lane, q eventlog.Quarantined) error {
	if err := errors.Join(ctx.Err(), q.Check()); err != nil {
		return fmt.Errorf("quarantine record: %w", err)
	}
	value, err := json.Marshal(q)
	if err != nil {
		return fmt.Errorf("encode quarantined record: %w", err)
	}
	pending, known, err := l.setAside(append(quarantinePrefix(lane), q.Position...), value)
	if err == nil && known {
		err = l.space.Sync() // it may come from a call that has not reached the disk yet
	} else if err == nil {
		err = pending.Wait()
	}
	if err != nil {
		return fmt.Errorf("quarantine record: %w", err)
	}
	return nil
}

func (l *Log) setAside(key, value []byte) (pending localstore.Pending, known bool, err error) {
	defer l.stripes.Lock(key)()
	known, err = l.space.View(key, func([]byte) error { return nil })
	if err != nil || known {
		return localstore.Pending{}, known, err
	}
	pending, err = l.space.Apply(func(b *localstore.Batch) error { return b.Put(key, value) })
	return pending, false, err
}

// ListQuarantine implements eventlog.Log.
func (l *Log) ListQuarantine(
	ctx context.Context, lane event.Lane, after event.Position, limit int,
) ([]eventlog.Quarantined, error) {
	if err := errors.Join(ctx.Err(), eventlog.CheckList(after)); err != nil {
		return nil, fmt.Errorf("list quarantine: %w", err)
	}
	listed, err := list[eventlog.Quarantined](ctx, l, quarantinePrefix(lane), string(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list quarantine: %w", err)
	}
	return listed, nil
}

// list decodes at most limit JSON values of the keys with the prefix that follow
// prefix+after.
func list[T any](ctx context.Context, l *Log, prefix []byte, after string, limit int) ([]T, error) {
	if limit < 1 {
		return nil, nil
	}
	lower := prefix
	if after != "" {
		lower = append(append(slices.Clone(prefix), after...), 0)
	}
	var listed []T
	err := l.space.Scan(lower, localstore.PrefixEnd(prefix), func(_, value []byte) (bool, error) {
		var v T
		if err := json.Unmarshal(value, &v); err != nil {
			return false, fmt.Errorf("decode listed value: %w", err)
		}
		listed = append(listed, v)
		return len(listed) < limit && ctx.Err() == nil, nil
	})
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	return listed, nil
}
