package projection_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/localstore/localstoretest"
	"reprise/pkg/local/pebbletest"
	"reprise/pkg/projection"
)

// seenState lists the events that a projection was shown.
type seenState struct {
	Seen []string `json:"seen"`
}

// recorder accepts every event except those of the type "is.wrong". Before it
// rejects one, it has already changed its state.
func recorder() projection.Projection {
	return projection.New("recorder", 1, []string{"it.happened", "is.wrong", "is.fatal"},
		func(s seenState, e *event.Event) (seenState, error) {
			s.Seen = append(s.Seen, e.Data)
			switch e.Type {
			case "is.wrong":
				s.Seen[0] = "spoilt"
				return s, errors.New("wrong")
			case "is.fatal":
				panic("fatal")
			}
			return s, nil
		})
}

// counterNamed counts the events of the type "it.happened".
func counterNamed(name string) projection.Projection {
	return projection.New(name, 1, []string{"it.happened"},
		func(n int, _ *event.Event) (int, error) { return n + 1, nil })
}

type bench struct {
	applier *projection.Applier
	log     eventlog.Log
	tables  datastore.Generations
	set     *projection.Set
}

func newBench(t localstoretest.T, projections ...projection.Projection) *bench {
	stores := pebbletest.Open(t)
	b := &bench{log: stores.Log, tables: stores.Generations}
	var err error
	if b.set, err = projection.NewSet(projections...); err != nil {
		t.Fatal(err)
	}
	b.applier = projection.NewApplier(b.set, wholeLog{b.log})
	return b
}

// wholeLog makes everything in the Events table count as logged.
type wholeLog struct{ eventlog.Log }

func (l wholeLog) History(ctx context.Context, lane event.Lane, entity string, buckets []eventlog.Bucket,
	after, upTo event.Position, visit func(eventlog.Bucket, *eventlog.Entry) error,
) error {
	begin := ""
	if after != "" {
		begin = event.SortKey(entity, after)
	}
	for _, b := range buckets {
		for next := begin; ; {
			page, err := l.ReadEntity(ctx, lane, b, entity, next, eventlog.PageLimit{Entries: 500})
			if err != nil {
				return err
			}
			for i := range page.Entries {
				if page.Entries[i].Position > upTo {
					return nil
				}
				if err := visit(b, &page.Entries[i]); err != nil {
					return err
				}
			}
			if next = page.Next; next == "" {
				break
			}
		}
	}
	return nil
}

// put stores events in the log as the pump would and returns them placed.
func (b *bench) put(t interface{ Fatal(...any) }, events []event.Event, perBucket int) []projection.Placed {
	var placed []projection.Placed
	for i, e := range events {
		at, err := event.NewPosition(1, fmt.Sprint(1000+i), 0)
		if err != nil {
			t.Fatal(err)
		}
		bucket := eventlog.Hour.Of(int64(i/perBucket) * 3_600_000)
		p := projection.Placed{Event: e, Position: at, Bucket: bucket, Line: e.AppendJSON(nil)}
		entry := eventlog.Entry{Entity: e.Subject, Position: at, Line: p.Line}
		if err := b.log.Put(ctx(t), 0, bucket, []eventlog.Entry{entry}); err != nil {
			t.Fatal(err)
		}
		placed = append(placed, p)
	}
	return placed
}

// expected folds a whole log by the rules alone.
func expected(events []projection.Placed) map[string]datastore.Row {
	rows := make(map[string]datastore.Row)
	first := make(map[string]string)
	fresh := make(map[string][]projection.Placed)
	for _, p := range events {
		entity := p.Event.Subject
		row := rows[entity]
		row.Entity, row.Position = entity, p.Position
		key := entity + "\x00" + p.Event.Source + "\x00" + p.Event.ID
		if content, repeated := first[key]; !repeated {
			first[key] = string(p.Line)
			fresh[entity] = append(fresh[entity], p)
		} else {
			row.Duplicates++
			if content != string(p.Line) {
				row.Conflicts++
			}
		}
		rows[entity] = row
	}
	for entity, row := range rows {
		rows[entity] = foldFresh(row, fresh[entity])
	}
	return rows
}

