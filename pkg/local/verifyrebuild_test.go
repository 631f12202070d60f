package local_test

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/api/verifications"
	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/verify"
)

// begun starts a verification.
func begun(p *localtest.Platform, name, input string) {
	p.T.Helper()
	status, body := p.Call(http.MethodPost, "/verifications", "application/json",
		[]byte(`{"name":"`+name+`","input":`+input+`}`))
	if status != http.StatusCreated {
		p.T.Fatalf("%d %s", status, body)
	}
}

// ended waits for the end of a verification.
func ended(p *localtest.Platform, name string) verifications.View {
	p.T.Helper()
	return localtest.Until(p, "/verifications/"+name, func(v verifications.View) bool { return v.Status.Ended() })
}

// onlyFirst waits until nothing but the first generation is left.
func onlyFirst(p *localtest.Platform) {
	p.T.Helper()
	localtest.Until(p, "/generations", func(v api.GenerationsView) bool {
		return len(v.Generations) == 1 && v.Generations[0].ID == "g0001"
	})
}

// A verification of depth rebuild builds a throwaway beside live traffic, verifies both,
// says what that took, and leaves nothing behind.
func TestAVerificationOfDepthRebuild(t *testing.T) {
	t.Parallel()
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 1, Projections: adding(1)})
	p.Send("/events", changes(0, 60, 6))
	p.Settle(60)
	live := begin(p, 60)
	view := verified(p, "deep", `{"depth":"rebuild"}`)
	live.stop()
	r := view.Report
	if view.Status != verify.Clean || view.Depth != verify.Rebuild || view.Scope != verifications.Full || r.Rows < 6 ||
		r.RebuiltRows < 6 || r.Events < 60 || r.Lanes != 4 {
		t.Fatalf("%s: %+v %+v", view.Status, r, view.Failure)
	}
	if c := r.Cost; c.Rebuild == nil || c.Rebuild.WriteUnits <= 0 || c.Rebuild.Dollars <= 0 ||
		c.Dollars <= c.Rebuild.Dollars || c.WriteUnits <= c.Rebuild.WriteUnits {
		t.Errorf("it costs %+v, of that %+v", c, c.Rebuild)
	}
	if b := view.Rebuild; b == nil || b.Replay != "deep" || b.Generation != "g0002" || b.Status != replay.Succeeded ||
		b.Ended == nil {
		t.Errorf("%+v", b)
	}
	onlyFirst(p)
	// A night goes on from one.
	if again := verified(p, "again", `{"depth":"rebuild"}`); again.Status != verify.Clean {
		t.Errorf("again: %s", again.Status)
	}
	if night := verified(p, "night", `{}`); night.Status != verify.Clean || night.Base != "again" {
		t.Errorf("%s of %q", night.Status, night.Base)
	}
}

// misplaying is a platform whose projection, once armed, folds as many events wrongly: so
// those of a rebuild, which comes before anything is folded to compare with it.
func misplaying(t *testing.T) (p *localtest.Platform, wrong *atomic.Int64) {
	wrong = new(atomic.Int64)
	adder := projection.New("adder", 1, []string{"file.changed"}, func(sum int, _ *event.Event) (int, error) {
		if wrong.Add(-1) >= 0 {
			return sum + 2, nil
		}
		return sum + 1, nil
	})
	p = localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 1,
		Projections: []projection.Projection{adder}})
	p.Send("/events", changes(0, 60, 6))
	p.Settle(60)
	return p, wrong
}

// A playback that folds otherwise than the live path and the log is found by depth rebuild
// only, and named as what it is.
func TestAPlaybackThatFoldsOtherwiseIsFoundByDepthRebuildOnly(t *testing.T) {
	t.Parallel()
	p, wrong := misplaying(t)
	if view := verified(p, "fold", `{"full":true}`); view.Status != verify.Clean {
		t.Fatalf("depth fold: %s %+v", view.Status, view.Report)
	}
	wrong.Store(60)
	view := verified(p, "deep", `{"depth":"rebuild"}`)
	if view.Status != verify.Drift || view.Report.Drift[verify.Rebuilt] != 6 || len(view.Report.Drift) != 1 {
		t.Fatalf("%s: %+v %+v", view.Status, view.Report, view.Failure)
	}
	if d := view.Report.Differences[0]; d.What != "rebuilt, state: state" || len(d.Fields) != 1 ||
		d.Fields[0].Old != "20" || d.Fields[0].New != "10" {
		t.Errorf("%+v", d)
	}
	onlyFirst(p)
	wrong.Store(0)
	if view := verified(p, "mended", `{"depth":"rebuild"}`); view.Status != verify.Clean {
		t.Errorf("%s: %+v", view.Status, view.Report)
	}
}

// Drift of the generation itself is found at depth rebuild, too, and only it.
func TestDepthRebuildFindsWhatHasDrifted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := localtest.Start(t, local.Options{Dir: dir, Lanes: 4, Shards: 1, Projections: adding(1)})
	p.Send("/events", changes(0, 60, 6))
	p.Settle(60)
	p.Stop()
	p = localtest.Start(t, local.Options{Dir: dir, Lanes: 4, Shards: 1, Projections: adding(2)})
	view := verified(p, "deep", `{"depth":"rebuild"}`)
	if view.Status != verify.Drift || view.Report.Drift[verify.State] != 6 || len(view.Report.Drift) != 1 {
		t.Errorf("%s: %+v %+v", view.Status, view.Report, view.Failure)
	}
	onlyFirst(p)
}

