package replay_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

// A plan is divided by what is selected: every bucket of an entity has the same
// weight, and lanes without a selected entity are in no group.
func TestAPlanOfEntitiesIsDividedByTheirBuckets(t *testing.T) {
	w := replaytest.New(t)
	here, there := w.EntitiesIn(0, 2), w.EntitiesIn(1, 1)[0]
	w.Send(here[0], here[1], there)
	w.Now = w.Now.Add(time.Hour)
	w.Send(here[0], there)
	row := w.Plan("r", replay.Request{Entities: here})
	if !slices.Equal(row.Lanes, []event.Lane{0}) || row.Groups != 1 || row.Slices != 2 {
		t.Errorf("lanes %v in %d groups and %d slices", row.Lanes, row.Groups, row.Slices)
	}
}

// A plan that was stored before a crash decides, whatever was logged since, and
// the replay's cut is the time of that plan.
func TestAPlanThatWasStoredIsNotMadeAnew(t *testing.T) {
	for name, request := range map[string]replay.Request{
		"of everything": {},
		"of an entity":  {Entities: []string{"a"}},
	} {
		w := replaytest.New(t)
		w.Send("a", "a")
		w.Create("r", request)
		dying := w.Planner()
		dying.Store.Table = replaytest.Intercepted{Table: w.Store.Table, Write: replaytest.Failing(replay.RowKey("r"))}
		if _, err := dying.Plan(t.Context(), "r"); !errors.Is(err, replaytest.ErrUnreadable) {
			t.Fatalf("%s: the dying planner got %v", name, err)
		}
		frozen := w.Now
		w.Now = w.Now.Add(time.Hour)
		w.Send("a", "b")
		row, err := w.Planner().Plan(t.Context(), "r")
		if err != nil || row.Cut == nil || !row.Cut.Equal(frozen) {
			t.Errorf("%s: cut at %v, want %s; %v", name, row.Cut, frozen, err)
		}
		w.Deliver("r")
		if took := w.Consume(); took.Events != 2 {
			t.Errorf("%s: delivered %+v", name, took)
		}
	}
}

// A lane's plan of an earlier release does not say when it was frozen. The cut is
// the time of the attempt that enters it.
func TestAPlanOfAnEarlierReleaseIsCutWhenItIsEntered(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a")
	w.Create("r", replay.Request{})
	dying := w.Planner()
	dying.Store.Table = replaytest.Intercepted{Table: w.Store.Table, Write: replaytest.Failing(replay.RowKey("r"))}
	if _, err := dying.Plan(t.Context(), "r"); !errors.Is(err, replaytest.ErrUnreadable) {
		t.Fatalf("the dying planner got %v", err)
	}
	key := control.Key{Partition: replay.Partition("r"), Sort: "lane#" + w.Lanes.Of("a").String()}
	_, err := control.Update(t.Context(), w.Store.Table, key, func(plan *replay.LanePlan, _ bool) error {
		plan.Frozen = time.Time{}
		return nil
	})
	w.Must(err)
	w.Now = w.Now.Add(time.Hour)
	row, err := w.Planner().Plan(t.Context(), "r")
	if err != nil || row.Cut == nil || !row.Cut.Equal(w.Now) {
		t.Errorf("cut at %v, want %s; %v", row.Cut, w.Now, err)
	}
}
