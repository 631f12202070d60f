package replay

import (
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/controlpebble"
	"reprise/pkg/local/datastorepebble"
	"reprise/pkg/local/localstore"
)

// closing is a closer over an embedded store, with what makes generations.
type closing struct {
	t *testing.T
	Closer
}

func newClosing(t *testing.T) closing {
	t.Helper()
	db, err := localstore.Open("data", localstore.Options{FS: vfs.NewMem(), Settings: localstore.Settings{Lanes: 2, BucketWidth: 3600}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	table, err := controlpebble.New(db.Space("control"))
	if err != nil {
		t.Fatal(err)
	}
	generations, err := datastorepebble.New(db.Space("datastore"))
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) }
	return closing{t, Closer{Store: Store{Table: table, Now: now}, Registry: datastore.Registry{Table: table, Now: now},
		Generations: generations, Lanes: 2}}
}

func (c closing) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// follow makes a generation that a replay of its name owns, and lets it follow.
// A lost one has no marks.
func (c closing) follow(replay string, lost bool) string {
	c.t.Helper()
	ctx := c.t.Context()
	info, err := c.Registry.Begin(ctx, replay, "v1")
	c.must(err)
	c.must(c.Generations.Create(ctx, info.ID))
	for lane := range c.Lanes {
		if !lost {
			c.must(BeginMark(ctx, c.Generations.Open(info.ID), event.Lane(lane), eventlog.Head{}))
		}
	}
	if replay == "" {
		return info.ID
	}
	_, _, err = c.Store.Create(ctx, replay, Request{Rebuild: true})
	c.must(err)
	_, err = c.Store.Update(ctx, replay, func(row *Row) error { row.Generation = info.ID; return nil })
	c.must(err)
	c.must(c.Registry.Follow(ctx, info.ID))
	return info.ID
}

func (c closing) promote(replay, generation string) {
	c.t.Helper()
	hold, err := c.Registry.Hold(c.t.Context(), replay, time.Minute)
	c.must(err)
	c.must(c.Registry.Flip(c.t.Context(), generation, replay, hold))
}

func (c closing) close(replay string) {
	c.t.Helper()
	_, err := c.Close(c.t.Context(), replay, Succeeded, nil)
	c.must(err)
}

func (c closing) wantGenerations(want ...string) {
	c.t.Helper()
	roll, err := c.Registry.Load(c.t.Context())
	c.must(err)
	var have []string
	for _, info := range roll.Generations {
		have = append(have, info.ID)
	}
	if !slices.Equal(have, want) {
		c.t.Errorf("generations %v, want %v", have, want)
	}
}

func TestTheGenerationThatWasActiveBeforeIsKeptToGoBackTo(t *testing.T) {
	c := newClosing(t)
	first := c.follow("", false)
	second := c.follow("not-promoted", false)
	c.close("not-promoted")
	c.wantGenerations(first, second)
	third := c.follow("promoted", false)
	c.promote("promoted", third)
	c.close("promoted")
	c.wantGenerations(first, third)
}

func TestWhereThePreviousGenerationIsLostTheNewestOtherIsKept(t *testing.T) {
	c := newClosing(t)
	c.follow("", true)
	c.follow("older", false)
	third := c.follow("newer", false)
	fourth := c.follow("promoted", false)
	for _, replay := range []string{"older", "newer"} {
		_, _, err := c.Store.End(t.Context(), replay, Succeeded, nil)
		c.must(err)
	}
	c.promote("promoted", fourth)
	c.close("promoted")
	c.wantGenerations(third, fourth)
}

func TestTheGenerationOfAReplayThatRunsIsNotDropped(t *testing.T) {
	c := newClosing(t)
	first := c.follow("", false)
	running := c.follow("running", false)
	third := c.follow("promoted", false)
	c.promote("promoted", third)
	c.close("promoted")
	c.wantGenerations(first, running, third)
}
