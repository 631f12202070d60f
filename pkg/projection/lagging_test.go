package projection_test

import (
	"context"
	"fmt"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/projection"
)

// lagging is a generation of which a glance shows the rows as they were before the last
// writes, and counts the reads.
type lagging struct {
	datastore.Generation
	before          map[string]datastore.Row
	glances, proper int
}

func (l *lagging) Glance(_ context.Context, _ event.Lane, entities []string) (map[string]datastore.Row, error) {
	l.glances++
	rows := make(map[string]datastore.Row)
	for _, entity := range entities {
		if row, found := l.before[entity]; found {
			rows[entity] = row
		}
	}
	return rows, nil
}

func (l *lagging) Rows(ctx context.Context, lane event.Lane, entities []string) (map[string]datastore.Row, error) {
	l.proper++
	return l.Generation.Rows(ctx, lane, entities)
}

func (l *lagging) WriteRows(ctx context.Context, lane event.Lane, writes []datastore.RowWrite) ([]string, error) {
	for i := range writes {
		rows, err := l.Generation.Rows(ctx, lane, []string{writes[i].Row.Entity})
		if err != nil {
			return nil, err
		}
		if row, found := rows[writes[i].Row.Entity]; found {
			l.before[writes[i].Row.Entity] = row
		}
	}
	return l.Generation.WriteRows(ctx, lane, writes)
}

// TestRowsThatLagMakeNoDifference folds events of small, indexed and parked entities in
// batches of every size, some of them twice. Each glance shows what the last write has
// replaced, or nothing; the rows and the tally must be those of up-to-date reads.
func TestRowsThatLagMakeNoDifference(t *testing.T) {
	const entities, each = 7, 12
	b := newBench(t, recorder())
	var events []event.Event
	for i := range entities * each {
		events = append(events, event.Event{ID: fmt.Sprint(i / entities % 9), Source: "s", Type: "it.happened",
			Subject: fmt.Sprint("e", i%entities), Data: fmt.Sprint(i / entities % 9)})
	}
	events[4*entities+3].Type = "is.wrong"
	placed := b.put(t, events, 10)
	folded := func(size int, lag bool) (map[string]datastore.Row, projection.Tally, *lagging) {
		id := fmt.Sprintf("g%d%t", size, lag)
		if err := b.tables.Create(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		to := projection.Target{ID: id, Generation: b.tables.Open(id)}
		under, held := to, &lagging{Generation: to.Generation, before: make(map[string]datastore.Row)}
		if lag {
			under.Generation = held
		}
		applier := projection.NewApplier(b.set, wholeLog{b.log}, projection.IndexAbove(4, 64))
		var sum projection.Tally
		for from := 0; from < len(placed); from += size {
			first := max(0, from-size/2) // some come again
			tally, err := applier.Apply(t.Context(), under, placed[first:min(len(placed), from+size)])
			if err != nil {
				t.Fatal(err)
			}
			sum.Applied += tally.Applied
			sum.Duplicates += tally.Duplicates
			sum.Parked += tally.Parked
		}
		rows, err := to.Generation.Rows(t.Context(), 0, names(entities))
		if err != nil || len(rows) != entities {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		return rows, sum, held
	}
	for _, size := range []int{1, 5, 16, len(placed)} {
		want, counted, _ := folded(size, false)
		got, tally, held := folded(size, true)
		if tally != counted {
			t.Errorf("in batches of %d: %+v, want %+v", size, tally, counted)
		}
		for entity, row := range want {
			if g := got[entity]; string(g.State) != string(row.State) || g.Count != row.Count || g.Chain != row.Chain ||
				g.Position != row.Position || g.Duplicates != row.Duplicates || (g.Parked == nil) != (entity != "e3") ||
				(row.Parked == nil) != (entity != "e3") {
				t.Errorf("in batches of %d: %s is %+v, want %+v", size, entity, g, row)
			}
		}
		if held.glances == 0 || size < len(placed) && held.proper == 0 {
			t.Errorf("in batches of %d: %d glances, %d proper reads", size, held.glances, held.proper)
		}
	}
}
