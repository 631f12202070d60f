package projection_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/projection"
)

// An entity with too many events is parked at a reversal that needs its history, by name;
// its neighbour goes on, an inverse needs no history, and the reversal can be skipped.
func TestAReversalOfALongHistoryParksItsEntity(t *testing.T) {
	const limit = 5
	for n, fits := range map[int]bool{limit: true, limit + 1: false} {
		b := newBench(t, recorder())
		events := wrongThenHappened(n + 1)[1:]
		named := events[2]
		events = append(events, reversalOf(t, &named, nil))
		late := event.Event{ID: "late", Source: "s", Type: "it.happened", Subject: "x", Data: "9"}
		other := late
		other.Subject = "y"
		undone := reversalOf(t, &events[0], &event.Inverse{Type: "it.happened", Data: []byte("7")})
		events = append(events, late, other, undone, correctionOf(t, &events[n]), reversalOf(t, &events[1], nil))
		placed := b.put(t, events, 2)
		to := b.create(t, "g")
		applier := projection.NewApplier(b.set, wholeLog{b.log}, projection.RefoldUpTo(limit))
		tally, err := applier.Apply(t.Context(), to, placed[:n+4])
		if err != nil {
			t.Fatal(err)
		}
		x, y := rowOf(t, to, "x"), rowOf(t, to, "y")
		if (x.Parked == nil) != fits || y.Count != 1 || (tally.Parked == 0) != fits {
			t.Fatalf("%d events: %+v, %+v, %+v", n, x, x.Parked, tally)
		}
		if fits {
			if strings.Contains(string(x.State), `"3"`) || !strings.Contains(string(x.State), `"7"`) || x.Skipped != 1 {
				t.Errorf("%s, %+v", x.State, x)
			}
			continue
		}
		if x.Parked.Position != placed[n].Position || x.Parked.Type != "it.happened.reversed" || x.Parked.Waiting != 2 ||
			!strings.Contains(x.Parked.Reason, "too long") {
			t.Errorf("%+v", x.Parked)
		}
		if _, err := applier.Apply(t.Context(), to, placed[n+4:n+5]); err != nil {
			t.Fatal(err)
		}
		if x = rowOf(t, to, "x"); x.Parked != nil || x.Skipped != 1 || !strings.HasSuffix(string(x.State), `"9","7"]}`) {
			t.Errorf("stepped over: %s, %+v", x.State, x.Parked)
		}
		// The next one is no better, however the batches are cut and wherever it is folded.
		if _, err := applier.Apply(t.Context(), to, placed[n+5:]); err != nil {
			t.Fatal(err)
		}
		rebuilt := b.create(t, "rebuilt")
		for i := range placed {
			if _, err := applier.Apart().Apply(t.Context(), rebuilt, placed[i:i+1]); err != nil {
				t.Fatal(err)
			}
		}
		live, again := rowOf(t, to, "x"), rowOf(t, rebuilt, "x")
		if live.Parked == nil || live.Parked.Position != placed[n+5].Position || essence(live) != essence(again) {
			t.Errorf("live %s, rebuilt %s", essence(live), essence(again))
		}
	}
}

// A reversal reads its entity's history twice, and the events after it read none of it.
func TestWhatAReversalCosts(t *testing.T) {
	const before, after, page = 400, 400, 500
	b := newBench(t, counterNamed("counter"))
	var events []event.Event
	for i := range before + after {
		events = append(events, event.Event{ID: fmt.Sprint(i), Source: "s", Type: "it.happened", Subject: "x"})
	}
	events = slices.Insert(events, before, reversalOf(t, &events[7], nil))
	placed := b.put(t, events, 5000)
	to, log := b.create(t, "g"), &historyLog{Log: b.log}
	applier := projection.NewApplier(b.set, wholeLog{log}, projection.IndexAbove(0, 100))
	for _, part := range []struct{ from, to, reads int }{{0, before, 0}, {before, before + 1, 2 * page},
		{before + 1, len(placed), 0}} {
		log.entries = 0
		for i := part.from; i < part.to; i++ {
			if _, err := applier.Apply(t.Context(), to, placed[i:i+1]); err != nil {
				t.Fatal(err)
			}
		}
		if log.entries > part.reads {
			t.Errorf("events %d to %d read %d events", part.from, part.to, log.entries)
		}
	}
	if x := rowOf(t, to, "x"); string(x.State) != fmt.Sprint(before+after-1) {
		t.Errorf("%s", x.State)
	}
}

