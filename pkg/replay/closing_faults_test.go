package replay

import (
	"context"
	"errors"
	"slices"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
)

// beset is a control table in which something happens ahead of a read or a write
// of a document, or in its place where it is an error.
type beset struct {
	control.Table
	read, write func(key control.Key) error
}

func (b beset) Get(ctx context.Context, key control.Key) (control.Document, error) {
	if b.read != nil {
		if err := b.read(key); err != nil {
			return control.Document{}, err
		}
	}
	return b.Table.Get(ctx, key)
}

func (b beset) Put(ctx context.Context, key control.Key, body []byte, previous control.Version) (control.Version, error) {
	if b.write != nil {
		if err := b.write(key); err != nil {
			return "", err
		}
	}
	return b.Table.Put(ctx, key, body, previous)
}

// once does something at the first call for a document.
func once(of control.Key, do func()) func(control.Key) error {
	done := false
	return func(key control.Key) error {
		if key == of && !done {
			done = true
			do()
		}
		return nil
	}
}

func failing(of control.Key) func(control.Key) error {
	return func(key control.Key) error {
		if key == of {
			return errUnreadable
		}
		return nil
	}
}

// undroppable are generations whose tables cannot be dropped now.
type undroppable struct{ datastore.Generations }

func (undroppable) Drop(context.Context, string) error { return errUnreadable }

// building makes a generation that a replay is still filling.
func (c closing) building(replay string) string {
	c.t.Helper()
	return c.filled(replay, false).Generation
}

func (c closing) info(generation string) datastore.Info {
	c.t.Helper()
	roll, err := c.Registry.Load(c.t.Context())
	c.must(err)
	info, found := roll.Find(generation)
	if !found {
		c.t.Fatalf("no generation %s in %+v", generation, roll)
	}
	return *info
}

func (c closing) wantTables(want ...string) {
	c.t.Helper()
	have, err := c.Generations.List(c.t.Context())
	c.must(err)
	if !slices.Equal(have, want) {
		c.t.Errorf("tables %v, want %v", have, want)
	}
}

func TestACloseSaysThatItsOwnGenerationCannotBeDropped(t *testing.T) {
	c := newClosing(t)
	c.building("r")
	stores := c.Generations
	c.Generations = undroppable{stores}
	if _, err := c.Close(t.Context(), "r", Failed, nil); !errors.Is(err, errUnreadable) {
		t.Errorf("close: %v", err)
	}
	c.Generations = stores
	if _, err := c.Close(t.Context(), "r", Failed, nil); err != nil {
		t.Errorf("close again: %v", err)
	}
	c.wantGenerations()
	c.wantTables()
}

// A rebuild that was not to be promoted succeeds, and a person may still make its
// generation active: also after a late word that its execution had failed.
func TestAReplayThatSucceededKeepsTheRightToItsGeneration(t *testing.T) {
	c := newClosing(t)
	first := c.follow("", false)
	second := c.follow("r", false)
	c.close("r")
	row, err := c.Close(t.Context(), "r", Failed, &Failure{Error: "late"})
	if err != nil || row.Status != Succeeded || row.Failure != nil {
		t.Errorf("closed late: %+v, %v", row, err)
	}
	if info := c.info(second); info.Withdrawn != "" {
		t.Errorf("withdrawn as %q", info.Withdrawn)
	}
	c.promote("person", second)
	c.wantGenerations(first, second)
}

// A replay that delivers without a rebuild says nothing about generations.
func TestTheEndOfAPlainReplayDropsNoGeneration(t *testing.T) {
	c := newClosing(t)
	first := c.follow("", false)
	second := c.follow("promoted", false)
	c.promote("promoted", second)
	c.close("promoted")
	third := c.follow("kept", false)
	_, _, err := c.Store.End(t.Context(), "kept", Succeeded, nil)
	c.must(err)
	_, _, err = c.Store.Create(t.Context(), "plain", Request{})
	c.must(err)
	c.close("plain")
	c.wantGenerations(first, second, third)
}

// What a replay comes to while it is being closed counts: no generation that is
// entered in its row meanwhile keeps its right, and no flip is forgotten.
func TestACloseDecidesByTheRowAsItIsWhenItEnds(t *testing.T) {
	c := newClosing(t)
	ctx := t.Context()
	table := c.Store.Table
	_, _, err := c.Store.Create(ctx, "r", Request{Rebuild: true})
	c.must(err)
	info, err := c.Registry.Begin(ctx, "r", "v1")
	c.must(err)
	stored := c.Store
	c.Store.Table = beset{Table: table, write: once(rowKey("r"), func() {
		_, err := stored.Update(ctx, "r", func(row *Row) error { row.Generation = info.ID; return nil })
		c.must(err)
		c.must(c.Registry.Follow(ctx, info.ID)) // by a step that goes on late
	})}
	_, err = c.Close(ctx, "r", Failed, nil)
	c.must(err)
	if now := c.info(info.ID); now.Withdrawn != string(Failed) {
		t.Errorf("the right to flip is still there: %+v", now)
	}
}

