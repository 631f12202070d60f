package projection_test

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"reprise/pkg/event"
	"reprise/pkg/projection"
)

func counterOf() projection.Projection {
	return projection.New("other", 1, []string{"other.happened"},
		func(n int, _ *event.Event) (int, error) { return n + 1, nil })
}

// awkward is an error whose own description panics.
type awkward struct{ self map[string]any }

func (a *awkward) Error() string { return a.self["none"].(string) }

func TestWhateverAProjectionDoesParksItsEntity(t *testing.T) {
	var none *awkward
	cyclic := map[string]any{}
	cyclic["self"] = cyclic
	var numbers map[string]int
	for name, c := range map[string]struct {
		do   func() error
		want string
	}{
		"exit": {func() error { runtime.Goexit(); return nil }, "projection ended its goroutine: bad@1"},
		"nil map": {func() error { numbers["a"] = 1; return nil },
			"projection panicked: assignment to entry in nil map"},
		"nil panic":    {func() error { panic(nil) }, "projection panicked: panic called with nil argument"},
		"number":       {func() error { panic(42) }, "projection panicked: 42"},
		"cyclic panic": {func() error { panic(cyclic) }, "projection panicked: a map[string]interface {}"},
		"address":      {func() error { panic(&numbers) }, "projection panicked: a *map[string]int"},
		"huge panic": {func() error { panic(strings.Repeat("é", 1<<20)) },
			"projection panicked: " + strings.Repeat("é", 134) + "…"},
		"not text":         {func() error { panic("a\xff") }, "projection panicked: a\uFFFD"},
		"error in a panic": {func() error { panic(none) }, "projection panicked: *projection_test.awkward"},
		"nil in an error": {func() error { return none },
			"projection panicked: runtime error: invalid memory address or nil pointer dereference"},
		"huge error": {func() error { return errors.New(strings.Repeat("x", 1<<20)) },
			strings.Repeat("x", 290) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := func(n int, e *event.Event) (int, error) {
				if e.Type == "is.bad" {
					return n, c.do()
				}
				return n + 1, nil
			}
			b := newBench(t, projection.New("bad", 1, []string{"it.happened", "is.bad"}, bad))
			placed := b.put(t, eventsOf("it.happened x", "it.happened y", "is.bad x", "it.happened y"), 10)
			to := b.generation(t, "g")
			if _, err := b.applier.Apply(t.Context(), to, placed); err != nil {
				t.Fatal(err)
			}
			x, y := b.row(t, to, "x"), b.row(t, to, "y")
			switch {
			case c.want == "" && x.Parked != nil:
				t.Errorf("x: %+v", x.Parked)
			case c.want != "" && (x.Parked == nil || x.Parked.Reason != c.want || string(x.State) != "1"):
				t.Errorf("x: %s, parked %+v", x.State, x.Parked)
			}
			if y.Parked != nil || string(y.State) != "2" {
				t.Errorf("y: %s, parked %+v", y.State, y.Parked)
			}
		})
	}
}

// handmade is a projection that New did not make.
type handmade struct {
	begin func([]byte) (projection.Fold, error)
}

func (handmade) Name() string { return "handmade" }

func (handmade) Version() int { return 1 }

func (handmade) Types() []string { return []string{"it.happened"} }

func (h handmade) Begin(state []byte) (projection.Fold, error) { return h.begin(state) }

type handmadeFold func(*event.Event) ([]byte, error)

func (f handmadeFold) Apply(e *event.Event) ([]byte, error) { return f(e) }

// TestAStateMayTakeAllOfItsLimit has a state of exactly as many bytes as are
// allowed.
func TestAStateMayTakeAllOfItsLimit(t *testing.T) {
	state := slices.Repeat([]byte("1"), projection.MaxStateBytes)
	fold := handmadeFold(func(*event.Event) ([]byte, error) { return state, nil })
	b := newBench(t, handmade{func([]byte) (projection.Fold, error) { return fold, nil }})
	to := b.generation(t, "g")
	if _, err := b.applier.Apply(t.Context(), to, b.put(t, eventsOf("it.happened x"), 10)); err != nil {
		t.Fatal(err)
	}
	if x := b.row(t, to, "x"); x.Parked != nil || len(x.State) != len(state) {
		t.Errorf("%d bytes, parked %+v", len(x.State), x.Parked)
	}
}

// TestAnEntityBelongsToOneProjection sends an entity an event of another
// projection, whatever the projections' names are.
func TestAnEntityBelongsToOneProjection(t *testing.T) {
	long := strings.Repeat("é", 200)
	b := newBench(t, counterNamed(long), counterOf())
	placed := b.put(t, eventsOf("it.happened x", "other.happened x", "it.happened x", "other.happened y"), 10)
	to := b.generation(t, "g")
	if _, err := b.applier.Apply(t.Context(), to, placed); err != nil {
		t.Fatal(err)
	}
	x, y := b.row(t, to, "x"), b.row(t, to, "y")
	if x.Projection != long || x.Count != 1 || x.Parked == nil || x.Parked.Position != placed[1].Position ||
		x.Parked.Waiting != 1 || !utf8.ValidString(x.Parked.Reason) || len(x.Parked.Reason) > 300 ||
		!strings.HasPrefix(x.Parked.Reason, "the entity belongs to projection é") {
		t.Errorf("x: %d events, parked %+v", x.Count, x.Parked)
	}
	if y.Projection != "other" || y.Count != 1 || y.Parked != nil {
		t.Errorf("y: of %q, %d events, parked %+v", y.Projection, y.Count, y.Parked)
	}
}

func TestProjectionsThatNewDidNotMakeAreGuardedAlike(t *testing.T) {
	fold := func(f handmadeFold) func([]byte) (projection.Fold, error) {
		return func([]byte) (projection.Fold, error) { return f, nil }
	}
	for name, c := range map[string]struct {
		p    handmade
		want string
	}{
		"begin": {handmade{func([]byte) (projection.Fold, error) { panic("lost") }}, "projection panicked: lost"},
		"exit": {handmade{func([]byte) (projection.Fold, error) { runtime.Goexit(); return nil, nil }},
			"projection ended its goroutine: handmade@1"},
		"size": {handmade{fold(func(*event.Event) ([]byte, error) {
			return slices.Repeat([]byte("1"), projection.MaxStateBytes+1), nil
		})}, "state is too large: it would take 262145 bytes of at most 262144"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.p)
			placed := b.put(t, eventsOf("it.happened x"), 10)
			to := b.generation(t, "g")
			if _, err := b.applier.Apply(t.Context(), to, placed); err != nil {
				t.Fatal(err)
			}
			if x := b.row(t, to, "x"); x.Parked == nil || x.Parked.Reason != c.want {
				t.Errorf("parked %+v", x.Parked)
			}
		})
	}
}
