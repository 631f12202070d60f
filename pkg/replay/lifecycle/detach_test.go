package lifecycle

import (
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/replay"
)

// The generation of a rebuild that failed loses its consumer after a day, unless a person
// has to decide about it, it was continued, or it was cancelled.
func TestAFailedRebuildKeepsItsConsumerForADay(t *testing.T) {
	const day = 24*time.Hour + time.Second
	for name, tt := range map[string]struct {
		after  time.Duration
		why    string
		before func(c closing)
		want   datastore.Status
	}{
		"soon":     {24 * time.Hour, "E", nil, datastore.Following},
		"late":     {day, "E", nil, datastore.Building},
		"parked":   {day, replay.FaultParked, nil, datastore.Following},
		"too late": {40 * 24 * time.Hour, "E", nil, datastore.Following}, // it cannot be continued
		"continued": {day, "E", func(c closing) {
			_, err := c.Store.Continue(c.t.Context(), "r", "r.1")
			c.Must(err)
			c.Must(c.Registry.Reinstate(c.t.Context(), c.Row("r").Generation, "r", 1))
		}, datastore.Following},
		"cancelled": {day, "E", func(c closing) {
			_, err := c.Registry.Withdraw(c.t.Context(), c.Row("r").Generation, "r", string(replay.Cancelled), 0)
			c.Must(err)
		}, datastore.Following},
	} {
		c := newClosing(t)
		first := c.Follow("", false)
		row := c.Filled("r", true)
		_, err := c.closer().Close(t.Context(), "r", replay.Failed, &replay.Failure{Error: tt.why})
		c.Must(err)
		c.Now = c.Now.Add(tt.after)
		if tt.before != nil {
			tt.before(c)
		}
		c.Must(c.closer().Sweep(t.Context()))
		c.WantGenerations(first, row.Generation)
		if have := c.Info(row.Generation).Status; have != tt.want {
			t.Errorf("%s: it is %s", name, have)
		}
	}
}

// After a day, a replay that was continued just before the sweep decides keeps its
// consumer: the registry gave the right back.
func TestASweepThatComesLateDetachesNothing(t *testing.T) {
	c := newClosing(t)
	c.Follow("", false)
	row := c.Filled("r", true)
	_, err := c.closer().Close(t.Context(), "r", replay.Failed, &replay.Failure{Error: "E"})
	c.Must(err)
	c.Must(c.Registry.Reinstate(t.Context(), row.Generation, "r", 1))
	c.Must(c.Registry.Detach(t.Context(), row.Generation, "r"))
	if info := c.Info(row.Generation); info.Status != datastore.Following {
		t.Errorf("%+v", info)
	}
}
