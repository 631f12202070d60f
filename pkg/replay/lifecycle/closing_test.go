package lifecycle

import (
	"testing"

	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

// closing is a closer over a world.
type closing struct {
	*replaytest.World
	t *testing.T
}

func newClosing(t *testing.T) closing { return closing{replaytest.New(t), t} }

func (c closing) closer() *Closer {
	return &Closer{Store: c.Store, Registry: c.Registry, Generations: c.Generations, Lanes: c.Lanes.Count()}
}

func (c closing) close(id string) {
	c.t.Helper()
	_, err := c.closer().Close(c.t.Context(), id, replay.Succeeded, nil)
	c.Must(err)
}

func TestTheGenerationThatWasActiveBeforeIsKeptToGoBackTo(t *testing.T) {
	c := newClosing(t)
	first := c.Follow("", false)
	second := c.Follow("not-promoted", false)
	c.close("not-promoted")
	c.WantGenerations(first, second)
	third := c.Follow("promoted", false)
	c.Promote("promoted", third)
	c.close("promoted")
	c.WantGenerations(first, third)
}

func TestWhereThePreviousGenerationIsLostTheNewestOtherIsKept(t *testing.T) {
	c := newClosing(t)
	c.Follow("", true)
	c.Follow("older", false)
	third := c.Follow("newer", false)
	fourth := c.Follow("promoted", false)
	for _, id := range []string{"older", "newer"} {
		_, _, err := c.Store.End(t.Context(), id, replay.Succeeded, nil, nil)
		c.Must(err)
	}
	c.Promote("promoted", fourth)
	c.close("promoted")
	c.WantGenerations(third, fourth)
}

func TestTheGenerationOfAReplayThatRunsIsNotDropped(t *testing.T) {
	c := newClosing(t)
	first := c.Follow("", false)
	running := c.Follow("running", false)
	third := c.Follow("promoted", false)
	c.Promote("promoted", third)
	c.close("promoted")
	c.WantGenerations(first, running, third)
}
