package replay

import (
	"context"
	"errors"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// filled makes a generation whose replay has brought three events to each lane,
// by its end markers and by its marks, and lets it follow if asked to.
func (c closing) filled(replay string, follows bool) Row {
	c.t.Helper()
	ctx := c.t.Context()
	info, err := c.Registry.Begin(ctx, replay, "v1")
	c.must(err)
	c.must(c.Generations.Create(ctx, info.ID))
	_, _, err = c.Store.Create(ctx, replay, Request{Rebuild: true})
	c.must(err)
	row, err := c.Store.Update(ctx, replay, func(row *Row) error {
		row.Generation, row.Lanes = info.ID, []int{0, 1}
		return nil
	})
	c.must(err)
	for lane := range event.Lane(2) {
		c.must(c.Store.advance(ctx, replay, lane, Checkpoint{Done: true, End: &End{Delivered: Sum{Count: 3}}}))
		_, err := c.Generations.Open(info.ID).SetMark(ctx, datastore.ReplayMark, lane, datastore.Mark{Ordinal: 3}, "")
		c.must(err)
	}
	if follows {
		c.must(c.Registry.Follow(ctx, info.ID))
	}
	return row
}

func (c closing) setReplayMark(generation string, mark datastore.Mark) {
	c.t.Helper()
	g := c.Generations.Open(generation)
	_, version, err := g.Mark(c.t.Context(), datastore.ReplayMark, 1)
	c.must(err)
	_, err = g.SetMark(c.t.Context(), datastore.ReplayMark, 1, mark, version)
	c.must(err)
}

// A proof is acted on only while the generation still holds what its replay
// brought to every lane. Where it does not, one that follows is lost for good,
// and one that is being built ends its replay.
func TestAProofIsActedOnOnlyWhileTheGenerationIsFilled(t *testing.T) {
	for name, tt := range map[string]struct {
		damage func(c closing, row Row)
		fails  bool
	}{
		"it is":               {func(closing, Row) {}, false},
		"it holds more":       {func(c closing, row Row) { c.setReplayMark(row.Generation, datastore.Mark{Ordinal: 4}) }, false},
		"a lane holds less":   {func(c closing, row Row) { c.setReplayMark(row.Generation, datastore.Mark{Ordinal: 2}) }, true},
		"all of it was wiped": {func(c closing, row Row) { c.must(c.Generations.Clear(t.Context(), row.Generation)) }, true},
		"its table is gone":   {func(c closing, row Row) { c.must(c.Generations.Drop(t.Context(), row.Generation)) }, true},
		"a lane has no end":   {func(c closing, row Row) { c.unend(row.ID, 1) }, true},
	} {
		for _, follows := range []bool{false, true} {
			c := newClosing(t)
			row := c.filled("r", follows)
			tt.damage(c, row)
			p := Promoter{Store: c.Store, Registry: c.Registry, Generations: c.Generations}
			err := p.checkFilled(t.Context(), row)
			want := ErrGenerationLost
			if follows {
				want = datastore.ErrLost
			}
			if (err != nil) != tt.fails || (tt.fails && !errors.Is(err, want)) {
				t.Errorf("%s, follows %t: %v", name, follows, err)
			}
			roll, err := c.Registry.Load(t.Context())
			c.must(err)
			if info, _ := roll.Find(row.Generation); (info.Loss != nil) != (tt.fails && follows) {
				t.Errorf("%s, follows %t: loss %+v", name, follows, info.Loss)
			}
		}
	}
}

// unend takes a lane's end marker away.
func (c closing) unend(replay string, lane event.Lane) {
	c.t.Helper()
	_, version, err := c.Store.loadCheckpoint(c.t.Context(), replay, lane)
	c.must(err)
	c.must(c.Store.Table.Delete(c.t.Context(), checkpointKey(replay, lane), version))
}

// unreadable are generations whose marks cannot be read now.
type unreadable struct{ datastore.Generations }

type unreadableMarks struct{ datastore.Generation }

var errUnreadable = errors.New("the store does not answer")

func (u unreadable) Open(id string) datastore.Generation {
	return unreadableMarks{u.Generations.Open(id)}
}

func (unreadableMarks) Mark(context.Context, datastore.MarkName, event.Lane) (datastore.Mark, datastore.MarkVersion, error) {
	return datastore.Mark{}, "", errUnreadable
}

// A store that does not answer says nothing about what it holds.
func TestWhatCannotBeReadIsNotLost(t *testing.T) {
	c := newClosing(t)
	row := c.filled("r", true)
	p := Promoter{Store: c.Store, Registry: c.Registry, Generations: unreadable{c.Generations}}
	if err := p.checkFilled(t.Context(), row); !errors.Is(err, errUnreadable) {
		t.Errorf("%v", err)
	}
	roll, err := c.Registry.Load(t.Context())
	c.must(err)
	if info, _ := roll.Find(row.Generation); info.Loss != nil {
		t.Errorf("loss %+v", info.Loss)
	}
}
