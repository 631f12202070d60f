package rebuild_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/meter"
	"reprise/pkg/replay"
	"reprise/pkg/replay/budget"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/request"
	"reprise/pkg/verify"
	"reprise/pkg/verify/rebuild"
)

// executions remember what was started.
type executions struct {
	lifecycle.Executions
	started map[string]string
	stopped map[string]bool
	fail    error
}

func (e *executions) Start(_ context.Context, name string, input []byte) error {
	if e.fail != nil {
		return e.fail
	}
	if before, found := e.started[name]; found && before != string(input) {
		return fmt.Errorf("%s was started with %s, now with %s", name, before, input)
	}
	e.started[name] = string(input)
	return nil
}

func (e *executions) State(_ context.Context, name string) (lifecycle.ExecutionStatus, error) {
	switch _, found := e.started[name]; {
	case !found:
		return lifecycle.ExecutionUnknown, nil
	case e.stopped[name]:
		return "ABORTED", nil
	}
	return lifecycle.ExecutionRunning, nil
}

func (e *executions) Stop(_ context.Context, name, _, _ string) error {
	e.stopped[name] = true
	return nil
}

// ledger says that a replay has used so much.
type ledger struct{ budget.Ledger }

func (ledger) Used(context.Context, string) (meter.Usage, error) {
	return meter.Usage{WriteUnits: 1000, PutUnits: 3}, nil
}

// world is a platform with an active generation and a rebuilder.
type world struct {
	*replaytest.World
	t          *testing.T
	executions *executions
	// written is asked before each write of a document, several at a time.
	written atomic.Pointer[func() error]
}

func newWorld(t *testing.T) *world {
	w := &world{World: replaytest.New(t), t: t,
		executions: &executions{started: map[string]string{}, stopped: map[string]bool{}}}
	table := replaytest.Intercepted{Table: w.Store.Table, Write: func(control.Key) error {
		if written := w.written.Load(); written != nil {
			return (*written)()
		}
		return nil
	}}
	w.Store.Table, w.Registry.Table, w.Heads.Table = table, table, table
	_, err := w.Registry.EnsureFirst(t.Context(), w.Generations, w.Lanes.Count(), w.Set.Version())
	w.Must(err)
	w.Send("a", "b", "a")
	return w
}

func (w *world) verifications() verify.Store {
	return verify.Store{Table: w.Store.Table, Now: func() time.Time { return w.Now }}
}

func (w *world) service() *lifecycle.Service {
	closer := &lifecycle.Closer{Store: w.Store, Registry: w.Registry, Generations: w.Generations, Lanes: w.Lanes.Count(),
		Verifies: func(ctx context.Context, id string) (bool, error) {
			row, err := w.verifications().Load(ctx, id)
			return err == nil && !row.Status.Ended(), nil
		}}
	return &lifecycle.Service{Store: w.Store, Executions: w.executions, Closer: closer}
}

func (w *world) rebuilder() *rebuild.Rebuilder {
	return &rebuild.Rebuilder{
		Store: w.verifications(),
		Planner: &verify.Planner{Store: w.verifications(), Heads: w.Heads, Registry: w.Registry, Lanes: w.Lanes.Count(),
			Version: w.Set.Version()},
		Replays: w.service(), Rows: w.Store, Ledger: ledger{}, Generations: w.Generations, Lanes: w.Lanes.Count(),
	}
}

func (w *world) create(id string, r verify.Request) {
	w.t.Helper()
	r.Depth, r.Full = verify.Rebuild, true
	_, _, err := w.verifications().Create(w.t.Context(), id, r)
	w.Must(err)
}

func (w *world) step(id string) (verify.Row, time.Duration) {
	w.t.Helper()
	row, wait, err := w.rebuilder().Step(w.t.Context(), id)
	w.Must(err)
	return row, wait
}

