package cutover

import (
	"errors"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

func setReplayMark(t *testing.T, w *replaytest.World, generation string, mark datastore.Mark) {
	t.Helper()
	g := w.Generations.Open(generation)
	_, version, err := g.Mark(t.Context(), datastore.ReplayMark, 1)
	w.Must(err)
	_, err = g.SetMark(t.Context(), datastore.ReplayMark, 1, mark, version)
	w.Must(err)
}

// A proof counts only while the generation still contains what its replay
// brought to every lane. Otherwise a following generation is lost for good, and
// a generation that is being built ends its replay.
func TestAProofIsActedOnOnlyWhileTheGenerationIsFilled(t *testing.T) {
	for name, tt := range map[string]struct {
		damage func(c *replaytest.World, row replay.Row)
		fails  bool
	}{
		"it is": {func(*replaytest.World, replay.Row) {}, false},
		"it holds more": {func(c *replaytest.World, row replay.Row) {
			setReplayMark(t, c, row.Generation, datastore.Mark{Ordinal: 4})
		}, false},
		"a lane holds less": {func(c *replaytest.World, row replay.Row) {
			setReplayMark(t, c, row.Generation, datastore.Mark{Ordinal: 2})
		}, true},
		"all of it was wiped": {func(c *replaytest.World, row replay.Row) {
			c.Must(c.Generations.Clear(t.Context(), row.Generation))
		}, true},
		"its table is gone": {func(c *replaytest.World, row replay.Row) {
			c.Must(c.Generations.Drop(t.Context(), row.Generation))
		}, true},
		"a lane has no end": {func(c *replaytest.World, row replay.Row) { unend(t, c, row.ID, 1) }, true},
	} {
		for _, follows := range []bool{false, true} {
			c := replaytest.New(t)
			row := c.Filled("r", follows)
			tt.damage(c, row)
			p := Promoter{Store: c.Store, Registry: c.Registry, Generations: c.Generations}
			err := p.checkFilled(t.Context(), row)
			want := replay.ErrGenerationLost
			if follows {
				want = datastore.ErrLost
			}
			if (err != nil) != tt.fails || (tt.fails && !errors.Is(err, want)) {
				t.Errorf("%s, follows %t: %v", name, follows, err)
			}
			registered, err := c.Registry.Load(t.Context())
			c.Must(err)
			if info, _ := registered.Find(row.Generation); (info.Loss != nil) != (tt.fails && follows) {
				t.Errorf("%s, follows %t: loss %+v", name, follows, info.Loss)
			}
		}
	}
}

// unend removes a lane's end marker.
func unend(t *testing.T, w *replaytest.World, id string, lane event.Lane) {
	key := replaytest.CheckpointKey(id, lane)
	doc, err := w.Store.Table.Get(t.Context(), key)
	w.Must(err)
	w.Must(w.Store.Table.Delete(t.Context(), key, doc.Version))
}

// A store that does not answer does not prove a loss.
func TestWhatCannotBeReadIsNotLost(t *testing.T) {
	c := replaytest.New(t)
	row := c.Filled("r", true)
	p := Promoter{Store: c.Store, Registry: c.Registry, Generations: replaytest.Unreadable{Generations: c.Generations}}
	if err := p.checkFilled(t.Context(), row); !errors.Is(err, replaytest.ErrUnreadable) {
		t.Errorf("%v", err)
	}
	registered, err := c.Registry.Load(t.Context())
	c.Must(err)
	if info, _ := registered.Find(row.Generation); info.Loss != nil {
		t.Errorf("loss %+v", info.Loss)
	}
}