// foldFresh folds events of an entity that are no duplicates. An event that is reversed is
// left out. One that cannot be applied is stepped over if a later one is a correction that
// names it; otherwise all later ones wait.
func foldFresh(row datastore.Row, events []projection.Placed) datastore.Row {
	var state []string
	out := reversedAmong(events)
	for i, p := range events {
		reversal, _ := event.ReversalOf(&p.Event)
		kind, data := p.Event.Type, p.Event.Data
		if reversal.Inverse != nil {
			kind, data = reversal.Inverse.Type, string(reversal.Inverse.Data)
		}
		switch {
		case event.IsCorrection(&p.Event) && (reversal.Inverse == nil || kind == "nobody.wants"):
			row.Corrections++
		case kind == "nobody.wants":
			row.Ignored++
		case out[i]:
			row.Skipped++
		case kind == "it.happened":
			row.Count++
			row.Chain = row.Chain.Chain(event.DigestOf(p.Position, p.Line))
			state = append(state, `"`+strings.ReplaceAll(data, `"`, `\"`)+`"`)
			row.State = []byte(`{"seen":[` + strings.Join(state, ",") + `]}`)
		case slices.ContainsFunc(events[i+1:], func(later projection.Placed) bool {
			skip, corrects := event.SkipOf(&later.Event)
			return corrects && skip.Source == p.Event.Source && skip.ID == p.Event.ID
		}):
			row.Skipped++
		default:
			row.Parked = &datastore.Parked{Position: p.Position, Type: p.Event.Type, Waiting: int64(len(events) - i - 1)}
			return row
		}
	}
	return row
}

// reversedAmong are the indexes of the events that a later one reverses without an
// inverse, unless that is reversed itself.
func reversedAmong(events []projection.Placed) map[int]bool {
	out := make(map[int]bool)
	for i := len(events) - 1; i >= 0; i-- {
		reversal, is := event.ReversalOf(&events[i].Event)
		if !is || reversal.Inverse != nil || out[i] {
			continue
		}
		for j := range i {
			if events[j].Event.Source == reversal.Source && events[j].Event.ID == reversal.ID {
				out[j] = true
			}
		}
	}
	return out
}

// essence is what two ways of folding the same log must agree on.
func essence(r datastore.Row) string {
	parked := ""
	if r.Parked != nil {
		parked = fmt.Sprint(r.Parked.Position, r.Parked.Type, r.Parked.Waiting, r.Parked.Again)
	}
	return fmt.Sprint(string(r.State), r.Position, r.Count, r.Chain, r.Duplicates, r.Conflicts, r.Ignored, " ",
		r.Skipped, r.Corrections, parked)
}

func compare(t interface {
	Errorf(string, ...any)
	Fatal(...any)
}, to projection.Target, want map[string]datastore.Row) {
	var names []string
	for name := range want {
		names = append(names, name)
	}
	slices.Sort(names)
	rows, err := to.Generation.Rows(ctx(t), 0, names)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(names) {
		t.Errorf("%d rows, want %d", len(rows), len(names))
	}
	for _, name := range names {
		if got, want := essence(rows[name]), essence(want[name]); got != want {
			t.Errorf("entity %s:\n got %s\nwant %s", name, got, want)
		}
	}
}

func TestLargeEntityIsCheckedExactly(t *testing.T) {
	b := newBench(t, counterNamed("counter"))
	var events []event.Event
	const distinct = 1500 // a filter has room for 336
	for i := range 2 * distinct {
		events = append(events, event.Event{ID: fmt.Sprint(i % distinct), Source: "s", Type: "it.happened", Subject: "x"})
	}
	placed := b.put(t, events, 1000)
	if err := b.tables.Create(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	to := projection.Target{ID: "g", Generation: b.tables.Open("g")}
	for chunk := range slices.Chunk(placed, 100) {
		if _, err := b.applier.Apply(t.Context(), to, chunk); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := to.Generation.Rows(t.Context(), 0, []string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	if row := rows["x"]; string(row.State) != "1500" || row.Duplicates != distinct {
		t.Errorf("state %s, %d duplicates", row.State, row.Duplicates)
	}
}

func TestStateIsJudgedEventByEventWhateverTheBatch(t *testing.T) {
	// A state that grows past the limit and would shrink again in the same
	// batch: the event that makes it too large is rejected all the same.
	grow := projection.New("text", 1, []string{"it.happened"}, func(_ string, e *event.Event) (string, error) {
		return strings.Repeat("x", len(e.Data)*1024), nil
	})
	sizes := []int{10, 300, 20}
	for name, batch := range map[string]int{"one by one": 1, "at-once": 3} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, grow)
			var events []event.Event
			for i, n := range sizes {
				events = append(events, event.Event{ID: fmt.Sprint(i), Source: "s", Type: "it.happened", Subject: "x",
					Data: strings.Repeat("1", n)})
			}
			placed := b.put(t, events, 10)
			if err := b.tables.Create(t.Context(), "g"); err != nil {
				t.Fatal(err)
			}
			to := projection.Target{ID: "g", Generation: b.tables.Open("g")}
			for chunk := range slices.Chunk(placed, batch) {
				if _, err := b.applier.Apply(t.Context(), to, chunk); err != nil {
					t.Fatal(err)
				}
			}
			rows, err := to.Generation.Rows(t.Context(), 0, []string{"x"})
			if err != nil {
				t.Fatal(err)
			}
			row := rows["x"]
			if row.Count != 1 || row.Parked == nil || row.Parked.Position != placed[1].Position || row.Parked.Waiting != 1 {
				t.Errorf("count %d, parked %+v", row.Count, row.Parked)
			}
		})
	}
}
