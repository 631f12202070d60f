package datastorepebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/local/localstore"
)

type generation struct {
	all  *Generations
	id   string
	data []byte
}

// begin locks out Drop and Clear until end is called. It fails with
// datastore.ErrNoGeneration if the generation does not exist.
func (g *generation) begin(ctx context.Context) (end func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g.all.mu.RLock()
	if !g.all.exists[g.id] {
		g.all.mu.RUnlock()
		return nil, fmt.Errorf("%.80q: %w", g.id, datastore.ErrNoGeneration)
	}
	return g.all.mu.RUnlock, nil
}

// Rows implements datastore.Generation.
func (g *generation) Rows(ctx context.Context, lane event.Lane, entities []string) (map[string]datastore.Row, error) {
	distinct, err := datastore.Distinct(ctx, entities)
	if err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	rows := make(map[string]datastore.Row, len(distinct))
	if len(distinct) == 0 {
		return rows, nil
	}
	end, err := g.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	defer end()
	prefix := rowPrefix(g.data, lane)
	for _, entity := range distinct {
		key := append(prefix[:len(prefix):len(prefix)], event.EscapeEntity(entity)...)
		_, err := g.all.space.View(key, func(value []byte) error {
			row, err := decodeRow(value)
			rows[entity] = row
			return err
		})
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, fmt.Errorf("read rows: %w", err)
		}
	}
	return rows, nil
}

// Scan implements datastore.Generation.
func (g *generation) Scan(ctx context.Context, lane event.Lane, after string, limit int) ([]datastore.Row, error) {
	if err := datastore.CheckAfter(after); err != nil {
		return nil, fmt.Errorf("scan rows: %w", err)
	}
	end, err := g.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("scan rows: %w", err)
	}
	defer end()
	if limit < 1 {
		return nil, nil
	}
	prefix := rowPrefix(g.data, lane)
	lower := prefix
	if after != "" {
		lower = append(append(prefix[:len(prefix):len(prefix)], event.EscapeEntity(after)...), 0)
	}
	page := datastore.Page{Limit: limit}
	err = g.all.space.Scan(lower, localstore.PrefixEnd(prefix), func(_, value []byte) (bool, error) {
		row, err := decodeRow(value)
		return page.Add(row) && ctx.Err() == nil, err
	})
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, fmt.Errorf("scan rows: %w", err)
	}
	return page.Rows, nil
}

// WriteRows implements datastore.Generation. It writes all rows whose condition
// holds in one batch, so a crash leaves all of them or none.
func (g *generation) WriteRows(ctx context.Context, lane event.Lane, writes []datastore.RowWrite) ([]string, error) {
	if err := datastore.CheckWrites(ctx, writes); err != nil {
		return nil, fmt.Errorf("write rows: %w", err)
	}
	if len(writes) == 0 {
		return nil, nil
	}
	keys, values := g.encode(lane, writes)
	pending, conflicts, err := g.swap(ctx, lane, keys, values, writes)
	if err == nil {
		err = pending.Wait()
	}
	if err != nil {
		return nil, fmt.Errorf("write rows: %w", err)
	}
	return conflicts, nil
}

func (g *generation) encode(lane event.Lane, writes []datastore.RowWrite) (keys, values [][]byte) {
	keys, values = make([][]byte, len(writes)), make([][]byte, len(writes))
	prefix := rowPrefix(g.data, lane)
	for i := range writes {
		row := &writes[i].Row
		keys[i] = append(prefix[:len(prefix):len(prefix)], event.EscapeEntity(row.Entity)...)
		values[i] = appendRow(make([]byte, 0, 256+len(row.State)+len(row.Filter)+16*len(row.Buckets)), row)
	}
	return keys, values
}

func (g *generation) swap(ctx context.Context, lane event.Lane, keys, values [][]byte, writes []datastore.RowWrite) (
	pending localstore.Pending, conflicts []string, err error,
) {
	end, err := g.begin(ctx)
	if err != nil {
		return pending, nil, err
	}
	defer end()
	defer g.all.stripes.LockAll(keys)()
	index := parkedPrefix(g.data, lane)
	pending, err = g.all.space.Apply(func(b *localstore.Batch) error {
		for i := range writes {
			held, err := g.holds(keys[i], writes[i].Previous)
			if err != nil {
				return err
			}
			if !held {
				conflicts = append(conflicts, writes[i].Row.Entity)
				continue
			}
			if err := b.Put(keys[i], values[i]); err != nil {
				return err
			}
			if row := &writes[i].Row; row.Parked != nil {
				if err := b.Put(append(index[:len(index):len(index)], event.EscapeEntity(row.Entity)...), nil); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return pending, conflicts, err
}

// holds reports whether the stored row has that position.
func (g *generation) holds(key []byte, previous event.Position) (bool, error) {
	equal := false
	found, err := g.all.space.View(key, func(value []byte) error {
		position, err := decodePosition(value)
		equal = bytes.Equal(position, []byte(previous))
		return err
	})
	if !found {
		return previous == "", err
	}
	return equal && previous != "", err
}
