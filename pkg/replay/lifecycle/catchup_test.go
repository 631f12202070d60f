package lifecycle

import (
	"testing"
	"time"

	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// When the cut of a rebuild is moved, the total grows and no count falls, also those of
// lanes that have nothing new and no group any more.
func TestNoCountFallsWhenTheCutIsMoved(t *testing.T) {
	c := newClosing(t)
	c.Follow("", false)
	c.Send("a", "b", "c", "d", "a", "b")
	c.Create("r", replay.Request{Rebuild: true})
	promoter := &cutover.Promoter{Store: c.Store, Heads: c.Heads, Registry: c.Registry, Generations: c.Generations,
		Lanes: c.Lanes, Retention: 24 * time.Hour, Lease: time.Minute, Poll: time.Second, Sleep: c.Sleep}
	c.Must(promoter.Prepare(t.Context(), "r", c.Set.Version()))
	_, err := c.Planner().Plan(t.Context(), "r")
	c.Must(err)
	c.Deliver("r")
	c.Consume()
	before := c.detail("r")
	c.Now = c.Now.Add(13 * time.Hour)
	c.Send("a")
	_, err = promoter.CatchUp(t.Context(), c.Planner(), "r", "")
	c.Must(err)
	moved := c.detail("r")
	if moved.Counts != before.Counts || before.Read != 6 || moved.Total != 7 || moved.CatchUps != 1 ||
		!moved.Cut.Equal(c.Now) || len(moved.Groups) != 1 || *moved.Percent >= *before.Percent {
		t.Errorf("before %+v, moved %+v", before, moved)
	}
	c.Deliver("r")
	c.Consume()
	if end := c.detail("r"); end.Read != 7 || end.Consumed != 7 || *end.Percent != 100 {
		t.Errorf("at the end %+v", end)
	}
}
