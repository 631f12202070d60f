package lifecycle

import (
	"context"
	"errors"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// throwing is a closer over a world in which verifications may go on.
type throwing struct {
	closing
	goOn map[string]bool
}

func newThrowing(t *testing.T) throwing {
	return throwing{newClosing(t), map[string]bool{"v": true}}
}

func (c throwing) closer() *Closer {
	closer := c.closing.closer()
	closer.Verifies = func(_ context.Context, id string) (bool, error) { return c.goOn[id], nil }
	return closer
}

func (c throwing) service() *Service {
	return &Service{Store: c.Store, Executions: executions{}, Closer: c.closer()}
}

// throwaway makes the generation of a verification's replay, that follows if asked to.
func (c throwing) throwaway(id string, follows bool) (generation string) {
	c.t.Helper()
	ctx := c.t.Context()
	c.Create(id, replay.Request{Rebuild: true, Verification: id})
	promoter := &cutover.Promoter{Store: c.Store, Registry: c.Registry, Generations: c.Generations}
	c.Must(promoter.Prepare(ctx, id, "v1"))
	generation = c.Row(id).Generation
	if follows {
		c.Must(c.Registry.Follow(ctx, generation, datastore.Cut{}))
	}
	return generation
}

// The end of a throwaway's replay drops nobody else's generation, and keeps its own for
// the verification, which compares then.
func TestAThrowawayReplacesNothing(t *testing.T) {
	c := newThrowing(t)
	first := c.Follow("", false)
	older, newer := c.Follow("older", false), c.Follow("newer", false)
	for _, id := range []string{"older", "newer"} {
		_, _, err := c.Store.End(t.Context(), id, replay.Succeeded, nil, nil)
		c.Must(err)
	}
	third := c.throwaway("v", true)
	if info := c.Info(third); info.Verification != "v" {
		t.Fatalf("%+v", info)
	}
	_, err := c.closer().Close(t.Context(), "v", replay.Succeeded, nil)
	c.Must(err)
	c.WantGenerations(first, older, newer, third)
	c.WantTables(first, older, newer, third)
	c.goOn["v"] = false
	c.Must(c.closer().Sweep(t.Context()))
	c.WantGenerations(first, older, newer)
	c.WantTables(first, older, newer)
}

// The end of another rebuild leaves a throwaway to its verification, and never keeps one
// to go back to.
func TestARebuildLeavesAThrowawayAlone(t *testing.T) {
	c := newThrowing(t)
	first := c.Follow("", false)
	second := c.throwaway("v", true)
	_, err := c.closer().Close(t.Context(), "v", replay.Succeeded, nil) // and the verification compares
	c.Must(err)
	third := c.Follow("promoted", false)
	c.Promote("promoted", third)
	_, err = c.closer().Close(t.Context(), "promoted", replay.Succeeded, nil)
	c.Must(err)
	c.WantGenerations(first, second, third)
	if previous := c.RegistryState().Previous; previous != first {
		t.Errorf("one may go back to %s", previous)
	}
}

// A throwaway is dropped however its replay and its verification have ended, at whatever
// stage it was; a failed one is not kept to be continued.
func TestAThrowawayIsDroppedHoweverItEnds(t *testing.T) {
	for _, follows := range []bool{false, true} {
		for name, end := range map[string]func(c throwing) error{
			"the replay failed": func(c throwing) error {
				_, err := c.closer().Close(t.Context(), "v", replay.Failed, &replay.Failure{Error: "E"})
				if row := c.Row("v"); err == nil && row.Keeps(c.Now) {
					t.Error("it is kept to be continued")
				}
				if _, err := c.service().Continue(t.Context(), "v"); !errors.Is(err, replay.ErrCannotContinue) {
					t.Errorf("it is continued: %v", err)
				}
				return err
			},
			"the verification was cancelled": func(c throwing) error {
				return c.service().ReleaseThrowaway(t.Context(), "v")
			},
			"nobody has ended the replay": func(c throwing) error {
				c.goOn["v"] = false
				row := c.Row("v")
				cancelled, err := c.service().completeCancel(t.Context(), &row)
				if !cancelled || c.Row("v").Status != replay.Cancelled {
					t.Errorf("the replay is %s", c.Row("v").Status)
				}
				return err
			},
			"the row of the replay is gone": func(throwing) error { return nil },
		} {
			c := newThrowing(t)
			first := c.Follow("", false)
			c.throwaway("v", follows)
			c.Must(end(c))
			c.goOn["v"] = false
			c.Must(c.closer().Sweep(t.Context()))
			c.Must(c.closer().Sweep(t.Context()))
			c.WantGenerations(first)
			c.WantTables(first)
			if t.Failed() {
				t.Fatalf("%s, follows %t", name, follows)
			}
		}
	}
}

// A verification that ends leaves a replay of its name alone that it does not own.
func TestAReplayThatIsNobodysThrowawayIsNotReleased(t *testing.T) {
	c := newThrowing(t)
	first := c.Follow("", false)
	second := c.Follow("v", false)
	c.Must(c.service().ReleaseThrowaway(t.Context(), "v"))
	c.Must(c.service().ReleaseThrowaway(t.Context(), "unknown"))
	c.WantGenerations(first, second)
	if row := c.Row("v"); row.Status.Ended() {
		t.Errorf("%+v", row)
	}
}

// While its verification goes on, nobody promotes or drops a throwaway; later it may be
// dropped, and still not promoted.
func TestAThrowawayIsNoChoice(t *testing.T) {
	c := newThrowing(t)
	c.Follow("", false)
	second := c.throwaway("v", true)
	info := c.Info(second)
	if err := info.MayBeChosen(); !errors.Is(err, datastore.ErrThrowaway) {
		t.Errorf("chosen: %v", err)
	}
	hold, err := c.Registry.Hold(t.Context(), "v", 1e9)
	c.Must(err)
	if err := c.Registry.Flip(t.Context(), second, "v", hold); !errors.Is(err, datastore.ErrThrowaway) {
		t.Errorf("flipped: %v", err)
	}
	if err := c.Registry.FlipChosen(t.Context(), second, "v", hold); !errors.Is(err, datastore.ErrThrowaway) {
		t.Errorf("flipped by a person: %v", err)
	}
	if err := c.service().DropGeneration(t.Context(), second); !errors.Is(err, datastore.ErrThrowaway) {
		t.Errorf("dropped: %v", err)
	}
	c.goOn["v"] = false
	if err := c.service().DropGeneration(t.Context(), second); err != nil {
		t.Errorf("dropped after the end: %v", err)
	}
}

// Only a verification that goes on starts the replay that it owns.
func TestAReplayCannotClaimAnOwner(t *testing.T) {
	c := newThrowing(t)
	for id, want := range map[string]error{"v": nil, "other": replay.ErrRequest} {
		request := replay.Request{Rebuild: true, Verification: id}
		if err := c.service().CheckOwner(t.Context(), "v", request); !errors.Is(err, want) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if err := c.service().CheckOwner(t.Context(), "w", replay.Request{Rebuild: true, Verification: "v"}); err == nil {
		t.Error("another replay belongs to the verification, too")
	}
	for _, request := range []replay.Request{{Verification: "v"}, {Rebuild: true, Promote: true, Verification: "v"},
		{Rebuild: true, Verification: "a b"}} {
		if err := request.Check(); !errors.Is(err, replay.ErrRequest) {
			t.Errorf("%+v: %v", request, err)
		}
	}
}
