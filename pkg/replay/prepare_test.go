package replay

import (
	"errors"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
)

var rollKey = control.Key{Partition: "registry", Sort: "generations"}

func (c closing) promoter(version string) *Promoter {
	store := c.Store
	store.Version = version
	return &Promoter{Store: store, Registry: c.Registry, Generations: c.Generations}
}

func (c closing) create(replay string, request Request) {
	c.t.Helper()
	_, _, err := c.Store.Create(c.t.Context(), replay, request)
	c.must(err)
}

func (c closing) change(replay string, change func(*Row)) {
	c.t.Helper()
	_, err := c.Store.Update(c.t.Context(), replay, func(row *Row) error { change(row); return nil })
	c.must(err)
}

func (c closing) row(replay string) Row {
	c.t.Helper()
	row, err := c.Store.Load(c.t.Context(), replay)
	c.must(err)
	return row
}

// A replay that fills no generation, or is over, prepares nothing: neither an id
// nor an entry nor a table, and it is no failure.
func TestNothingIsPreparedForWhatNeedsNoGeneration(t *testing.T) {
	for name, before := range map[string]func(c closing){
		"plain": func(c closing) { c.create("r", Request{}) },
		"cancelled": func(c closing) {
			c.create("r", Request{Rebuild: true})
			c.change("r", func(row *Row) { row.Cancel = true })
		},
		"cancelled, with an id": func(c closing) {
			c.create("r", Request{Rebuild: true})
			c.change("r", func(row *Row) { row.Cancel, row.Generation = true, "g0002" })
		},
		"ended": func(c closing) {
			c.create("r", Request{Rebuild: true})
			_, _, err := c.Store.End(t.Context(), "r", Failed, nil)
			c.must(err)
		},
	} {
		c := newClosing(t)
		before(c)
		if err := c.promoter("v1").Prepare(t.Context(), "r", "v1"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		roll, err := c.Registry.Load(t.Context())
		c.must(err)
		if len(roll.Generations) != 0 || len(roll.Reserved) != 0 {
			t.Errorf("%s: roll %+v", name, roll)
		}
		c.wantTables()
	}
}

// Between the reservation of an id and its record in the row, the replay may be
// cancelled: then the row names none, and nothing is entered.
func TestACancelDuringAPrepareIsNotOvertaken(t *testing.T) {
	c := newClosing(t)
	c.create("r", Request{Rebuild: true})
	p := c.promoter("v1")
	p.Store.Table = beset{Table: c.Store.Table, write: once(rowKey("r"), func() {
		c.change("r", func(row *Row) { row.Cancel = true })
	})}
	if err := p.Prepare(t.Context(), "r", "v1"); err != nil {
		t.Errorf("prepare: %v", err)
	}
	if row := c.row("r"); row.Generation != "" {
		t.Errorf("the row names %s", row.Generation)
	}
	c.wantGenerations()
	c.wantTables()
}

// Of two attempts at once the first that comes to the row decides, and the other
// goes on with its generation.
func TestTwoPreparesMakeOneGeneration(t *testing.T) {
	c := newClosing(t)
	c.create("r", Request{Rebuild: true})
	late := c.promoter("v1")
	late.Registry.Table = beset{Table: c.Registry.Table, write: once(rollKey, func() {
		c.must(c.promoter("v1").Prepare(t.Context(), "r", "v1"))
	})}
	c.must(late.Prepare(t.Context(), "r", "v1"))
	c.wantGenerations(c.row("r").Generation)
	c.wantTables(c.row("r").Generation)
}

// A rebuild keeps to the version that it began with, also where it had not come
// to enter its generation. A row of an earlier release says nothing of that, and
// its generation's entry does.
func TestAPrepareKeepsToTheVersionItBeganWith(t *testing.T) {
	for name, tt := range map[string]struct {
		before func(c closing, row *Row)
		want   error
	}{
		"another version is in the row": {func(_ closing, row *Row) { row.Version = "v1" }, ErrOtherVersion},
		"this version is in the row":    {func(_ closing, row *Row) { row.Version = "v2" }, nil},
		"none is in the row":            {func(closing, *Row) {}, nil},
		"another one is in the entry": {func(c closing, row *Row) {
			_, err := c.Registry.Enter(t.Context(), row.Generation, "r", "v1")
			c.must(err)
		}, ErrOtherVersion},
	} {
		c := newClosing(t)
		c.create("r", Request{Rebuild: true})
		id, err := c.Registry.Reserve(t.Context(), "r")
		c.must(err)
		planned := Row{Generation: id}
		tt.before(c, &planned)
		c.change("r", func(row *Row) { row.Generation, row.Version = planned.Generation, planned.Version })
		if err := c.promoter("v2").Prepare(t.Context(), "r", "v2"); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
		roll, err := c.Registry.Load(t.Context())
		c.must(err)
		if info, found := roll.Find(id); tt.want == nil && (!found || info.Version != "v2" || info.Status != datastore.Building) ||
			tt.want != nil && found && info.Version != "v1" {
			t.Errorf("%s: %+v", name, info)
		}
	}
}
