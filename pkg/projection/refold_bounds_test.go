package projection_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"reprise/pkg/event"
	"reprise/pkg/projection"
)

// An entity with more events than the limit is left as it is, and the correction counts.
func TestALongHistoryIsLeftAsItIs(t *testing.T) {
	for limit, want := range map[int]string{4: "spoilt", 5: `{"seen":["0","1","2","3","4"]}`} {
		b := newBench(t, recorder())
		placed := b.put(t, append(wrongThenHappened(6)[1:], refoldOf(t, "x", "r")), 2)
		for i := range placed[:5] {
			placed[i].Event.Data = fmt.Sprint(i)
		}
		to := b.create(t, "g")
		to.Refolds = true
		applier := projection.NewApplier(b.set, wholeLog{b.log}, projection.RefoldUpTo(limit))
		if _, err := applier.Apply(t.Context(), to, placed[:5]); err != nil {
			t.Fatal(err)
		}
		row := rowOf(t, to, "x")
		row.State = []byte(`"spoilt"`)
		overwrite(t, to, row)
		tally, err := applier.Apply(t.Context(), to, placed)
		row = rowOf(t, to, "x")
		left := tally.Left == 1 && tally.Refolded == 0
		if err != nil || left != (want == "spoilt") || row.Corrections != 1 || row.Position != placed[5].Position ||
			!strings.Contains(want, strings.Trim(string(row.State), `"`)[:6]) {
			t.Errorf("limit %d: %+v, %v, %+v", limit, tally, err, row)
		}
	}
}

// Each of many refolds of one entity in a batch reads its whole history. What was done
// is kept in between, so a call that always ends early gets to the end all the same.
func TestManyRefoldsOfOneEntityAreKeptInBetween(t *testing.T) {
	const events, refolds = 1500, 60
	b := newBench(t, counterNamed("counter"))
	var all []event.Event
	for i := range events {
		all = append(all, event.Event{ID: fmt.Sprint(i), Source: "s", Type: "it.happened", Subject: "x"})
	}
	for i := range refolds {
		all = append(all, refoldOf(t, "x", fmt.Sprint(i)))
	}
	placed := b.put(t, all, 5000)
	to := b.create(t, "g")
	log := &historyLog{Log: b.log}
	applier := projection.NewApplier(b.set, wholeLog{log})
	if _, err := applier.Apply(t.Context(), to, placed[:events]); err != nil {
		t.Fatal(err)
	}
	to.Refolds = true
	invocations := 0
	for done := false; !done; invocations++ {
		if invocations > refolds {
			t.Fatal("no end")
		}
		bounded, cancel := context.WithCancel(t.Context())
		log.left, log.end = 30*2*events/500, cancel
		_, err := applier.Apply(bounded, to, placed[events:])
		cancel()
		if done = err == nil; !done && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	row := rowOf(t, to, "x")
	if string(row.State) != fmt.Sprint(events) || row.Corrections != refolds || invocations < 2 {
		t.Errorf("%s, %d corrections after %d invocations", row.State, row.Corrections, invocations)
	}
}

// An event of the log that was altered so much that it cannot be decoded stops nobody: its
// entity is left as it is.
func TestAnUndecodableHistoryIsLeftAsItIs(t *testing.T) {
	b := newBench(t, recorder())
	events := append(wrongThenHappened(3)[1:], event.Event{ID: "9", Source: "s", Type: "it.happened", Subject: "x",
		Data: "{"}, refoldOf(t, "x", "r"))
	placed := b.put(t, events, 2)
	to := b.create(t, "g")
	to.Refolds = true
	applier := projection.NewApplier(b.set, wholeLog{b.log})
	if _, err := applier.Apply(t.Context(), to, placed[:2]); err != nil {
		t.Fatal(err)
	}
	tally, err := applier.Apply(t.Context(), to, placed[3:])
	row := rowOf(t, to, "x")
	if err != nil || tally.Left != 1 || row.Corrections != 1 || string(row.State) != `{"seen":["1","2"]}` {
		t.Errorf("%+v, %v, %+v", tally, err, row)
	}
}
