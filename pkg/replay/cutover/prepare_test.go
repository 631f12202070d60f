package cutover

import (
	"errors"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

var registryKey = control.Key{Partition: "registry", Sort: "generations"}

func promoter(w *replaytest.World, version string) *Promoter {
	store := w.Store
	store.Version = version
	return &Promoter{Store: store, Registry: w.Registry, Generations: w.Generations}
}

// A replay that fills no generation, or is over, prepares no id, no entry and
// no table, and does not fail.
func TestNothingIsPreparedForWhatNeedsNoGeneration(t *testing.T) {
	for name, before := range map[string]func(c *replaytest.World){
		"plain": func(c *replaytest.World) { c.Create("r", replay.Request{}) },
		"cancelled": func(c *replaytest.World) {
			c.Create("r", replay.Request{Rebuild: true})
			c.Change("r", func(row *replay.Row) { row.Cancel = true })
		},
		"cancelled, with an id": func(c *replaytest.World) {
			c.Create("r", replay.Request{Rebuild: true})
			c.Change("r", func(row *replay.Row) { row.Cancel, row.Generation = true, "g0002" })
		},
		"ended": func(c *replaytest.World) {
			c.Create("r", replay.Request{Rebuild: true})
			_, _, err := c.Store.End(t.Context(), "r", replay.Failed, nil, nil)
			c.Must(err)
		},
	} {
		c := replaytest.New(t)
		before(c)
		if err := promoter(c, "v1").Prepare(t.Context(), "r", "v1"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		registered, err := c.Registry.Load(t.Context())
		c.Must(err)
		if len(registered.Generations) != 0 || len(registered.Reserved) != 0 {
			t.Errorf("%s: registered %+v", name, registered)
		}
		c.WantTables()
	}
}

// Between the reservation of an id and its record in the row, the replay may be
// cancelled: then the row names no generation, and none is entered.
func TestACancelDuringAPrepareIsNotOvertaken(t *testing.T) {
	c := replaytest.New(t)
	c.Create("r", replay.Request{Rebuild: true})
	p := promoter(c, "v1")
	p.Store.Table = replaytest.Intercepted{Table: c.Store.Table, Write: replaytest.Once(replay.RowKey("r"), func() {
		c.Change("r", func(row *replay.Row) { row.Cancel = true })
	})}
	if err := p.Prepare(t.Context(), "r", "v1"); err != nil {
		t.Errorf("prepare: %v", err)
	}
	if row := c.Row("r"); row.Generation != "" {
		t.Errorf("the row names %s", row.Generation)
	}
	c.WantGenerations()
	c.WantTables()
}

// Of two concurrent attempts, the first that reaches the row decides, and the
// other continues with that generation.
func TestTwoPreparesMakeOneGeneration(t *testing.T) {
	c := replaytest.New(t)
	c.Create("r", replay.Request{Rebuild: true})
	late := promoter(c, "v1")
	late.Registry.Table = replaytest.Intercepted{Table: c.Registry.Table, Write: replaytest.Once(registryKey, func() {
		c.Must(promoter(c, "v1").Prepare(t.Context(), "r", "v1"))
	})}
	c.Must(late.Prepare(t.Context(), "r", "v1"))
	c.WantGenerations(c.Row("r").Generation)
	c.WantTables(c.Row("r").Generation)
}

// A rebuild keeps the version that it began with, even if it had not entered
// its generation yet. A row of an earlier release has no version, but its
// generation's entry has.
func TestAPrepareKeepsToTheVersionItBeganWith(t *testing.T) {
	for name, tt := range map[string]struct {
		before func(c *replaytest.World, row *replay.Row)
		want   error
	}{
		"another version is in the row": {func(_ *replaytest.World, row *replay.Row) { row.Version = "v1" },
			replay.ErrOtherVersion},
		"this version is in the row": {func(_ *replaytest.World, row *replay.Row) { row.Version = "v2" }, nil},
		"none is in the row":         {func(*replaytest.World, *replay.Row) {}, nil},
		"another one is in the entry": {func(c *replaytest.World, row *replay.Row) {
			_, err := c.Registry.Enter(t.Context(), row.Generation, "r", "v1")
			c.Must(err)
		}, replay.ErrOtherVersion},
	} {
		c := replaytest.New(t)
		c.Create("r", replay.Request{Rebuild: true})
		id, err := c.Registry.Reserve(t.Context(), "r")
		c.Must(err)
		planned := replay.Row{Generation: id}
		tt.before(c, &planned)
		c.Change("r", func(row *replay.Row) { row.Generation, row.Version = planned.Generation, planned.Version })
		if err := promoter(c, "v2").Prepare(t.Context(), "r", "v2"); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
		registered, err := c.Registry.Load(t.Context())
		c.Must(err)
		if info, found := registered.Find(id); tt.want == nil &&
			(!found || info.Version != "v2" || info.Status != datastore.Building) ||
			tt.want != nil && found && info.Version != "v1" {
			t.Errorf("%s: %+v", name, info)
		}
	}
}
