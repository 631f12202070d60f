package entities

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// named looks at the entities that the selection names, one after the other.
func (t *touching) named(ctx context.Context, at touchedPlace) error {
	names := slices.Sorted(slices.Values(t.input.Entities))
	for _, entity := range names {
		if entity <= at.key {
			continue
		}
		if t.full() {
			t.end(at)
			return nil
		}
		touched, err := t.touches(ctx, entity)
		if err != nil {
			return err
		}
		if touched {
			t.page.Entities = append(t.page.Entities, entity)
		}
		at.key = entity
	}
	t.page.Lane = event.Lane(t.page.Lanes - 1)
	return nil
}

// touches reports whether an entity has a selected event. One with more events than can
// be folded again counts as touched if none of the first has one.
func (t *touching) touches(ctx context.Context, entity string) (touched bool, err error) {
	a, lane := t.entities, t.entities.Lanes.Of(entity)
	head, err := a.Heads.Load(ctx, lane)
	if err != nil {
		return false, err
	}
	buckets, err := a.Buckets(ctx, lane, entity, head)
	if err != nil {
		return false, err
	}
	t.reads += 1 + len(buckets)
	enough, seen := errors.New("enough"), 0
	err = a.log().History(ctx, lane, entity, buckets, "", head.Position,
		func(_ eventlog.Bucket, e *eventlog.Entry) (err error) {
			t.page.Events++
			t.page.Bytes += int64(len(e.Line))
			if seen++; seen > projection.MaxRefoldEvents {
				touched = true
				return enough
			}
			if touched, err = t.selection.Wants(e.Entity, e.Logged, e.Line); touched {
				return enough
			}
			return err
		})
	if err != nil && !errors.Is(err, enough) {
		return false, fmt.Errorf("read history of an entity: %w", err)
	}
	return touched, nil
}
