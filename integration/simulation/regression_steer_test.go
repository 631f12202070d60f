package simulation

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"reprise/pkg/replay"
)

// Of another version: what a deploy means to a replay that is paused, or that has failed
// and is continued.

// begunRebuild is a quiet world with a rebuild of version 0 that has been planned.
func begunRebuild(t *testing.T) (*world, *actor, *machine) {
	t.Helper()
	w, a := quietWorld(t)
	for i, name := range w.names {
		w.logEvent(t, a, name, strconv.Itoa(i), typeNoted)
	}
	r := aRebuild("r", false)
	w.replays[r.id], w.order = r, append(w.order, r)
	w.drawn.continues = true
	m := &machine{world: w, replay: r, driver: a, execution: "r"}
	if _, err := m.plan(context.Background(), a); err != nil {
		t.Fatal(err)
	}
	return w, a, m
}

// stepsOf tries every step that reads or writes a rebuild, and returns their errors.
func (w *world) stepsOf(a *actor, id string) map[string]error {
	ctx := context.Background()
	_, read := w.readerOf(a).Read(ctx, id, 0, w.clock().Add(drainLimit))
	_, drained := w.drainerOf(a).Check(ctx, id, w.clock())
	_, proved := w.proverOf(a).Prove(ctx, id)
	return map[string]error{"read": read, "drain": drained, "prove": proved}
}

func TestADeployDuringAPauseEndsARebuildByName(t *testing.T) {
	w, a, _ := begunRebuild(t)
	ctx, service := context.Background(), w.serviceOf(a)
	if _, err := service.Pause(ctx, "r"); err != nil {
		t.Fatal(err)
	}
	if err := service.Park(ctx, "r", "token"); err != nil {
		t.Fatal(err)
	}
	a.code = 1
	if _, err := w.serviceOf(a).Resume(ctx, "r"); err != nil || !w.released["token"] {
		t.Fatalf("resume after a deploy: %v", err)
	}
	for step, err := range w.stepsOf(a, "r") {
		if !errors.Is(err, replay.ErrOtherVersion) {
			t.Errorf("%s after the deploy: %v", step, err)
		}
	}
	a.code = 0 // the deploy is taken back before the execution has failed
	w.deliverAll(t, a, "r")
	if w.broken != nil {
		t.Error(w.broken)
	}
}

func TestADeployBetweenAFailureAndItsContinuation(t *testing.T) {
	for _, back := range []bool{false, true} {
		w, a, m := begunRebuild(t)
		ctx := context.Background()
		fail := func(why error) {
			t.Helper()
			if _, err := w.closerOf(a).CloseExecution(ctx, "r", m.execution, replay.Failed, m.failureOf(why)); err != nil {
				t.Fatal(err)
			}
		}
		fail(errGivenUp)
		a.code = 1
		row, err := w.serviceOf(a).Continue(ctx, "r")
		if err != nil {
			t.Fatalf("continue after a deploy: %v", err)
		}
		m.execution = row.Execution()
		if back {
			a.code = 0
		}
		_, err = m.plan(ctx, a)
		if back {
			if err != nil {
				t.Fatalf("plan after the deploy was taken back: %v", err)
			}
			w.deliverAll(t, a, "r")
			if w.broken != nil {
				t.Error(w.broken)
			}
			continue
		}
		for step, err := range w.stepsOf(a, "r") {
			if !errors.Is(err, replay.ErrOtherVersion) {
				t.Errorf("%s after the deploy: %v", step, err)
			}
		}
		if !errors.Is(err, replay.ErrOtherVersion) {
			t.Errorf("plan after the deploy: %v", err)
		}
		fail(replay.ErrOtherVersion)
		if _, err := w.serviceOf(a).Continue(ctx, "r"); !errors.Is(err, replay.ErrCannotContinue) {
			t.Errorf("continue what another version began: %v", err)
		}
	}
}

// Steered schedules combine everything that people do with replays, among them deploys
// while a replay is paused, and between a failure and its continuation.
func TestSteeredReplays(t *testing.T) {
	f := makeFixtures(t).only(attacks{versions: true, cancels: true, pauses: true, rates: true, continues: true})
	sum := summary{}
	for seed := range uint64(max(20, schedules(t)/10)) {
		w := runSeed(t, f, 20_000+seed, plant{}, false)
		if sum.add(w); w.broken != nil {
			reportBroken(t, f, w, 150)
			return
		}
	}
	if c := sum.counts; c.paused == 0 || c.rated == 0 || c.continued == 0 || c.deploys == 0 || c.cancels == 0 {
		t.Errorf("these schedules combine too little: %+v", c)
	}
	t.Logf("%+v", sum.counts)
}
