package lifecycle

import (
	"fmt"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/request"
)

func (c closing) detail(id string) Detail {
	c.t.Helper()
	v := Viewer{Store: c.Store, Registry: c.Registry, Generations: c.Generations}
	d, err := v.Detail(c.t.Context(), c.Row(id))
	c.Must(err)
	return d
}

// sendAll sends events of many entities, some twice an hour later.
func (c closing) sendAll(n int) {
	for i := range n {
		c.Send(fmt.Sprintf("entity-%d", i))
		if i == n/2 {
			c.Now = c.Now.Add(2 * time.Hour)
		}
	}
}

func TestProgressIsShownByGroup(t *testing.T) {
	for _, order := range []request.Ordering{request.ByEntity, request.ByWindow, request.Unordered} {
		c := newClosing(t)
		c.sendAll(40)
		c.Create("r", replay.Request{Ordering: order})
		if d := c.detail("r"); len(d.Groups) != 0 || d.Percent != nil || d.Total != 0 {
			t.Errorf("before the plan: %+v", d)
		}
		_, err := c.Planner().Plan(t.Context(), "r")
		c.Must(err)
		d := c.detail("r")
		if len(d.Groups) != c.Row("r").Groups || d.Percent == nil || *d.Percent != 0 || d.Total != 40 || d.ETA != nil {
			t.Errorf("%s: before it is read: %+v", order, d)
		}
		var total int64
		for _, g := range d.Groups {
			if total += g.Total; g.Done || g.Moved != nil || g.Stalled != nil || (order != request.Unordered && g.Slice != 0) {
				t.Errorf("%s: before it is read: %+v", order, g)
			}
		}
		if total != 40 {
			t.Errorf("%s: groups have %d events in all", order, total)
		}
		c.Now = c.Now.Add(10 * time.Second)
		row := c.Row("r")
		for group := range row.Children() {
			_, err := c.Reader().Read(t.Context(), "r", group, c.Soon())
			c.Must(err)
		}
		half := c.detail("r")
		if order != request.ByWindow && (half.Read != 40 || half.Delivered != 40 || *half.Percent != 50) {
			t.Errorf("%s: after reading: %+v", order, half)
		}
		c.Consume()
		after := c.detail("r")
		if after.Consumed != after.Delivered || after.Average <= 0 || after.ETA == nil ||
			after.ETA.LeastSeconds > after.ETA.MostSeconds {
			t.Errorf("%s: after consuming: %+v, ETA %+v", order, after, after.ETA)
		}
	}
}

// What became of the events of a rebuild is counted before its proof, and never exceeds
// what the proof says.
func TestWhatBecameOfTheEventsIsCountedWhileARebuildRuns(t *testing.T) {
	c := newClosing(t)
	c.Follow("", false)
	c.Send("a", "b", "c", "a")
	c.SendType("is.wrong", "b")
	c.Create("r", replay.Request{Rebuild: true})
	info, err := c.Registry.Begin(t.Context(), "r", c.Set.Version())
	c.Must(err)
	c.Must(c.Generations.Create(t.Context(), info.ID))
	c.Change("r", func(row *replay.Row) { row.Generation = info.ID })
	_, err = c.Planner().Plan(t.Context(), "r")
	c.Must(err)
	c.Deliver("r")
	c.Consume()
	d := c.detail("r")
	if d.Consumed != 5 || d.Applied != 4 || d.Duplicates != 0 || d.Parked != 1 {
		t.Errorf("%+v of generation %s", d.Counts, info.ID)
	}
}

func TestAGroupThatStandsStillIsStalled(t *testing.T) {
	c := newClosing(t)
	c.sendAll(40)
	c.Plan("r", replay.Request{})
	c.Change("r", func(row *replay.Row) { row.Status = replay.Running })
	moved := c.Now
	at := replay.Checkpoint{Read: replay.Sum{Count: 3}, Moved: moved.UnixMilli(), Rate: 100}
	_, err := control.Store(t.Context(), c.Store.Table, replaytest.CheckpointKey("r", 0), at, "")
	c.Must(err)
	stalls := func() (all []*Stall) {
		for _, g := range c.detail("r").Groups {
			if g.Stalled != nil {
				all = append(all, g.Stalled)
			}
		}
		return all
	}
	c.Now = moved.Add(5 * time.Second)
	if d := c.detail("r"); d.Rate != 100 || len(stalls()) != 0 {
		t.Errorf("while it is read: %+v", d)
	}
	c.Now = moved.Add(2 * time.Minute)
	found := stalls()
	if d := c.detail("r"); len(found) != 1 || !found[0].Since.Equal(moved) || d.Rate != 0 {
		t.Fatalf("after two minutes: %+v, %+v", found, d)
	}
	c.Change("r", func(row *replay.Row) { row.LastError = &replay.Failure{Error: "Reprise.Full", Cause: "no room"} })
	if found = stalls(); len(found) != 1 || found[0].Why != "Reprise.Full: no room" {
		t.Errorf("with an error: %+v", found)
	}
	c.Change("r", func(row *replay.Row) { row.Paused = true })
	if found = stalls(); len(found) != 0 {
		t.Errorf("while it is paused: %+v", found)
	}
}