func TestAFlipThatIsNotedDuringTheCloseIsKept(t *testing.T) {
	c := newClosing(t)
	ctx := t.Context()
	c.follow("r", false)
	stored := c.Store
	c.Store.Table = beset{Table: stored.Table, write: once(rowKey("r"), func() {
		_, err := stored.Update(ctx, "r", func(row *Row) error { row.Promoted = true; return nil })
		c.must(err)
	})}
	if row, err := c.Close(ctx, "r", Succeeded, nil); err != nil || !row.Promoted {
		t.Errorf("%+v, %v", row, err)
	}
}

// Beside the one to go back to, the replay's own generation stays, promoted or
// not.
func TestTheReplaysOwnGenerationIsNotDropped(t *testing.T) {
	c := newClosing(t)
	first := c.follow("", false)
	second := c.follow("promoted", false)
	c.promote("promoted", second)
	c.close("promoted")
	third := c.follow("not-promoted", false)
	c.close("not-promoted")
	c.wantGenerations(first, second, third)
}

// A generation that follows is kept for its replay only: not where that was
// removed long ago, nor where another replay has taken its name.
func TestAGenerationWhoseReplayIsGoneIsDropped(t *testing.T) {
	for name, orphan := range map[string]func(c closing) string{
		"removed": func(c closing) string {
			id := c.follow("older", false)
			_, version, err := control.Load[Row](t.Context(), c.Store.Table, rowKey("older"))
			c.must(err)
			c.must(c.Store.Table.Delete(t.Context(), rowKey("older"), version))
			return id
		},
		"another of its name": func(c closing) string {
			id := c.follow("older", false)
			_, err := c.Store.Update(t.Context(), "older", func(row *Row) error { row.Generation = "g0099"; return nil })
			c.must(err)
			return id
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClosing(t)
			first := c.follow("", false)
			orphan(c)
			third := c.follow("promoted", false)
			c.promote("promoted", third)
			c.close("promoted")
			c.wantGenerations(first, third)
		})
	}
}

// While a replay's row cannot be read, nobody knows that it needs a generation no
// more.
func TestWhatCannotBeFoundOutIsKept(t *testing.T) {
	c := newClosing(t)
	ctx := t.Context()
	first := c.follow("", false)
	following := c.follow("unread", false)
	built := c.building("unread-too")
	reserved, err := c.Registry.Reserve(ctx, "unread")
	c.must(err)
	last := c.follow("promoted", false)
	c.promote("promoted", last)
	table := c.Store.Table
	unread := failing(rowKey("unread"))
	c.Store.Table = beset{Table: table, read: func(key control.Key) error {
		return errors.Join(unread(key), failing(rowKey("unread-too"))(key))
	}}
	c.close("promoted")
	if err := c.Sweep(ctx); !errors.Is(err, errUnreadable) {
		t.Errorf("sweep: %v", err)
	}
	c.wantGenerations(first, following, built, last)
	roll, err := c.Registry.Load(ctx)
	c.must(err)
	if !roll.IsReserved(reserved) {
		t.Error("the reservation was given up")
	}
}

// Each kind of thing that cannot be swept is told.
func TestASweepSaysWhatItCouldNotDo(t *testing.T) {
	for name, litter := range map[string]func(c *closing){
		"an entry": func(c *closing) {
			c.building("r")
			_, _, err := c.Store.End(t.Context(), "r", Failed, nil)
			c.must(err)
			c.Generations = undroppable{c.Generations}
		},
		"a replay that cannot be read": func(c *closing) {
			c.building("r")
			c.Store.Table = beset{Table: c.Store.Table, read: failing(rowKey("r"))}
		},
		"a reservation": func(c *closing) {
			_, err := c.Registry.Reserve(t.Context(), "r")
			c.must(err)
			c.Registry.Table = beset{Table: c.Registry.Table, write: func(control.Key) error { return errUnreadable }}
		},
		"a table": func(c *closing) {
			id, err := c.Registry.Reserve(t.Context(), "r")
			c.must(err)
			c.must(c.Registry.Unreserve(t.Context(), id))
			c.must(c.Generations.Create(t.Context(), id))
			c.Generations = undroppable{c.Generations}
		},
	} {
		c := newClosing(t)
		litter(&c)
		if err := c.Sweep(t.Context()); !errors.Is(err, errUnreadable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A generation that is being built is swept once its replay's name stands for
// another one.
func TestTheUnfinishedGenerationOfAnotherReplayOfTheNameIsSwept(t *testing.T) {
	c := newClosing(t)
	c.building("r")
	_, err := c.Store.Update(t.Context(), "r", func(row *Row) error { row.Generation = "g0099"; return nil })
	c.must(err)
	c.must(c.Sweep(t.Context()))
	c.wantGenerations()
	c.wantTables()
}

// The table of the platform's first generation is made ahead of its entry: while
// nothing is active it is left, and any other that nobody names is not. Where
// something is active, a late founder's table is of no use.
func TestTheFirstTableIsSweptOnceSomethingIsActive(t *testing.T) {
	c := newClosing(t)
	ctx := t.Context()
	orphan, err := c.Registry.Reserve(ctx, "r")
	c.must(err)
	c.must(c.Registry.Unreserve(ctx, orphan))
	c.must(c.Generations.Create(ctx, orphan))
	c.must(c.Generations.Create(ctx, datastore.FirstGeneration))
	c.must(c.Sweep(ctx))
	c.wantTables(datastore.FirstGeneration)
	other := c.follow("other", false)
	c.promote("other", other)
	c.must(c.Sweep(ctx))
	c.wantTables(other)
}
