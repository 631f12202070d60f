package local_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"reprise/pkg/event"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// steer posts something about a replay and returns the answer.
func steer(t *testing.T, p *localtest.Platform, what string, want int) lifecycle.View {
	t.Helper()
	status, body := p.Call(http.MethodPost, "/replays/r/"+what, "application/json", []byte(`{}`))
	var view lifecycle.View
	if status != want || (status == http.StatusOK && json.Unmarshal(body, &view) != nil) {
		t.Fatalf("%s: %d %s, want %d", what, status, body, want)
	}
	return view
}

// countingHeld is a projection that waits while held is locked.
func countingHeld() (projections []projection.Projection, held *sync.RWMutex) {
	held = new(sync.RWMutex)
	type state struct{ Count int }
	counting := projection.New("files", 1, []string{"file.changed"}, func(s state, _ *event.Event) (state, error) {
		held.RLock()
		defer held.RUnlock()
		s.Count++
		return s, nil
	})
	return []projection.Projection{counting}, held
}

// pausable is a platform with 300 events whose projection can be held, so that a
// replay takes as long as a test wants.
func pausable(t *testing.T) (options local.Options, p *localtest.Platform, held *sync.RWMutex) {
	t.Helper()
	counting, held := countingHeld()
	options = local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 2, Projections: counting}
	p = localtest.Start(t, options)
	p.Send("/events", changes(0, 300, 7))
	p.Settle(300)
	return options, p, held
}

func startRebuild(t *testing.T, p *localtest.Platform) {
	t.Helper()
	startReplay(t, p, `{"rebuild":true,"promote":true}`)
}

func startReplay(t *testing.T, p *localtest.Platform, input string) {
	t.Helper()
	status, body := p.Call(http.MethodPost, "/replays", "application/json", []byte(`{"name":"r","input":`+input+`}`))
	if status != http.StatusCreated {
		t.Fatalf("start: %d %s", status, body)
	}
}

func untilPaused(p *localtest.Platform) {
	p.T.Helper()
	localtest.Until(p, "/replays/r", func(v lifecycle.View) bool { return v.Status == replay.ShownPaused })
}

// A replay is paused while it drains, stays so over a restart and repeated requests,
// and succeeds once it is resumed, twice.
func TestAPausedReplayGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	options, p, held := pausable(t)
	held.Lock()
	startRebuild(t, p)
	localtest.Until(p, "/replays/r", func(v lifecycle.View) bool { return v.Phase == replay.Draining })
	if v := steer(t, p, "pause", http.StatusOK); v.Status == replay.Running && !v.Pausing {
		t.Errorf("after the request: %+v", v)
	}
	untilPaused(p)
	held.Unlock()
	if v := steer(t, p, "pause", http.StatusOK); v.Status != replay.ShownPaused {
		t.Errorf("paused twice: %s", v.Status)
	}
	p.Stop()
	p = localtest.Start(t, options)
	untilPaused(p)
	if v := steer(t, p, "resume", http.StatusOK); v.Status == replay.ShownPaused || v.Pausing {
		t.Errorf("resumed: %+v", v)
	}
	// It may have come to its end by now, which is the only reason to refuse this.
	status, body := p.Call(http.MethodPost, "/replays/r/resume", "application/json", []byte(`{}`))
	if status != http.StatusOK && (status != http.StatusConflict || !strings.Contains(string(body), "replay-ended")) {
		t.Errorf("resumed twice: %d %s", status, body)
	}
	end := localtest.Until(p, "/replays/r", func(v lifecycle.View) bool { return v.Status.Ended() })
	if end.Status != replay.Succeeded || !end.Promoted || end.Progress.Applied != 300 {
		t.Errorf("%s, %+v, %+v", end.Status, end.Failure, end.Progress)
	}
	steer(t, p, "pause", http.StatusConflict)
	steer(t, p, "resume", http.StatusConflict)
}

// A pause that is requested at once takes effect after the plan; a paused replay can be
// cancelled, and its execution ends.
func TestAPausedReplayIsCancelled(t *testing.T) {
	t.Parallel()
	_, p, held := pausable(t)
	held.Lock()
	startRebuild(t, p)
	steer(t, p, "pause", http.StatusOK)
	untilPaused(p)
	held.Unlock()
	if v := steer(t, p, "cancel", http.StatusOK); v.Status != replay.Cancelled {
		t.Errorf("cancelled: %s", v.Status)
	}
	localtest.Until(p, "/status", func(v struct{ Executions []any }) bool { return len(v.Executions) == 0 })
}
