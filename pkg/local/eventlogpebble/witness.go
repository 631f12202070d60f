package eventlogpebble

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// A witness's key is w{lane}#{bucket}, its value is JSON.
func witnessPrefix(lane event.Lane) []byte {
	return append([]byte{witnessTag}, lane.String()+"#"...)
}

// PutWitness implements eventlog.Log.
func (l *Log) PutWitness(ctx context.Context, lane event.Lane, w eventlog.Witness) error {
	if err := errors.Join(ctx.Err(), w.Check()); err != nil {
		return fmt.Errorf("put witness: %w", err)
	}
	value, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("encode witness: %w", err)
	}
	key := append(witnessPrefix(lane), w.Bucket...)
	pending, known, err := l.setAside(key, value)
	if err == nil && !known {
		err = pending.Wait()
	}
	if err == nil && known {
		err = l.sameWitness(key, value)
	}
	if err != nil {
		return fmt.Errorf("put witness: %w", err)
	}
	return nil
}

func (l *Log) sameWitness(key, value []byte) error {
	_, err := l.space.View(key, func(stored []byte) error {
		if !bytes.Equal(stored, value) {
			return eventlog.ErrChanged
		}
		return nil
	})
	if err != nil {
		return err
	}
	return l.space.Sync() // it may come from a call that has not reached the disk yet
}

// Witnesses implements eventlog.Log.
func (l *Log) Witnesses(
	ctx context.Context, lane event.Lane, after eventlog.Bucket, limit int,
) ([]eventlog.Witness, error) {
	if err := errors.Join(ctx.Err(), eventlog.CheckList(event.Position(after))); err != nil {
		return nil, fmt.Errorf("list witnesses: %w", err)
	}
	listed, err := list[eventlog.Witness](ctx, l, witnessPrefix(lane), string(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list witnesses: %w", err)
	}
	return listed, nil
}
