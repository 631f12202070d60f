package simulation

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

type markKey struct {
	name datastore.MarkName
	lane event.Lane
}

type storedMark struct {
	mark    datastore.Mark
	version datastore.MarkVersion
}

// generationState is the table of one generation.
type generationState struct {
	rows map[event.Lane]map[string]datastore.Row
	// replaced are the rows that the last writes have replaced, empty ones for new rows.
	replaced map[event.Lane]map[string]datastore.Row
	marks    map[markKey]storedMark
	// first is the identity index.
	first map[event.Lane]map[datastore.IdentityKey]datastore.Identity
}

// storeState is the Data Store. Only the scheduler touches it.
type storeState struct {
	world  *world
	tables map[string]*generationState
	marks  int
}

// generations is the Data Store as one actor sees it.
type generations struct {
	actor *actor
	state *storeState
}

func (w *world) generationsOf(a *actor) datastore.Generations { return generations{a, w.store} }

func newGeneration() *generationState {
	return &generationState{rows: make(map[event.Lane]map[string]datastore.Row),
		replaced: make(map[event.Lane]map[string]datastore.Row), marks: make(map[markKey]storedMark),
		first: make(map[event.Lane]map[datastore.IdentityKey]datastore.Identity)}
}

// Create implements datastore.Generations.
func (g generations) Create(ctx context.Context, id string) error {
	return g.actor.do(ctx, "store.create", id, datastore.ErrThrottled, func(fate) error {
		if g.state.tables[id] == nil {
			g.state.tables[id] = newGeneration()
		}
		return nil
	})
}

// Open implements datastore.Generations.
func (g generations) Open(id string) datastore.Generation { return generation{g.actor, g.state, id} }

// Drop implements datastore.Generations.
func (g generations) Drop(ctx context.Context, id string) error {
	return g.actor.do(ctx, "store.drop", id, datastore.ErrThrottled, func(fate) error {
		delete(g.state.tables, id)
		return nil
	})
}

// Clear implements datastore.Generations.
func (g generations) Clear(ctx context.Context, id string) error {
	return g.actor.do(ctx, "store.clear", id, datastore.ErrThrottled, func(fate) error {
		if g.state.tables[id] != nil {
			g.state.tables[id] = newGeneration()
		}
		return nil
	})
}

// Size implements datastore.Generations.
func (g generations) Size(ctx context.Context, id string) (bytes int64, err error) {
	err = g.actor.do(ctx, "store.size", id, datastore.ErrThrottled, func(fate) error {
		held := g.state.tables[id]
		if held == nil {
			return datastore.ErrNoGeneration
		}
		for _, lane := range held.rows {
			for _, row := range lane {
				bytes += int64(row.Bytes())
			}
		}
		return nil
	})
	return bytes, err
}

// List implements datastore.Generations.
func (g generations) List(ctx context.Context) (ids []string, err error) {
	err = g.actor.do(ctx, "store.list", "", datastore.ErrThrottled, func(fate) error {
		ids = slices.Sorted(maps.Keys(g.state.tables))
		return nil
	})
	return ids, err
}

type generation struct {
	actor *actor
	state *storeState
	id    string
}

func (g generation) do(
	ctx context.Context, kind string, lane event.Lane, detail string, run func(fate, *generationState) error,
) error {
	return g.actor.do(ctx, kind, g.id+"/"+lane.String()+"/"+detail, datastore.ErrThrottled, func(f fate) error {
		held := g.state.tables[g.id]
		if held == nil {
			return datastore.ErrNoGeneration
		}
		return run(f, held)
	})
}

func cloneRow(row datastore.Row) datastore.Row {
	row.State, row.Filter, row.Buckets = bytes.Clone(row.State), bytes.Clone(row.Filter), slices.Clone(row.Buckets)
	row.Parked = row.Parked.Clone()
	return row
}

// Rows implements datastore.Generation.
func (g generation) Rows(
	ctx context.Context, lane event.Lane, entities []string,
) (rows map[string]datastore.Row, err error) {
	err = g.do(ctx, "store.rows", lane, strings.Join(entities, ","), func(_ fate, held *generationState) error {
		rows = make(map[string]datastore.Row)
		for _, entity := range entities {
			if row, found := held.rows[lane][entity]; found {
				rows[entity] = cloneRow(row)
			}
		}
		return nil
	})
	return rows, err
}

// Glance implements datastore.Glancer: every fourth row is what the last write replaced.
func (g generation) Glance(
	ctx context.Context, lane event.Lane, entities []string,
) (rows map[string]datastore.Row, err error) {
	err = g.do(ctx, "store.glance", lane, strings.Join(entities, ","), func(_ fate, held *generationState) error {
		rows = make(map[string]datastore.Row)
		for _, entity := range entities {
			row, found := held.rows[lane][entity]
			if found && g.state.world.random.IntN(4) == 0 {
				row = held.replaced[lane][entity]
			}
			if row.Position != "" {
				rows[entity] = cloneRow(row)
			}
		}
		return nil
	})
	return rows, err
}

