package consumers

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/local/pebbletest"
)

// hostFake keeps consumers in memory and notes what is done.
type hostFake struct {
	have []Consumer
	done []string
	fail map[string]error
	// listed is called behind List, as another keeper that comes in between.
	listed func()
}

func (h *hostFake) List(context.Context) ([]Consumer, error) {
	have := slices.Clone(h.have)
	if h.listed != nil {
		h.listed()
	}
	return have, h.fail["list"]
}

func (h *hostFake) note(format string, args ...any) error {
	act := fmt.Sprintf(format, args...)
	h.done = append(h.done, act)
	return h.fail[act]
}

func (h *hostFake) SetAlias(_ context.Context, g, v string) error { return h.note("alias %s %s", g, v) }
func (h *hostFake) Map(_ context.Context, g string) error         { return h.note("map %s", g) }
func (h *hostFake) Mend(_ context.Context, m string) error        { return h.note("mend %s", m) }
func (h *hostFake) Unmap(_ context.Context, m string) error       { return h.note("unmap %s", m) }
func (h *hostFake) DropAlias(_ context.Context, g string) error   { return h.note("drop %s", g) }

func newKeeper(t *testing.T, host Host) *Keeper {
	t.Helper()
	stores := pebbletest.Open(t)
	return &Keeper{Host: host, Registry: datastore.Registry{Table: stores.Table, Now: time.Now}, Generations: stores.Generations, Lanes: 2,
		Projections: "v1", Published: "3", Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func keep(t *testing.T, k *Keeper, host *hostFake, want ...string) {
	t.Helper()
	host.done = nil
	if err := k.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	slices.Sort(host.done)
	slices.Sort(want)
	if !slices.Equal(host.done, want) {
		t.Errorf("did %q, want %q", host.done, want)
	}
}

func TestANewPlatformGetsItsFirstGenerationAndConsumer(t *testing.T) {
	host := &hostFake{}
	k := newKeeper(t, host)
	keep(t, k, host, "alias g0001 3", "map g0001")
	roll, err := k.Registry.Load(t.Context())
	if err != nil || roll.Active != "g0001" || roll.Generations[0].Version != "v1" {
		t.Fatalf("roll %+v, %v", roll, err)
	}
	for lane := range k.Lanes {
		if _, _, err := k.Generations.Open("g0001").Mark(t.Context(), datastore.LiveMark, 0); err != nil {
			t.Errorf("lane %d: %v", lane, err)
		}
	}
	host.have = []Consumer{{Generation: "g0001", Version: "3", Mapping: "m1", Sound: true}}
	keep(t, k, host)
}

// follow enters a generation that follows the stream.
func follow(t *testing.T, k *Keeper, replay, version string) string {
	t.Helper()
	info, err := k.Registry.Begin(t.Context(), replay, version)
	if err == nil {
		err = k.Registry.Follow(t.Context(), info.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	return info.ID
}

func TestConsumersComeAndGoWithTheRoll(t *testing.T) {
	host := &hostFake{}
	k := newKeeper(t, host)
	keep(t, k, host, "alias g0001 3", "map g0001")
	first := Consumer{Generation: "g0001", Version: "3", Mapping: "m1", Sound: true}
	host.have = []Consumer{first}
	if _, err := k.Registry.Begin(t.Context(), "building", "v1"); err != nil {
		t.Fatal(err)
	}
	keep(t, k, host) // one that is being built has none
	second := follow(t, k, "building", "v1")
	keep(t, k, host, "alias "+second+" 3", "map "+second)
	host.have = append(host.have, Consumer{Generation: second, Version: "3", Mapping: "m2", Busy: true})
	keep(t, k, host) // its mapping is being made
	if err := k.Registry.Retire(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	keep(t, k, host) // Lambda is still at it
	host.have[1].Busy = false
	keep(t, k, host, "unmap m2")
	host.have[1].Mapping = ""
	keep(t, k, host, "drop "+second)
}

func TestACodeChangeMovesAliasesOfItsProjectionsOnly(t *testing.T) {
	host := &hostFake{}
	k := newKeeper(t, host)
	keep(t, k, host, "alias g0001 3", "map g0001")
	host.have = []Consumer{{Generation: "g0001", Version: "3", Mapping: "m1", Sound: true}}
	k.Published = "4" // mended, the same projections
	keep(t, k, host, "alias g0001 4")
	host.have[0].Version = "4"
	k.Published, k.Projections = "5", "v2" // other projections
	keep(t, k, host)
}

// TestAGenerationOfOlderProjectionsGetsTheirCode deploys other projections while
// a rebuild is under way: what it built must not be followed by them.
func TestAGenerationOfOlderProjectionsGetsTheirCode(t *testing.T) {
	host := &hostFake{}
	k := newKeeper(t, host)
	keep(t, k, host, "alias g0001 3", "map g0001")
	host.have = []Consumer{{Generation: "g0001", Version: "3", Mapping: "m1", Sound: true}}
	k.Published, k.Projections = "4", "v2"
	second := follow(t, k, "building", "v1")
	third := follow(t, k, "later", "v2")
	keep(t, k, host, "alias "+second+" 3", "map "+second, "alias "+third+" 4", "map "+third)
}

// TestNoCodeIsNamed: a consumer with other projections would be worse than none.
func TestNoCodeIsNamed(t *testing.T) {
	host := &hostFake{}
	k := newKeeper(t, host)
	keep(t, k, host, "alias g0001 3", "map g0001")
	host.have = []Consumer{{Generation: "g0001", Version: "3", Mapping: "m1", Sound: true}}
	follow(t, k, "building", "v0")
	third := follow(t, k, "later", "v1")
	host.done = nil
	err := k.Keep(t.Context())
	slices.Sort(host.done)
	if !errors.Is(err, ErrNoCode) || !slices.Equal(host.done, []string{"alias " + third + " 3", "map " + third}) {
		t.Errorf("%v; did %q", err, host.done)
	}
}

func TestAMappingThatSomebodyChangedIsMended(t *testing.T) {
	host := &hostFake{}
	k := newKeeper(t, host)
	keep(t, k, host, "alias g0001 3", "map g0001")
	host.have = []Consumer{{Generation: "g0001", Version: "3", Mapping: "m1"}}
	keep(t, k, host, "mend m1")
	host.have = []Consumer{{Generation: "g0001", Mapping: "m1", Sound: true}}
	keep(t, k, host, "alias g0001 3")
}

// TestAConsumerMadeMeanwhileIsLeft has another keeper make one between the list
// and the roll.
func TestAConsumerMadeMeanwhileIsLeft(t *testing.T) {
	host := &hostFake{}
	k := newKeeper(t, host)
	keep(t, k, host, "alias g0001 3", "map g0001")
	host.have = []Consumer{{Generation: "g0001", Version: "3", Mapping: "m1", Sound: true}}
	host.listed = func() {
		host.listed = nil
		id := follow(t, k, "other", "v1")
		host.have = append(host.have, Consumer{Generation: id, Version: "3", Mapping: "m2", Sound: true})
	}
	keep(t, k, host, "alias g0002 3", "map g0002") // both are there already: no harm
}

func TestOneFailureLeavesTheRest(t *testing.T) {
	host := &hostFake{}
	k := newKeeper(t, host)
	keep(t, k, host, "alias g0001 3", "map g0001")
	follow(t, k, "other", "v1")
	broken := errors.New("broken")
	host.done, host.fail = nil, map[string]error{"alias g0001 3": broken}
	if err := k.Keep(t.Context()); !errors.Is(err, broken) || !slices.Contains(host.done, "map g0002") {
		t.Errorf("%v; did %q", err, host.done)
	}
}

// TestMappingsAreThoseOfTheStacks reads the constants on the other side, which
// cannot be imported.
func TestMappingsAreThoseOfTheStacks(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../../stacks/mapping.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if !is || len(spec.Values) != 1 {
			return true
		}
		switch value := spec.Values[0].(type) {
		case *ast.BasicLit:
			found[spec.Names[0].Name] = value.Value
		case *ast.UnaryExpr:
			found[spec.Names[0].Name] = value.Op.String() + value.X.(*ast.BasicLit).Value
		}
		return true
	})
	for name, want := range map[string]int{"forever": Forever, "batchSize": BatchSize, "batchingSeconds": BatchingSeconds} {
		if found[name] != fmt.Sprint(want) {
			t.Errorf("%s is %s in the stacks and %d here", name, found[name], want)
		}
	}
}
