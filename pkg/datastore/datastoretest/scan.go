package datastoretest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"reprise/pkg/conformance"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// lister is Scan or Parked of a generation.
type lister func(context.Context, event.Lane, string, int) ([]datastore.Row, error)

// readPages lists rows of a lane page by page and checks each page.
func readPages(t conformance.T, list lister, lane event.Lane, after string, limit int) (all []datastore.Row) {
	t.Helper()
	for {
		rows, err := list(t.Context(), lane, after, limit)
		if err != nil {
			t.Fatalf("list rows after %q: %v", after, err)
		}
		if len(rows) > limit {
			t.Fatalf("got %d rows, the limit is %d", len(rows), limit)
		}
		all = append(all, rows...)
		if !datastore.MoreRows(rows, limit) {
			return all
		}
		after = rows[len(rows)-1].Entity
	}
}

func wantScan(t conformance.T, have, want []datastore.Row) {
	t.Helper()
	if !slices.EqualFunc(have, want, sameRow) {
		names := func(rows []datastore.Row) (names []string) {
			for _, r := range rows {
				names = append(names, fmt.Sprintf("%.20s@%s", r.Entity, r.Position))
			}
			return names
		}
		t.Fatalf("scan gave %q, want %q", names(have), names(want))
	}
}

func (s *suite) testScan(t *testing.T) {
	lane, other := s.lane(), s.lane()
	var rows []datastore.Row
	for i, entity := range entities {
		rows = append(rows, row(entity, i))
	}
	write(t, s.shared, lane, "", rows...)
	write(t, s.shared, other, "", row("other", 1))
	rows = sorted(rows)
	for _, limit := range []int{1, 4, len(rows), len(rows) + 1} {
		wantScan(t, readPages(t, s.shared.Scan, lane, "", limit), rows)
	}
	for i, r := range rows {
		wantScan(t, readPages(t, s.shared.Scan, lane, r.Entity, 100), rows[i+1:])
	}
	for _, after := range []string{"a#a", "aa", "b", "a%0", "~"} { // not there
		var want []datastore.Row
		for _, r := range rows {
			if event.EscapeEntity(r.Entity) > event.EscapeEntity(after) {
				want = append(want, r)
			}
		}
		wantScan(t, readPages(t, s.shared.Scan, lane, after, 3), want)
	}
}

// testScanLarge scans more than DynamoDB returns at a time.
func (s *suite) testScanLarge(t *testing.T) {
	lane := s.lane()
	var rows []datastore.Row
	var names []string
	for i := range 7 {
		r := row(fmt.Sprint(i), i)
		r.State = []byte(`"` + noise(uint64(i), 300<<10) + `"`)
		write(t, s.shared, lane, "", r)
		rows, names = append(rows, r), append(names, r.Entity)
	}
	wantScan(t, readPages(t, s.shared.Scan, lane, "", len(rows)), rows)
	wantRows(t, s.shared, lane, names, rows...)
}

// testModel compares a lane with a map over random sequences of calls.
func (s *suite) testModel(t *testing.T) {
	lane, names := s.lane(), []string{"a", "a#", "ab", "b"}
	run := 0
	rapid.Check(t, s.Bounded(func(t *rapid.T) {
		run++
		prefix := fmt.Sprintf("%06d-", run)
		model := make(map[string]datastore.Row)
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) { s.writeSome(t, lane, prefix, names, model) },
			"scan": func(t *rapid.T) {
				limit := rapid.IntRange(1, 5).Draw(t, "limit")
				wantScan(t, readPages(t, s.shared.Scan, lane, prefix, limit), sorted(slices.Collect(maps.Values(model))))
			},
		})
	}))
}

func (s *suite) writeSome(t *rapid.T, lane event.Lane, prefix string, names []string, model map[string]datastore.Row) {
	var writes []datastore.RowWrite
	var want []string
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, len(names), rapid.ID).Draw(t, "entities") {
		w := datastore.RowWrite{Row: row(prefix+name, rapid.IntRange(1, 9).Draw(t, "position"))}
		if stored, found := model[w.Row.Entity]; found && rapid.Bool().Draw(t, "right") {
			w.Previous = stored.Position
		} else if rapid.Bool().Draw(t, "wrong") {
			w.Previous = position(rapid.IntRange(1, 9).Draw(t, "previous"))
		}
		if w.Previous != model[w.Row.Entity].Position {
			want = append(want, w.Row.Entity)
		}
		writes = append(writes, w)
	}
	conflicts, err := s.shared.WriteRows(t.Context(), lane, writes)
	slices.Sort(conflicts)
	slices.Sort(want)
	if err != nil || !slices.Equal(conflicts, want) {
		t.Fatalf("conflicts %q, %v; want %q", conflicts, err, want)
	}
	for _, w := range writes {
		if !slices.Contains(want, w.Row.Entity) {
			model[w.Row.Entity] = w.Row
		}
	}
}
