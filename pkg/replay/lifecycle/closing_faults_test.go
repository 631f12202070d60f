package lifecycle

import (
	"errors"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

func TestACloseSaysThatItsOwnGenerationCannotBeDropped(t *testing.T) {
	c := newClosing(t)
	c.Building("r")
	stores := c.Generations
	c.Generations = replaytest.DropFails{Generations: stores}
	if _, err := c.closer().Close(t.Context(), "r", replay.Failed, nil); !errors.Is(err, replaytest.ErrUnreadable) {
		t.Errorf("close: %v", err)
	}
	c.Generations = stores
	if _, err := c.closer().Close(t.Context(), "r", replay.Failed, nil); err != nil {
		t.Errorf("close again: %v", err)
	}
	c.WantGenerations()
	c.WantTables()
}

// A rebuild without promotion succeeds, and a person may still make its
// generation active, even after a late report that its execution failed.
func TestAReplayThatSucceededKeepsTheRightToItsGeneration(t *testing.T) {
	c := newClosing(t)
	first := c.Follow("", false)
	second := c.Follow("r", false)
	c.close("r")
	row, err := c.closer().Close(t.Context(), "r", replay.Failed, &replay.Failure{Error: "late"})
	if err != nil || row.Status != replay.Succeeded || row.Failure != nil {
		t.Errorf("closed late: %+v, %v", row, err)
	}
	if info := c.Info(second); info.Withdrawn != "" {
		t.Errorf("withdrawn as %q", info.Withdrawn)
	}
	c.Promote("person", second)
	c.WantGenerations(first, second)
}

// A replay that delivers without a rebuild says nothing about generations.
func TestTheEndOfAPlainReplayDropsNoGeneration(t *testing.T) {
	c := newClosing(t)
	first := c.Follow("", false)
	second := c.Follow("promoted", false)
	c.Promote("promoted", second)
	c.close("promoted")
	third := c.Follow("kept", false)
	_, _, err := c.Store.End(t.Context(), "kept", replay.Succeeded, nil, nil)
	c.Must(err)
	_, _, err = c.Store.Create(t.Context(), "plain", replay.Request{})
	c.Must(err)
	c.close("plain")
	c.WantGenerations(first, second, third)
}

// A close decides by the row as it is at the end: a generation that is entered
// in the meantime gets no right to become active, and a flip is not forgotten.
func TestACloseDecidesByTheRowAsItIsWhenItEnds(t *testing.T) {
	c := newClosing(t)
	ctx := t.Context()
	table := c.Store.Table
	_, _, err := c.Store.Create(ctx, "r", replay.Request{Rebuild: true})
	c.Must(err)
	info, err := c.Registry.Begin(ctx, "r", "v1")
	c.Must(err)
	stored := c.Store
	c.Store.Table = replaytest.Intercepted{Table: table, Write: replaytest.Once(replay.RowKey("r"), func() {
		_, err := stored.Update(ctx, "r", func(row *replay.Row) error { row.Generation = info.ID; return nil })
		c.Must(err)
		c.Must(c.Registry.Follow(ctx, info.ID, datastore.Cut{})) // by a step that goes on late
	})}
	_, err = c.closer().Close(ctx, "r", replay.Failed, nil)
	c.Must(err)
	if now := c.Info(info.ID); now.Withdrawn != string(replay.Failed) {
		t.Errorf("the right to flip is still there: %+v", now)
	}
}

func TestAFlipThatIsNotedDuringTheCloseIsKept(t *testing.T) {
	c := newClosing(t)
	ctx := t.Context()
	c.Follow("r", false)
	stored := c.Store
	c.Store.Table = replaytest.Intercepted{Table: stored.Table, Write: replaytest.Once(replay.RowKey("r"), func() {
		_, err := stored.Update(ctx, "r", func(row *replay.Row) error { row.Promoted = true; return nil })
		c.Must(err)
	})}
	if row, err := c.closer().Close(ctx, "r", replay.Succeeded, nil); err != nil || !row.Promoted {
		t.Errorf("%+v, %v", row, err)
	}
}

// Besides the generation to go back to, the replay's own generation is kept,
// promoted or not.
func TestTheReplaysOwnGenerationIsNotDropped(t *testing.T) {
	c := newClosing(t)
	first := c.Follow("", false)
	second := c.Follow("promoted", false)
	c.Promote("promoted", second)
	c.close("promoted")
	third := c.Follow("not-promoted", false)
	c.close("not-promoted")
	c.WantGenerations(first, second, third)
}

// A following generation is kept only for its replay: not after the replay was
// removed, nor after another replay has taken the name.
func TestAGenerationWhoseReplayIsGoneIsDropped(t *testing.T) {
	for name, orphan := range map[string]func(c closing) string{
		"removed": func(c closing) string {
			id := c.Follow("older", false)
			_, version, err := control.Load[replay.Row](t.Context(), c.Store.Table, replay.RowKey("older"))
			c.Must(err)
			c.Must(c.Store.Table.Delete(t.Context(), replay.RowKey("older"), version))
			return id
		},
		"another of its name": func(c closing) string {
			id := c.Follow("older", false)
			_, err := c.Store.Update(t.Context(), "older", func(row *replay.Row) error { row.Generation = "g0099"; return nil })
			c.Must(err)
			return id
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClosing(t)
			first := c.Follow("", false)
			orphan(c)
			third := c.Follow("promoted", false)
			c.Promote("promoted", third)
			c.close("promoted")
			c.WantGenerations(first, third)
		})
	}
}

