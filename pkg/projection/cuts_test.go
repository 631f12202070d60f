package projection_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// flaky is a generation whose calls fail as a rapid test draws, before or after
// they took effect.
type flaky struct {
	datastore.Generation
	t *rapid.T
}

var errFlaky = errors.New("flaky")

func (f flaky) around(call func() error) error {
	switch rapid.IntRange(0, 11).Draw(f.t, "fault") {
	case 0:
		return errFlaky
	case 1:
		return errors.Join(errFlaky, call())
	}
	return call()
}

func (f flaky) Identify(ctx context.Context, lane event.Lane, events []datastore.Identity) (
	first []datastore.Identity, err error,
) {
	err = f.around(func() (err error) {
		first, err = f.Generation.Identify(ctx, lane, events)
		return err
	})
	return first, err
}

func (f flaky) WriteRows(ctx context.Context, lane event.Lane, writes []datastore.RowWrite) (
	conflicts []string, err error,
) {
	err = f.around(func() (err error) {
		conflicts, err = f.Generation.WriteRows(ctx, lane, writes)
		return err
	})
	return conflicts, err
}

func drawEvents(t *rapid.T) []event.Event {
	var events []event.Event
	ids := rapid.SampledFrom([]int{2, 6, 30}).Draw(t, "ids")
	for i := range rapid.IntRange(1, 60).Draw(t, "events") {
		events = append(events, event.Event{
			ID:     fmt.Sprint(rapid.IntRange(0, ids).Draw(t, "id")),
			Source: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "source"),
			Type: rapid.SampledFrom([]string{"it.happened", "it.happened", "it.happened", "it.happened",
				"it.happened", "it.happened", "nobody.wants", "is.wrong", "is.fatal"}).Draw(t, "type"),
			Subject: rapid.SampledFrom([]string{"x", "y", "x#"}).Draw(t, "entity"),
			Data:    fmt.Sprint(i % rapid.IntRange(1, 4).Draw(t, "content")),
		})
		if rapid.IntRange(0, 4).Draw(t, "correct") == 0 {
			events = append(events, drawCorrection(t, events))
		}
		if rapid.IntRange(0, 4).Draw(t, "reverse") == 0 {
			events = append(events, drawReversal(t, events))
		}
		if rapid.IntRange(0, 7).Draw(t, "refold") == 0 {
			of := rapid.SampledFrom([]string{"x", "y", "x#"}).Draw(t, "refolded")
			request := fmt.Sprint("request ", rapid.IntRange(0, 3).Draw(t, "request"))
			events = append(events, refoldOf(t, of, request))
		}
	}
	return events
}

// drawReversal names an event that may be any, also a reversal or a correction, or that
// the log has only later or never. It may bring an inverse, which may be rejected.
func drawReversal(t *rapid.T, events []event.Event) event.Event {
	named := events[rapid.IntRange(0, len(events)-1).Draw(t, "reversed")]
	if rapid.IntRange(0, 9).Draw(t, "elsewhere") == 0 {
		named.ID = fmt.Sprint(rapid.IntRange(0, 30).Draw(t, "reversed id"))
	}
	var inverse *event.Inverse
	if rapid.IntRange(0, 2).Draw(t, "inverse") == 0 {
		kind := rapid.SampledFrom([]string{"it.happened", "it.happened", "it.happened", "is.wrong", "nobody.wants"})
		inverse = &event.Inverse{Type: kind.Draw(t, "type of the inverse"), Data: []byte("7")}
	}
	return reversalOf(t, &named, inverse)
}

