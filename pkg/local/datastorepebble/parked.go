package datastorepebble

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/local/localstore"
)

// Parked implements datastore.Generation. The index key is written together with
// the row that parks the entity and is never removed; the row decides.
func (g *generation) Parked(ctx context.Context, lane event.Lane, after string, limit int) ([]datastore.Row, error) {
	end, err := g.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("list parked rows: %w", err)
	}
	defer end()
	if limit < 1 {
		return nil, nil
	}
	prefix, rowsPrefix := parkedPrefix(g.data, lane), rowPrefix(g.data, lane)
	lower := prefix
	if after != "" {
		lower = append(append(prefix[:len(prefix):len(prefix)], event.EscapeEntity(after)...), 0)
	}
	page := datastore.Page{Limit: limit}
	err = g.all.space.Scan(lower, localstore.PrefixEnd(prefix), func(key, _ []byte) (bool, error) {
		rowKey := append(rowsPrefix[:len(rowsPrefix):len(rowsPrefix)], key[len(prefix):]...)
		_, err := g.all.space.View(rowKey, func(value []byte) error {
			row, err := decodeRow(value)
			if row.Parked != nil {
				page.Add(row)
			}
			return err
		})
		return !page.Full() && ctx.Err() == nil, err
	})
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, fmt.Errorf("list parked rows: %w", err)
	}
	return page.Rows, nil
}