// WriteRows implements datastore.Generation.
func (g generation) WriteRows(
	ctx context.Context, lane event.Lane, writes []datastore.RowWrite,
) (conflicts []string, err error) {
	detail := ""
	if len(writes) > 0 {
		detail = writes[0].Row.Entity
	}
	err = g.do(ctx, "store.writerows", lane, detail, func(f fate, held *generationState) error {
		for i := range writes {
			if !f.partly() {
				continue
			}
			if !g.write(held, lane, &writes[i]) {
				conflicts = append(conflicts, writes[i].Row.Entity)
			}
		}
		return nil
	})
	if err != nil {
		conflicts = nil
	}
	return conflicts, err
}

func (g generation) write(held *generationState, lane event.Lane, write *datastore.RowWrite) bool {
	if held.rows[lane][write.Row.Entity].Position != write.Previous {
		return false
	}
	if held.rows[lane] == nil {
		held.rows[lane], held.replaced[lane] = make(map[string]datastore.Row), make(map[string]datastore.Row)
	}
	held.replaced[lane][write.Row.Entity] = held.rows[lane][write.Row.Entity]
	held.rows[lane][write.Row.Entity] = cloneRow(write.Row)
	g.state.world.sawRow(g.id, lane, &write.Row)
	return true
}

// Identify implements datastore.Generation.
func (g generation) Identify(
	ctx context.Context, lane event.Lane, events []datastore.Identity,
) (first []datastore.Identity, err error) {
	if err := datastore.CheckIdentities(events); err != nil {
		return nil, err
	}
	detail := ""
	if len(events) > 0 {
		detail = events[0].Entity
	}
	err = g.do(ctx, "store.identify", lane, detail, func(f fate, held *generationState) error {
		first = slices.Clone(events)
		if held.first[lane] == nil {
			held.first[lane] = make(map[datastore.IdentityKey]datastore.Identity)
		}
		for i := range first {
			if !f.partly() {
				continue
			}
			known, found := held.first[lane][first[i].IndexKey()]
			if found && known.Position <= first[i].Position {
				first[i] = known
				continue
			}
			held.first[lane][first[i].IndexKey()] = first[i]
		}
		return nil
	})
	if err != nil {
		first = nil
	}
	return first, err
}

// Scan implements datastore.Generation.
func (g generation) Scan(
	ctx context.Context, lane event.Lane, after string, limit int,
) (rows []datastore.Row, err error) {
	err = g.do(ctx, "store.scan", lane, after, func(_ fate, held *generationState) error {
		for _, row := range held.rows[lane] {
			if after == "" || event.EscapeEntity(row.Entity) > event.EscapeEntity(after) {
				rows = append(rows, cloneRow(row))
			}
		}
		slices.SortFunc(rows, func(a, b datastore.Row) int {
			return strings.Compare(event.EscapeEntity(a.Entity), event.EscapeEntity(b.Entity))
		})
		rows = rows[:min(limit, len(rows))]
		return nil
	})
	return rows, err
}

// Parked implements datastore.Generation.
func (g generation) Parked(ctx context.Context, lane event.Lane, after string, limit int) ([]datastore.Row, error) {
	rows, err := g.Scan(ctx, lane, after, len(g.state.world.names)+1)
	rows = slices.DeleteFunc(rows, func(row datastore.Row) bool { return row.Parked == nil })
	return rows[:min(limit, len(rows))], err
}

// Mark implements datastore.Generation.
func (g generation) Mark(
	ctx context.Context, name datastore.MarkName, lane event.Lane,
) (mark datastore.Mark, version datastore.MarkVersion, err error) {
	err = g.do(ctx, "store.mark", lane, string(name), func(_ fate, held *generationState) error {
		stored, found := held.marks[markKey{name, lane}]
		if !found {
			return datastore.ErrNoMark
		}
		mark, version = stored.mark, stored.version
		return nil
	})
	return mark, version, err
}

// SetMark implements datastore.Generation.
func (g generation) SetMark(
	ctx context.Context,
	name datastore.MarkName,
	lane event.Lane,
	mark datastore.Mark,
	previous datastore.MarkVersion,
) (version datastore.MarkVersion, err error) {
	err = g.do(ctx, "store.setmark", lane, string(name), func(_ fate, held *generationState) error {
		if held.marks[markKey{name, lane}].version != previous {
			return datastore.ErrConflict
		}
		g.state.marks++
		version = datastore.MarkVersion(fmt.Sprintf("m%d", g.state.marks))
		held.marks[markKey{name, lane}] = storedMark{mark, version}
		g.state.world.sawMark(g.id, name, lane, mark)
		return nil
	})
	return version, err
}
