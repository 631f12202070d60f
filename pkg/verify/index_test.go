package verify_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// entries is a generation whose identity index was spoilt.
type entries struct {
	datastore.Generations
	spoil func(datastore.Identity) (kept datastore.Identity, keep bool)
}

type spoilt struct {
	datastore.Recaller
	spoil func(datastore.Identity) (kept datastore.Identity, keep bool)
}

func (e entries) Open(id string) datastore.Generation {
	return spoilt{e.Generations.Open(id).(datastore.Recaller), e.spoil}
}

func (s spoilt) Identities(
	ctx context.Context, lane event.Lane, from, to string, visit func(datastore.Identity) error,
) error {
	return s.Recaller.Identities(ctx, lane, from, to, func(e datastore.Identity) error {
		if kept, keep := s.spoil(e); keep {
			return visit(kept)
		}
		return nil
	})
}

// What is wrong with the identity index is found: an entry that is missing, that is of
// another event, and one too many.
func TestDriftOfTheIdentityIndexIsFound(t *testing.T) { onBoth(t, driftOfTheIdentityIndexIsFound) }

func driftOfTheIdentityIndexIsFound(t *testing.T, open opener) {
	w := newWorldOf(t, t, open)
	w.live.Applier = projection.NewApplier(w.set, eventlog.View{Log: w.log, Heads: w.heads}, projection.IndexAbove(3, 100))
	for i := range 20 {
		w.send(event.Event{Subject: "x", ID: fmt.Sprint(i % 15)})
		w.sendTo("a", "y")
	}
	w.settle()
	first := ""
	for name, c := range map[string]struct {
		want  string
		spoil func(datastore.Identity) (datastore.Identity, bool)
	}{
		"nothing": {"[]", func(e datastore.Identity) (datastore.Identity, bool) { return e, true }},
		"missing": {"[index]", func(e datastore.Identity) (datastore.Identity, bool) {
			if first == "" && e.Entity == "x" {
				first = e.Key.String()
			}
			return e, e.Key.String() != first
		}},
		"another content": {"[index]", func(e datastore.Identity) (datastore.Identity, bool) {
			if e.Entity == "x" {
				e.Content++
			}
			return e, true
		}},
		"of no event": {"[index]", func(e datastore.Identity) (datastore.Identity, bool) {
			if e.Entity == "x" {
				e.Key.Lo++
			}
			return e, true
		}},
	} {
		w.stores.Generations = entries{w.stores.Generations, c.spoil}
		row := w.verify(strings.ReplaceAll(name, " ", "-"))
		w.stores.Generations = w.stores.Generations.(entries).Generations
		if kinds(row) != c.want {
			t.Errorf("%s: %s, want %s: %+v", name, kinds(row), c.want, row.Report.Differences)
		}
		for _, d := range row.Report.Differences {
			if d.Entity != "x" || d.What == "" {
				t.Errorf("%s: %+v", name, d)
			}
		}
	}
}

// Entries of an entity that is not indexed are no drift where the first event would replace
// them, and are where it would not.
func TestEntriesThatTheFirstEventReplacesAreNoDrift(t *testing.T) {
	t.Parallel()
	onBoth(t, entriesThatTheFirstEventReplacesAreNoDrift)
}

func entriesThatTheFirstEventReplacesAreNoDrift(t *testing.T, open opener) {
	w := newWorldOf(t, t, open)
	w.live.Applier = projection.NewApplier(w.set, eventlog.View{Log: w.log, Heads: w.heads}, projection.IndexAbove(3, 100))
	once := event.Event{Subject: "x", ID: "once", Source: "test"}
	lane := w.send(once)
	w.settle()
	first := w.rowOf(lane, "x").Position
	w.send(once)
	var indexed string // an entity of the same lane, so that the lane's index is compared
	for i := 0; indexed == ""; i++ {
		if name := fmt.Sprint("w", i); w.pump.Decoder.Lanes.Of(name) == lane {
			indexed = name
		}
	}
	w.sendTo(indexed, indexed, indexed, indexed, indexed)
	w.settle()

	row := w.rowOf(lane, "x")
	if row.Indexed != "" || row.Position <= first || w.rowOf(lane, indexed).Indexed == "" {
		t.Fatalf("%+v is to be behind %s and not indexed, and %s is to be", row, first, indexed)
	}
	left := datastore.Identity{Entity: "x", Key: once.Identity(), Position: row.Position, Content: 1}
	for _, at := range []struct {
		position event.Position
		want     string
	}{{row.Position, "[]"}, {first, "[index]"}} {
		left.Position = at.position
		_, err := w.generation().Identify(w.ctx, lane, []datastore.Identity{left})
		w.must(err)
		report := w.verify(fmt.Sprint("at-", at.position))
		if kinds(report) != at.want {
			t.Errorf("at %s: %s, want %s: %+v", at.position, kinds(report), at.want, report.Report.Differences)
		}
	}
}

func (w *world) rowOf(lane event.Lane, entity string) datastore.Row {
	w.t.Helper()
	rows, err := w.generation().Rows(w.ctx, lane, []string{entity})
	w.must(err)
	return rows[entity]
}