// heldDeep is a platform with a verification of depth rebuild whose replay is draining and
// cannot go on until held is unlocked.
func heldDeep(t *testing.T) (options local.Options, p *localtest.Platform, release func()) {
	t.Helper()
	options, p, held := pausable(t)
	held.Lock()
	begun(p, "r", `{"depth":"rebuild"}`)
	localtest.Until(p, "/replays/r", func(v lifecycle.View) bool { return v.Phase == replay.Draining })
	return options, p, held.Unlock
}

// A paused replay leaves its verification waiting, over a restart; nobody promotes or drops
// what it builds; nights go on, and another rebuild may be promoted meanwhile: the verification
// compares with the generation that it began with.
func TestAVerificationWaitsForAPausedRebuild(t *testing.T) {
	t.Parallel()
	options, p, release := heldDeep(t)
	if v := steer(t, p, "pause", http.StatusOK); v.Input.Verification != "r" {
		t.Errorf("%+v", v.Input)
	}
	untilPaused(p)
	release()
	p.Stop()
	p = localtest.Start(t, options)
	untilPaused(p)
	view := localtest.Until(p, "/verifications/r", func(v verifications.View) bool {
		return v.Rebuild != nil && v.Rebuild.Status == replay.ShownPaused
	})
	if view.Status != verify.Rebuilding || view.Rebuild.Generation != "g0002" {
		t.Errorf("%+v", view)
	}
	all := localtest.Until(p, "/generations", func(v api.GenerationsView) bool { return len(v.Generations) == 2 })
	if g := all.Generations[1]; g.Verification != "r" {
		t.Errorf("%+v", g)
	}
	isRefused(p, "g0002/promote", `{}`, http.StatusConflict, "generation-building")
	isRefused(p, "g0002/drop", `{}`, http.StatusConflict, "generation-throwaway")
	status, body := p.Call(http.MethodPost, "/verifications", "application/json",
		[]byte(`{"name":"other","input":{"depth":"rebuild"}}`))
	var problem web.Problem
	if json.Unmarshal(body, &problem) != nil || status != http.StatusConflict || problem.Kind() != "verification-running" {
		t.Errorf("another one: %d %s", status, body)
	}
	if night := verified(p, "night", `{}`); night.Status != verify.Clean {
		t.Errorf("a night meanwhile: %s", night.Status)
	}
	p.Replay("promoted", `{"rebuild":true,"promote":true}`)
	steer(t, p, "resume", http.StatusOK)
	end := ended(p, "r")
	if end.Status != verify.Clean || end.Generation != "g0001" || end.Report.RebuiltRows != 7 {
		t.Errorf("%s of %s: %+v %+v", end.Status, end.Generation, end.Report, end.Failure)
	}
	localtest.Until(p, "/generations", func(v api.GenerationsView) bool {
		return v.Active == "g0003" && v.Previous == "g0001" && len(v.Generations) == 2
	})
}

// Cancelling the verification cancels its replay, and cancelling the replay fails the
// verification by name; both drop the throwaway.
func TestCancellingOneOfBothEndsTheOther(t *testing.T) {
	t.Parallel()
	_, p, release := heldDeep(t)
	status, body := p.Call(http.MethodPost, "/verifications/r/cancel", "application/json", []byte(`{}`))
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	release()
	if v := localtest.Until(p, "/replays/r", func(v lifecycle.View) bool { return v.Status.Ended() }); v.Status !=
		replay.Cancelled {
		t.Errorf("the replay is %s", v.Status)
	}
	if v := ended(p, "r"); v.Status != verify.Cancelled {
		t.Errorf("the verification is %s", v.Status)
	}
	onlyFirst(p)

	_, p, release = heldDeep(t)
	steer(t, p, "cancel", http.StatusOK)
	release()
	if v := ended(p, "r"); v.Status != verify.Failed || v.Failure.Error != "Reprise.RebuildCancelled" {
		t.Errorf("%s: %+v", v.Status, v.Failure)
	}
	onlyFirst(p)
}

// The budget of a verification bounds its replay, whose pause ends it by name.
func TestTheBudgetOfAVerificationBoundsItsRebuild(t *testing.T) {
	t.Parallel()
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 1, Projections: adding(1)})
	p.Send("/events", changes(0, 60, 6))
	p.Settle(60)
	view := verified(p, "poor", `{"depth":"rebuild","budget":{"dollars":0.000001}}`)
	if view.Status != verify.Failed || view.Failure.Error != "Reprise.BudgetUsedUp" || view.Report.Cost.Rebuild == nil {
		t.Errorf("%s: %+v, %+v", view.Status, view.Failure, view.Report)
	}
	onlyFirst(p)
}

// Whoever stops the platform at any stage finds the verification going on, and nothing left
// after it.
func TestAVerificationOfDepthRebuildGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	for stage, reached := range map[string]func(verifications.View) bool{
		"begun":    func(verifications.View) bool { return true },
		"rebuilds": func(v verifications.View) bool { return v.Status != verify.Planned },
		"built":    func(v verifications.View) bool { return v.Rebuild != nil && v.Rebuild.Status.Ended() },
		"compares": func(v verifications.View) bool { return v.Cut != nil },
	} {
		options := local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 1, Projections: adding(1)}
		p := localtest.Start(t, options)
		p.Send("/events", changes(0, 60, 6))
		p.Settle(60)
		begun(p, "deep", `{"depth":"rebuild"}`)
		localtest.Until(p, "/verifications/deep", reached)
		p.Stop()
		p = localtest.Start(t, options)
		if view := ended(p, "deep"); view.Status != verify.Clean || view.Report.RebuiltRows != 6 {
			t.Errorf("%s: %s %+v %+v", stage, view.Status, view.Report, view.Failure)
		}
		onlyFirst(p)
		p.Stop()
	}
}