// declaring is a projection that reverses events as a function says.
func declaring(undo projection.Undo) projection.Projection {
	return projection.Reversible(counterNamed("declaring"), map[string]projection.Undo{"it.happened": undo})
}

func doing(inverse *event.Inverse, do func() error) projection.Undo {
	return func([]byte, *event.Event) (*event.Inverse, error) { return inverse, do() }
}

// Whatever goes wrong while a projection says how it reverses an event is told, and the
// event is folded as before.
func TestWhateverAProjectionDoesWhenItIsAskedToReverse(t *testing.T) {
	var numbers map[string]int
	for name, c := range map[string]struct {
		undo projection.Undo
		want string
	}{
		"error":        {doing(nil, func() error { return errors.New("no") }), "no"},
		"panic":        {doing(nil, func() error { numbers["a"] = 1; return nil }), "panicked"},
		"exit":         {doing(nil, func() error { runtime.Goexit(); return nil }), "ended its"},
		"another type": {doing(&event.Inverse{Type: "x"}, func() error { return nil }), `"x"`},
		"nothing":      {doing(nil, func() error { return nil }), ""},
		"its copy": {func(state []byte, e *event.Event) (*event.Inverse, error) {
			e.ID, state[0] = "spoilt", 'x'
			return &event.Inverse{Type: "it.happened", Data: []byte("1")}, nil
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, declaring(c.undo))
			e, state := event.Event{ID: "1", Source: "s", Type: "it.happened", Subject: "x"}, []byte("1")
			for range 2 {
				_, err := b.applier.Reverse(t.Context(), state, &e)
				if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
			}
			to := b.create(t, "g")
			if _, err := b.applier.Apply(t.Context(), to, b.put(t, []event.Event{e}, 10)); err != nil {
				t.Fatal(err)
			}
			if x := rowOf(t, to, "x"); x.Parked != nil || string(x.State) != "1" || e.ID != "1" || string(state) != "1" {
				t.Errorf("%s, %+v, %+v", x.State, x.Parked, e)
			}
		})
	}
}

// An endless loop is abandoned, and does not make the event a runaway.
func TestAnEndlessReversalIsAbandoned(t *testing.T) {
	h, entered, release := newHourglass(), make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(release) })
	set, err := projection.NewSet(declaring(func([]byte, *event.Event) (*event.Inverse, error) {
		close(entered)
		<-release
		return nil, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, counterNamed("unused"))
	applier := projection.NewApplier(set.Watched(h.watch(8)), wholeLog{b.log})
	e := event.Event{ID: "1", Source: "s", Type: "it.happened", Subject: "x"}
	ended := make(chan error)
	go func() {
		_, err := applier.Reverse(t.Context(), nil, &e)
		ended <- err
	}()
	<-entered
	for range 5 { // the first one begins to count
		h.c <- time.Time{}
	}
	if err := <-ended; !errors.Is(err, projection.ErrRunaway) {
		t.Errorf("%v", err)
	}
	to := b.create(t, "g")
	if _, err := applier.Apply(t.Context(), to, b.put(t, []event.Event{e}, 10)); err != nil {
		t.Fatal(err)
	}
	if x := rowOf(t, to, "x"); x.Parked != nil || string(x.State) != "1" {
		t.Errorf("%s, %+v", x.State, x.Parked)
	}
}

func TestOnlyWhatIsHandledCanBeDeclaredReversible(t *testing.T) {
	none := func([]byte, *event.Event) (*event.Inverse, error) { return nil, nil }
	for name, p := range map[string]projection.Projection{
		"another type": projection.Reversible(counterNamed("c"), map[string]projection.Undo{"nobody.wants": none}),
		"a wrong state": projection.Reversible(projection.New("c", 1, []string{"it.happened"},
			func(s func(), _ *event.Event) (func(), error) { return s, nil }), map[string]projection.Undo{"it.happened": none}),
	} {
		if _, err := projection.NewSet(p); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