// run carries the replay of a verification out, as its execution would.
func (w *world) run(id string) {
	w.t.Helper()
	ctx := w.t.Context()
	promoter := &cutover.Promoter{Store: w.Store, Heads: w.Heads, Lanes: w.Lanes, Registry: w.Registry,
		Generations: w.Generations, Sleep: w.Sleep}
	w.Must(w.Store.Started(ctx, id))
	w.Must(promoter.Prepare(ctx, id, w.Set.Version()))
	_, err := w.Planner().Plan(ctx, id)
	w.Must(err)
	w.Deliver(id)
	w.Consume()
	_, err = w.Prover().Prove(ctx, id)
	w.Must(err)
	w.Must(promoter.Follow(ctx, id))
	_, err = w.service().Closer.Close(ctx, id, replay.Succeeded, nil)
	w.Must(err)
}

// reach moves the live marks of a generation to the heads.
func (w *world) reach(generation string) {
	w.t.Helper()
	heads, err := w.Heads.LoadAll(w.t.Context(), w.Lanes.Count())
	w.Must(err)
	g := w.Generations.Open(generation)
	for _, lane := range event.AllLanes(w.Lanes.Count()) {
		mark, version, err := g.Mark(w.t.Context(), datastore.LiveMark, lane)
		w.Must(err)
		mark.Position = heads[lane].Position
		_, err = g.SetMark(w.t.Context(), datastore.LiveMark, lane, mark, version)
		w.Must(err)
	}
}

// A verification starts its replay once, within its own budget, waits for it, and then for
// what was built to reach the cut.
func TestAVerificationWaitsForItsRebuild(t *testing.T) {
	w := newWorld(t)
	w.create("v", verify.Request{Budget: request.Budget{Dollars: 2_500_000}})
	row, wait := w.step("v")
	if row.Status != verify.Rebuilding || wait != time.Second || row.Generation != datastore.FirstGeneration {
		t.Fatalf("%+v, %s", row, wait)
	}
	if r := w.Row("v").Request; !r.Rebuild || r.Promote || r.Verification != "v" || r.Budget == nil {
		t.Errorf("%+v", r)
	}
	w.Now = w.Now.Add(160 * time.Second)
	if _, wait = w.step("v"); wait != 10*time.Second {
		t.Errorf("after 160 s it waits %s", wait)
	}
	w.Now = w.Now.Add(30 * 24 * time.Hour)
	if _, wait = w.step("v"); wait != time.Hour {
		t.Errorf("after 30 days it waits %s", wait)
	}
	w.run("v")
	w.Send("b") // live traffic goes on
	row, wait = w.step("v")
	if row.Status != verify.Running || wait == 0 || row.Throwaway.Used.WriteUnits != 1000 {
		t.Fatalf("%+v, %s", row, wait)
	}
	w.reach(row.Throwaway.Generation)
	if row, wait = w.step("v"); wait != 0 || row.Cut == nil || row.Throwaway.Looks != 4 || len(w.executions.started) != 1 {
		t.Errorf("%+v, %s, %v", row, wait, w.executions.started)
	}
}

// A throwaway that never reaches the cut is verified all the same: its lanes are behind.
func TestAThrowawayThatDoesNotFollowIsNotWaitedForForEver(t *testing.T) {
	w := newWorld(t)
	w.create("v", verify.Request{})
	w.step("v")
	w.run("v")
	w.Send("b")
	if _, wait := w.step("v"); wait == 0 {
		t.Fatal("it is not waited for")
	}
	w.Now = w.Now.Add(time.Hour)
	if row, wait := w.step("v"); wait != 0 || row.Cut == nil {
		t.Errorf("%+v, %s", row, wait)
	}
}

