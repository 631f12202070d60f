package projection_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/projection"
)

func correctionOf(t testing.TB, e *event.Event) event.Event {
	t.Helper()
	made, err := event.NewSkip(e.Subject, event.Skip{Source: e.Source, ID: e.ID, Position: "0001-011-0000", Reason: "r"},
		time.UnixMilli(0))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// wrongThenHappened are events of x, the first of which is wrong.
func wrongThenHappened(n int) []event.Event {
	var events []event.Event
	for i := range n {
		kind := "it.happened"
		if i == 0 {
			kind = "is.wrong"
		}
		events = append(events, event.Event{ID: fmt.Sprint(i), Source: "s", Type: kind, Subject: "x", Data: fmt.Sprint(i)})
	}
	return events
}

// Until a correction comes, a row is as an earlier release writes it, and does not say
// which event it is parked at.
func TestCorrectionOfARowOfAnEarlierRelease(t *testing.T) {
	for _, limit := range []int64{0, 100} {
		b := newBench(t, recorder())
		events := wrongThenHappened(5)
		other := correctionOf(t, &events[1])
		events = append(events, other, correctionOf(t, &events[0]))
		placed := b.put(t, events, 2)
		if err := b.tables.Create(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
		to := projection.Target{ID: "g", Generation: b.tables.Open("g")}
		applier := projection.NewApplier(b.set, wholeLog{b.log}, projection.IndexAbove(limit, 100))
		if _, err := applier.Apply(t.Context(), to, placed[:5]); err != nil {
			t.Fatal(err)
		}
		if row := rowOf(t, to, "x"); row.Parked == nil || row.Corrected() {
			t.Fatalf("an earlier release cannot read %+v", row)
		}
		if _, err := applier.Apply(t.Context(), to, placed); err != nil {
			t.Fatal(err)
		}
		compare(t, to, expected(placed))
	}
}

func rowOf(t testing.TB, to projection.Target, entity string) datastore.Row {
	t.Helper()
	rows, err := to.Generation.Rows(t.Context(), 0, []string{entity})
	if err != nil {
		t.Fatal(err)
	}
	return rows[entity]
}

// Thousands of events wait, and every invocation ends after three queries: each
// leaves its progress, and none begins from the start.
func TestWaitingEventsAreFoldedAgainInSteps(t *testing.T) {
	const waiting, step = 6000, 500
	b := newBench(t, counterNamed("counter"))
	wrong := event.Event{ID: "wrong", Source: "s", Type: "it.happened", Subject: "x"}
	refuse := projection.New("counter", 1, []string{"it.happened"}, func(n int, e *event.Event) (int, error) {
		if e.ID == wrong.ID {
			return n, errors.New("it is wrong")
		}
		return n + 1, nil
	})
	set, err := projection.NewSet(refuse)
	if err != nil {
		t.Fatal(err)
	}
	events := []event.Event{wrong}
	for i := range waiting {
		e := wrong
		e.ID = fmt.Sprint(i % (waiting - 100))
		events = append(events, e)
	}
	last := wrong
	last.ID = "last"
	placed := b.put(t, append(events, correctionOf(t, &wrong), last), 1000)
	if err := b.tables.Create(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	to := projection.Target{ID: "g", Generation: b.tables.Open("g")}
	log := &historyLog{Log: b.log}
	applier := projection.NewApplier(set, wholeLog{log}, projection.ResumeAfter(step))
	for part := range slices.Chunk(placed[:waiting+1], 1000) {
		if _, err := applier.Apply(t.Context(), to, part); err != nil {
			t.Fatal(err)
		}
	}
	*log = historyLog{Log: b.log}
	invocations := 0
	var sum projection.Tally
	for done := false; !done; invocations++ {
		if invocations > waiting/step+2 {
			t.Fatalf("not done after %d invocations: %+v", invocations, rowOf(t, to, "x").Parked.Again)
		}
		bounded, cancel := context.WithCancel(t.Context())
		log.left, log.end = 3, cancel
		tally, err := applier.Apply(bounded, to, placed[waiting+1:])
		cancel()
		if done = err == nil; !done && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		sum.Applied += tally.Applied
		sum.Skipped += tally.Skipped
	}
	row := rowOf(t, to, "x")
	if row.Count != waiting-100+1 || row.Duplicates != 100 || row.Skipped != 1 || row.Corrections != 1 ||
		row.Parked != nil || string(row.State) != fmt.Sprint(waiting-99) || sum.Applied != row.Count || sum.Skipped != 1 {
		t.Errorf("%+v, %+v", row, sum)
	}
	if invocations < 3 || log.entries > 3*waiting {
		t.Errorf("%d invocations read %d events", invocations, log.entries)
	}
}

// A first event that is skipped binds its entity to no projection.
func TestSkippedEventLeavesNoProjectionBehind(t *testing.T) {
	b := newBench(t, recorder(), projection.New("other", 1, []string{"other"},
		func(n int, _ *event.Event) (int, error) { return n + 1, nil }))
	wrong := event.Event{ID: "1", Source: "s", Type: "is.wrong", Subject: "x"}
	other := event.Event{ID: "2", Source: "s", Type: "other", Subject: "x"}
	placed := b.put(t, []event.Event{wrong, other, correctionOf(t, &wrong)}, 5)
	if err := b.tables.Create(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	to := projection.Target{ID: "g", Generation: b.tables.Open("g")}
	if _, err := b.applier.Apply(t.Context(), to, placed); err != nil {
		t.Fatal(err)
	}
	if row := rowOf(t, to, "x"); row.Projection != "other" || string(row.State) != "1" || row.Parked != nil {
		t.Errorf("%+v", row)
	}
}
