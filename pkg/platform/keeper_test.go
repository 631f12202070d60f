package platform_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/platform"
	"reprise/pkg/platform/platformtest"
)

// hostFake keeps consumers in memory and records the calls that change them.
type hostFake struct {
	have []platform.Consumer
	done []string
	fail map[string]error
	// listed is called after List, as if another keeper acted in between.
	listed func()
}

func (h *hostFake) Consumers(context.Context) ([]platform.Consumer, error) {
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

func (h *hostFake) Provide(_ context.Context, have platform.Consumer, version string) error {
	return h.note("provide %s %s", have.Generation, version)
}

func (h *hostFake) Remove(_ context.Context, have platform.Consumer) error {
	return h.note("remove %s", have.Generation)
}

func newKeeper(t *testing.T, host platform.Host) *platform.Keeper {
	t.Helper()
	w := platformtest.New(t)
	return &platform.Keeper{Host: host, Registry: datastore.Registry{Table: w.Parts.Table, Now: time.Now},
		Generations: w.Parts.Generations, Lanes: platformtest.Lanes, Projections: "v1", Published: "3", Log: w.Parts.Log}
}

func keep(t *testing.T, k *platform.Keeper, host *hostFake, want ...string) {
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
	keep(t, k, host, "provide g0001 3")
	registered, err := k.Registry.Load(t.Context())
	if err != nil || registered.Active != "g0001" || registered.Generations[0].Version != "v1" {
		t.Fatalf("registry %+v, %v", registered, err)
	}
	for lane := range k.Lanes {
		if _, _, err := k.Generations.Open("g0001").Mark(t.Context(), datastore.LiveMark, 0); err != nil {
			t.Errorf("lane %d: %v", lane, err)
		}
	}
	host.have = []platform.Consumer{{Generation: "g0001", Version: "3", Mapping: "m1", Sound: true}}
	keep(t, k, host)
}

// follow enters a generation that follows the stream.
func follow(t *testing.T, k *platform.Keeper, replay, version string) string {
	t.Helper()
	info, err := k.Registry.Begin(t.Context(), replay, version)
	if err == nil {
		err = k.Registry.Follow(t.Context(), info.ID, datastore.Cut{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return info.ID
}

func TestConsumersComeAndGoWithTheRegistry(t *testing.T) {
	host := &hostFake{}
	k := newKeeper(t, host)
	keep(t, k, host, "provide g0001 3")
	first := platform.Consumer{Generation: "g0001", Version: "3", Mapping: "m1", Sound: true}
	host.have = []platform.Consumer{first}
	if _, err := k.Registry.Begin(t.Context(), "building", "v1"); err != nil {
		t.Fatal(err)
	}
	keep(t, k, host) // a generation that is being built has none
	second := follow(t, k, "building", "v1")
	keep(t, k, host, "provide "+second+" 3")
	host.have = append(host.have, platform.Consumer{Generation: second, Version: "3", Mapping: "m2", Busy: true})
	keep(t, k, host) // its mapping is being made
	if err := k.Registry.Retire(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	keep(t, k, host) // Lambda is still creating it
	host.have[1].Busy = false
	keep(t, k, host, "remove "+second)
	host.have[1].Mapping = ""
	keep(t, k, host, "remove "+second)
}

func TestACodeChangeMovesAliasesOfItsProjectionsOnly(t *testing.T) {
	host := &hostFake{}
	k := newKeeper(t, host)
	keep(t, k, host, "provide g0001 3")
	host.have = []platform.Consumer{{Generation: "g0001", Version: "3", Mapping: "m1", Sound: true}}
	k.Published = "4" // corrected code, the same projections
	keep(t, k, host, "provide g0001 4")
	host.have[0].Version = "4"
	k.Published, k.Projections = "5", "v2" // other projections
	keep(t, k, host)
}

// TestAGenerationOfOlderProjectionsGetsTheirCode deploys other projections
// during a rebuild: they must not follow the generation that the old ones
// built.
func TestAGenerationOfOlderProjectionsGetsTheirCode(t *testing.T) {
	host := &hostFake{}
	k := newKeeper(t, host)
	keep(t, k, host, "provide g0001 3")
	host.have = []platform.Consumer{{Generation: "g0001", Version: "3", Mapping: "m1", Sound: true}}
	k.Published, k.Projections = "4", "v2"
	second := follow(t, k, "building", "v1")
	third := follow(t, k, "later", "v2")
	keep(t, k, host, "provide "+second+" 3", "provide "+third+" 4")
}

// A consumer with other projections would be worse than none.
func TestAGenerationWithoutItsCodeGetsNoConsumer(t *testing.T) {
	host := &hostFake{}
	k := newKeeper(t, host)
	keep(t, k, host, "provide g0001 3")
	host.have = []platform.Consumer{{Generation: "g0001", Version: "3", Mapping: "m1", Sound: true}}
	follow(t, k, "building", "v0")
	third := follow(t, k, "later", "v1")
	host.done = nil
	err := k.Keep(t.Context())
	slices.Sort(host.done)
	if !errors.Is(err, platform.ErrNoCode) || !slices.Equal(host.done, []string{"provide " + third + " 3"}) {
		t.Errorf("%v; did %q", err, host.done)
	}
}

func TestAMappingThatSomebodyChangedIsMended(t *testing.T) {
	host := &hostFake{}
	k := newKeeper(t, host)
	keep(t, k, host, "provide g0001 3")
	host.have = []platform.Consumer{{Generation: "g0001", Version: "3", Mapping: "m1"}}
	keep(t, k, host, "provide g0001 3")
	host.have = []platform.Consumer{{Generation: "g0001", Mapping: "m1", Sound: true}}
	keep(t, k, host, "provide g0001 3")
}

// TestAConsumerMadeMeanwhileIsLeft lets another keeper create a consumer
// between the reading of the list and of the registry.
func TestAConsumerMadeMeanwhileIsLeft(t *testing.T) {
	host := &hostFake{}
	k := newKeeper(t, host)
	keep(t, k, host, "provide g0001 3")
	host.have = []platform.Consumer{{Generation: "g0001", Version: "3", Mapping: "m1", Sound: true}}
	host.listed = func() {
		host.listed = nil
		id := follow(t, k, "other", "v1")
		host.have = append(host.have, platform.Consumer{Generation: id, Version: "3", Mapping: "m2", Sound: true})
	}
	keep(t, k, host, "provide g0002 3") // both exist already, which does no harm
}

func TestOneFailureStopsNoOtherConsumer(t *testing.T) {
	host := &hostFake{}
	k := newKeeper(t, host)
	keep(t, k, host, "provide g0001 3")
	follow(t, k, "other", "v1")
	broken := errors.New("broken")
	host.done, host.fail = nil, map[string]error{"provide g0001 3": broken}
	if err := k.Keep(t.Context()); !errors.Is(err, broken) || !slices.Contains(host.done, "provide g0002 3") {
		t.Errorf("%v; did %q", err, host.done)
	}
}