// How the replay ends, and what happens to the generation meanwhile, ends the verification
// by name.
func TestWhatHappensToTheRebuildIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(w *world)
		want    error
	}{
		"cancelled": {func(w *world) {
			_, err := w.service().Cancel(t.Context(), "v")
			w.Must(err)
		}, rebuild.ErrCancelled},
		"the budget is used up": {func(w *world) {
			w.Change("v", func(row *replay.Row) { row.Paused, row.PausedBy = true, &replay.PauseReason{Cause: "used up"} })
		}, rebuild.ErrBudget},
		"the generation was dropped": {func(w *world) {
			second, err := w.Registry.Begin(t.Context(), "r", w.Set.Version())
			w.Must(err)
			w.Must(w.Registry.Follow(t.Context(), second.ID, datastore.Cut{}))
			w.Promote("r", second.ID)
			w.Must(w.Registry.Retire(t.Context(), datastore.FirstGeneration))
		}, rebuild.ErrGenerationGone},
		"it was promoted away": {func(w *world) {
			second, err := w.Registry.Begin(t.Context(), "r", w.Set.Version())
			w.Must(err)
			w.Must(w.Registry.Follow(t.Context(), second.ID, datastore.Cut{}))
			w.Promote("r", second.ID)
		}, nil},
		"a person paused it": {func(w *world) { w.Change("v", func(row *replay.Row) { row.Paused = true }) }, nil},
	} {
		w := newWorld(t)
		w.create("v", verify.Request{Budget: request.Budget{Dollars: 1}})
		w.step("v")
		c.happens(w)
		row, wait, err := w.rebuilder().Step(t.Context(), "v")
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if c.want == nil && (wait == 0 || row.Generation != datastore.FirstGeneration) {
			t.Errorf("%s: %+v, %s", name, row, wait)
		}
	}
}

// A replay that fails leaves the fold, which says whether the log is at fault, and its own
// reason.
func TestAfterAReplayThatFailedTheLogIsFolded(t *testing.T) {
	w := newWorld(t)
	w.create("v", verify.Request{})
	w.step("v")
	_, err := w.service().Closer.Close(t.Context(), "v", replay.Failed, &replay.Failure{Error: "E", Cause: "why"})
	w.Must(err)
	row, wait := w.step("v")
	if wait != 0 || row.Cut == nil || row.Throwaway.Failure == nil || row.Throwaway.Failure.Error != rebuild.Failed ||
		row.Throwaway.Failure.Cause != "replay v failed: E: why" {
		t.Errorf("%+v, %s", row, wait)
	}
}

// One verification rebuilds at a time; one that folds the generation is waited for, and
// goes on while the replay runs.
func TestOneVerificationRebuildsAtATime(t *testing.T) {
	w := newWorld(t)
	w.create("v", verify.Request{})
	w.create("w", verify.Request{})
	w.step("v")
	if _, _, err := w.rebuilder().Step(t.Context(), "w"); !errors.Is(err, verify.ErrBusy) {
		t.Fatalf("another one: %v", err)
	}
	_, _, err := w.verifications().Create(t.Context(), "night", verify.Request{})
	w.Must(err)
	if row, err := w.rebuilder().Planner.Plan(t.Context(), "night"); err != nil || row.Cut == nil {
		t.Fatalf("a night: %+v, %v", row, err)
	}
	w.run("v")
	w.reach(w.Row("v").Generation)
	if row, wait := w.step("v"); wait == 0 || row.Cut != nil {
		t.Fatalf("it does not wait for the night: %+v", row)
	}
	_, err = w.verifications().End(t.Context(), "night", verify.Clean, nil, nil)
	w.Must(err)
	if row, wait := w.step("v"); wait != 0 || row.Cut == nil {
		t.Errorf("after the night: %+v, %s", row, wait)
	}
}

// A replay of that name which the verification does not own is left alone.
func TestAReplayOfTheNameIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.Create("v", replay.Request{Rebuild: true})
	if err := w.rebuilder().Begins(t.Context(), "v"); !errors.Is(err, verify.ErrReplayExists) {
		t.Errorf("begins: %v", err)
	}
	w.create("v", verify.Request{})
	if _, _, err := w.rebuilder().Step(t.Context(), "v"); !errors.Is(err, verify.ErrReplayExists) {
		t.Errorf("step: %v", err)
	}
	w.Must(w.rebuilder().Release(t.Context(), "v"))
	if row := w.Row("v"); row.Cancel {
		t.Errorf("%+v", row)
	}
}