func reversalOf(t interface{ Fatal(...any) }, of *event.Event, inverse *event.Inverse) event.Event {
	kind := of.Type
	if strings.HasPrefix(kind, event.ReservedTypes) {
		kind = "it.happened" // the platform makes no reversals of these
	}
	e, err := event.NewReversal(of.Subject, event.Reversal{Source: of.Source, ID: of.ID, Type: kind,
		Position: "0001-011-0000", Reason: "r", Inverse: inverse}, time.UnixMilli(0))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func refoldOf(t interface{ Fatal(...any) }, entity, request string) event.Event {
	e, err := event.NewRefold(entity, event.Refold{Request: request, Reason: "r"}, time.UnixMilli(0))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// drawCorrection names an event that may be a rejected one, or any other, or that the
// log has only later or never.
func drawCorrection(t *rapid.T, events []event.Event) event.Event {
	named := events[rapid.IntRange(0, len(events)-1).Draw(t, "named")]
	if rapid.IntRange(0, 9).Draw(t, "elsewhere") == 0 {
		named.ID = fmt.Sprint(rapid.IntRange(0, 30).Draw(t, "named id"))
	}
	e, err := event.NewSkip(named.Subject, event.Skip{Source: named.Source, ID: named.ID, Position: "0001-011-0000",
		Reason: fmt.Sprint(rapid.IntRange(0, 1).Draw(t, "reason"))}, time.UnixMilli(0))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// drawApplier is another process, without the memory of the previous one.
func drawApplier(t *rapid.T, b *bench) *projection.Applier {
	return projection.NewApplier(b.set, wholeLog{b.log},
		projection.IndexAbove(int64(rapid.IntRange(0, 25).Draw(t, "limit of events")),
			rapid.IntRange(0, 5).Draw(t, "limit of buckets")),
		projection.ResumeAfter(rapid.IntRange(1, 6).Draw(t, "limit of a step")))
}

// TestRowsDoNotDependOnHowEventsAreCutIntoBatches compares with a simple model
// of the rules, under redelivery, faults of the store, restarting processes and
// changing limits.
func TestRowsDoNotDependOnHowEventsAreCutIntoBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBench(t, recorder())
		placed := b.put(t, drawEvents(t), rapid.IntRange(1, 10).Draw(t, "perBucket"))
		if err := b.tables.Create(ctx(t), "g"); err != nil {
			t.Fatal(err)
		}
		to := projection.Target{ID: "g", Generation: b.tables.Open("g")}
		under := to
		under.Generation, under.Refolds = flaky{to.Generation, t}, rapid.Bool().Draw(t, "refolds")
		applier := drawApplier(t, b)
		for reached := 0; reached < len(placed); {
			from := rapid.IntRange(0, reached).Draw(t, "from") // redelivery
			end := rapid.IntRange(reached+1, len(placed)).Draw(t, "to")
			if rapid.Bool().Draw(t, "cold") {
				applier = drawApplier(t, b)
			}
			_, err := applier.Apply(ctx(t), under, placed[from:end])
			switch {
			case errors.Is(err, errFlaky):
				applier = drawApplier(t, b)
			case err != nil:
				t.Fatal(err)
			default:
				reached = end
			}
		}
		compare(t, to, expected(placed))
	})
}

// TestWholeRowsDoNotDependOnHowEventsAreCutIntoBatches compares complete rows,
// including filter and index.
func TestWholeRowsDoNotDependOnHowEventsAreCutIntoBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBench(t, recorder())
		placed := b.put(t, drawEvents(t), rapid.IntRange(1, 10).Draw(t, "perBucket"))
		applier := drawApplier(t, b)
		var want map[string]datastore.Row
		for i, name := range []string{"at-once", "cut"} {
			if err := b.tables.Create(ctx(t), name); err != nil {
				t.Fatal(err)
			}
			to := projection.Target{ID: name, Generation: b.tables.Open(name), Replay: name[:2], Refolds: i > 0}
			var sum projection.Tally
			for rest := placed; len(rest) > 0; {
				n := len(rest)
				if i > 0 {
					n = rapid.IntRange(1, len(rest)).Draw(t, "batch")
				}
				tally, err := applier.Apply(ctx(t), to, rest[:n])
				if err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
				sum.Applied += tally.Applied
				sum.Duplicates += tally.Duplicates
				sum.Conflicts += tally.Conflicts
				sum.Ignored += tally.Ignored
				sum.Skipped += tally.Skipped
				sum.Corrections += tally.Corrections
				if i == 0 && tally.Refolded > 0 {
					t.Fatalf("a fold from the first event on folded again: %+v", tally)
				}
			}
			rows, err := to.Generation.Rows(ctx(t), 0, []string{"x", "y", "x#"})
			if err != nil {
				t.Fatal(err)
			}
			for entity, row := range rows {
				whole, err := applier.Whole(ctx(t), 0, entity, eventlog.ExpandBuckets(row.Buckets), "ffff-011-0000")
				if err != nil || essence(whole) != essence(row) {
					t.Fatalf("at once %s, %v, in batches %s", essence(whole), err, essence(row))
				}
				if row.Replay != name[:2] || row.Version != b.set.Version() {
					t.Fatalf("built by %q, of version %q", row.Replay, row.Version)
				}
				row.Replay = ""
				forget(row.Parked)
				rows[entity] = row
			}
			if have := total(rows); sum != have {
				t.Fatalf("counted %+v, and rows have %+v", sum, have)
			}
			if i > 0 && !reflect.DeepEqual(rows, want) {
				t.Fatalf("have %+v, want %+v", rows, want)
			}
			want = rows
		}
	})
}

func total(rows map[string]datastore.Row) projection.Tally {
	var sum projection.Tally
	for _, row := range rows {
		sum.Applied += row.Count
		sum.Duplicates += row.Duplicates
		sum.Conflicts += row.Conflicts
		sum.Ignored += row.Ignored
		sum.Skipped += row.Skipped
		sum.Corrections += row.Corrections
	}
	return sum
}
