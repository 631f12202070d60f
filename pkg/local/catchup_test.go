package local_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// wantSame compares the rows of two generations by their events and states.
func wantSame(t *testing.T, p *localtest.Platform, one, other string, events int64) {
	t.Helper()
	p.Settle(events)
	var applied int64
	have := p.Rows(other, 4)
	for name, row := range p.Rows(one, 4) {
		applied += row.Count
		if same := have[name]; same.Count != row.Count || same.Chain != row.Chain || string(same.State) != string(row.State) {
			t.Errorf("%s: %+v, and %+v in %s", name, row, same, other)
		}
	}
	if applied != events {
		t.Errorf("%d of %d events are applied", applied, events)
	}
}

// A rebuild takes longer than the event stream keeps records, while events arrive: it moves
// its cut, more than once, and ends with every event applied once.
func TestARebuildTakesLongerThanTheStreamKeeps(t *testing.T) {
	t.Parallel()
	options := local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 2, Retention: 4 * time.Second}
	p := localtest.Start(t, options)
	p.Stubborn = true // events are refused while the pump lags by two seconds
	sent := 0
	send := func(n int) {
		p.Send("/events", changes(sent, sent+n, 7))
		sent += n
	}
	send(1200)
	p.Settle(int64(sent))
	status, body := p.Call(http.MethodPost, "/replays", "application/json",
		[]byte(`{"name":"r","input":{"rebuild":true,"promote":true,"rate":300}}`))
	if status != http.StatusCreated {
		t.Fatalf("start: %d %s", status, body)
	}
	var totals []int64
	v := localtest.Until(p, "/replays/r", func(v lifecycle.View) bool {
		// While a pass runs, the events of the next one arrive: 1,500, which take at least four
		// seconds at 300 a second. Half of the retention has passed by then, however fast or
		// slow the machine is.
		if due := v.Progress.Total + 1500; v.Cut != nil && int64(sent) < due && v.Plan.CatchUps < 2 && !v.Status.Ended() {
			send(100)
		}
		if v.Cut != nil && !slices.Contains(totals, v.Progress.Total) {
			totals = append(totals, v.Progress.Total)
		}
		return v.Status.Ended()
	})
	if v.Status != replay.Succeeded || !v.Promoted || v.Plan.CatchUps < 2 || !v.Proof.Complete {
		t.Fatalf("%s, %+v, %+v, %+v", v.Status, v.Failure, v.Plan, v.Progress)
	}
	if v.Proof.Expected != v.Proof.Applied || v.Proof.Applied.Count != v.Progress.Total || v.Progress.Total <= 1200 ||
		!slices.IsSorted(totals) {
		t.Errorf("%+v, totals %v", v.Proof, totals)
	}
	wantSame(t, p, v.Generation, "g0001", int64(sent))
}

// A rebuild is paused, the machine is off for longer than the event stream keeps records,
// and events arrive after it: the rebuild goes on, and catches up.
func TestAPausedRebuildGoesOnAfterTheStreamsRetention(t *testing.T) {
	t.Parallel()
	counting, held := countingHeld()
	options := local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 2, Projections: counting, Retention: 2 * time.Second}
	p := localtest.Start(t, options)
	p.Stubborn = true
	p.Send("/events", changes(0, 300, 7))
	p.Settle(300)
	held.Lock()
	startRebuild(t, p)
	localtest.Until(p, "/replays/r", func(v lifecycle.View) bool { return v.Phase == replay.Draining })
	steer(t, p, "pause", http.StatusOK)
	untilPaused(p)
	held.Unlock()
	p.Stop()
	p = localtest.Start(t, options)
	p.Stubborn = true
	p.Send("/events", changes(300, 350, 7))
	p.Settle(350)
	localtest.Until(p, "/replays/r", func(v lifecycle.View) bool { return time.Since(*v.Cut) > options.Retention })
	steer(t, p, "resume", http.StatusOK)
	v := localtest.Until(p, "/replays/r", func(v lifecycle.View) bool { return v.Status.Ended() })
	if v.Status != replay.Succeeded || !v.Promoted || v.Plan.CatchUps == 0 || v.Progress.Applied != 350 {
		t.Errorf("%s, %+v, %+v, %+v", v.Status, v.Failure, v.Plan, v.Progress)
	}
	wantSame(t, p, v.Generation, "g0001", 350)
}