// While a replay's row cannot be read, nobody knows whether it still needs its
// generation.
func TestWhatCannotBeFoundOutIsKept(t *testing.T) {
	c := newClosing(t)
	ctx := t.Context()
	first := c.Follow("", false)
	following := c.Follow("unread", false)
	built := c.Building("unread-too")
	reserved, err := c.Registry.Reserve(ctx, "unread")
	c.Must(err)
	last := c.Follow("promoted", false)
	c.Promote("promoted", last)
	table := c.Store.Table
	unread := replaytest.Failing(replay.RowKey("unread"))
	c.Store.Table = replaytest.Intercepted{Table: table, Read: func(key control.Key) error {
		return errors.Join(unread(key), replaytest.Failing(replay.RowKey("unread-too"))(key))
	}}
	c.close("promoted")
	if err := c.closer().Sweep(ctx); !errors.Is(err, replaytest.ErrUnreadable) {
		t.Errorf("sweep: %v", err)
	}
	c.WantGenerations(first, following, built, last)
	registered, err := c.Registry.Load(ctx)
	c.Must(err)
	if !registered.IsReserved(reserved) {
		t.Error("the reservation was given up")
	}
}

// The sweep reports each kind of thing that it could not sweep.
func TestASweepSaysWhatItCouldNotDo(t *testing.T) {
	for name, litter := range map[string]func(c *closing){
		"an entry": func(c *closing) {
			c.Building("r")
			_, _, err := c.Store.End(t.Context(), "r", replay.Failed, nil, nil)
			c.Must(err)
			c.Generations = replaytest.DropFails{Generations: c.Generations}
		},
		"a replay that cannot be read": func(c *closing) {
			c.Building("r")
			c.Store.Table = replaytest.Intercepted{Table: c.Store.Table, Read: replaytest.Failing(replay.RowKey("r"))}
		},
		"a reservation": func(c *closing) {
			_, err := c.Registry.Reserve(t.Context(), "r")
			c.Must(err)
			c.Registry.Table = replaytest.Intercepted{Table: c.Registry.Table,
				Write: func(control.Key) error { return replaytest.ErrUnreadable }}
		},
		"a table": func(c *closing) {
			id, err := c.Registry.Reserve(t.Context(), "r")
			c.Must(err)
			c.Must(c.Registry.Unreserve(t.Context(), id))
			c.Must(c.Generations.Create(t.Context(), id))
			c.Generations = replaytest.DropFails{Generations: c.Generations}
		},
	} {
		c := newClosing(t)
		litter(&c)
		if err := c.closer().Sweep(t.Context()); !errors.Is(err, replaytest.ErrUnreadable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A generation that is being built is swept once its replay's name belongs to
// another replay.
func TestTheUnfinishedGenerationOfAnotherReplayOfTheNameIsSwept(t *testing.T) {
	c := newClosing(t)
	c.Building("r")
	_, err := c.Store.Update(t.Context(), "r", func(row *replay.Row) error { row.Generation = "g0099"; return nil })
	c.Must(err)
	c.Must(c.closer().Sweep(t.Context()))
	c.WantGenerations()
	c.WantTables()
}

// The table of the platform's first generation is made before its entry. While
// no generation is active, that table is kept, and any other table without an
// entry is not. Once one is active, the table of a late founder is useless.
func TestTheFirstTableIsSweptOnceSomethingIsActive(t *testing.T) {
	c := newClosing(t)
	ctx := t.Context()
	orphan, err := c.Registry.Reserve(ctx, "r")
	c.Must(err)
	c.Must(c.Registry.Unreserve(ctx, orphan))
	c.Must(c.Generations.Create(ctx, orphan))
	c.Must(c.Generations.Create(ctx, datastore.FirstGeneration))
	c.Must(c.closer().Sweep(ctx))
	c.WantTables(datastore.FirstGeneration)
	other := c.Follow("other", false)
	c.Promote("other", other)
	c.Must(c.closer().Sweep(ctx))
	c.WantTables(other)
}