// A verification that is cancelled at any of its writes, or whose process dies there, leaves
// neither a replay that runs nor a generation behind.
func TestNothingIsLeftWhereverAVerificationIsCancelled(t *testing.T) {
	died := errors.New("the process died")
	for _, dies := range []bool{false, true} {
		for at := int64(1); ; at++ {
			w := newWorld(t)
			w.create("v", verify.Request{})
			var writes atomic.Int64
			happens := func() error {
				if writes.Add(1) != at {
					return nil
				}
				if dies {
					return died
				}
				w.written.Store(nil)
				_, err := w.verifications().RequestCancel(t.Context(), "v")
				return err
			}
			w.written.Store(&happens)
			_, _, err := w.rebuilder().Step(t.Context(), "v")
			if err != nil && !errors.Is(err, died) {
				t.Fatalf("write %d: %v", at, err)
			}
			w.written.Store(nil)
			if dies {
				_, err = w.verifications().RequestCancel(t.Context(), "v")
				w.Must(err)
			}
			_, err = w.verifications().End(t.Context(), "v", verify.Cancelled, nil, nil)
			w.Must(err)
			w.Now = w.Now.Add(time.Hour)
			w.Must(w.service().Reconcile(t.Context()))
			w.Must(w.service().Reconcile(t.Context()))
			if row, err := w.Store.Load(t.Context(), "v"); err == nil && row.Status != replay.Cancelled {
				t.Errorf("cancelled at write %d (dies %t), the replay is %s", at, dies, row.Status)
			}
			w.WantGenerations(datastore.FirstGeneration)
			if writes.Load() < at {
				if at < 4 {
					t.Errorf("only %d writes", at)
				}
				break
			}
		}
	}
}

// A process that dies at any write of a verification loses nothing: called again, it starts
// no second replay and comes to the same.
func TestAVerificationGoesOnWhereverItsProcessDies(t *testing.T) {
	died := errors.New("the process died")
	for at := int64(1); ; at++ {
		w := newWorld(t)
		w.create("v", verify.Request{})
		var writes atomic.Int64
		happens := func() error {
			if writes.Add(1) == at {
				return died
			}
			return nil
		}
		w.written.Store(&happens)
		step := func() verify.Row {
			row, _, err := w.rebuilder().Step(t.Context(), "v")
			if errors.Is(err, died) {
				row, _, err = w.rebuilder().Step(t.Context(), "v")
			}
			w.Must(err)
			return row
		}
		step()
		passed := writes.Load()
		w.written.Store(nil)
		w.run("v")
		w.reach(w.Row("v").Generation)
		w.written.Store(&happens)
		row := step()
		if row.Cut == nil || row.Throwaway.Ended == nil || row.Throwaway.Generation != w.Row("v").Generation ||
			len(w.executions.started) != 1 {
			t.Errorf("died at write %d: %+v, %v", at, row, w.executions.started)
		}
		if writes.Load() < at {
			if passed < 3 {
				t.Errorf("only %d writes", passed)
			}
			break
		}
	}
}

// An execution that cannot be started is started by the next call.
func TestAReplayThatCouldNotBeStartedIsStartedAgain(t *testing.T) {
	w := newWorld(t)
	w.create("v", verify.Request{})
	w.executions.fail = io.ErrUnexpectedEOF
	if _, _, err := w.rebuilder().Step(t.Context(), "v"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	w.executions.fail = nil
	if row, wait := w.step("v"); wait == 0 || row.Status != verify.Rebuilding || len(w.executions.started) != 1 {
		t.Errorf("%+v, %v", row, w.executions.started)
	}
}
