package projections

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/event"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
)

// logged is a log that may be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// warnings are the lines about changed code.
func (l *logged) warnings() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, "the code of the projections was") {
			found = append(found, line)
		}
	}
	return found
}

// prize counts points; with a bonus, seven of them count twice.
func prize(bonus bool) projection.Projection {
	return projection.New("prize", 1, []string{"points.won"}, func(n int, e *event.Event) (int, error) {
		var data struct{ Points int }
		if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
			return n, err
		}
		if bonus && data.Points == 7 {
			data.Points *= 2
		}
		return n + data.Points, nil
	})
}

// startPrize starts a platform and waits until it has checked its code. before is the
// status of the last start.
func startPrize(t *testing.T, dir string, bonus bool, log *logged, before api.StatusView) (
	*localtest.Platform, api.StatusView,
) {
	t.Helper()
	p := localtest.Start(t, local.Options{
		Dir:         dir,
		Lanes:       4,
		Projections: []projection.Projection{prize(bonus)},
		Log:         slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	return p, localtest.Until(p, "/status", func(v api.StatusView) bool {
		return v.Code != nil && (before.Code == nil || v.Code.Build != before.Code.Build)
	})
}

func TestChangedCodeOfOneVersionIsNoticed(t *testing.T) {
	t.Parallel()
	const players, sevens = 2000, 651
	dir := t.TempDir()
	var log logged
	p, status := startPrize(t, dir, false, &log, api.StatusView{})
	var batch []json.RawMessage
	for i := range players {
		points := 1.0
		if i < sevens {
			points = 7
		}
		batch = append(batch, won(fmt.Sprintf("player-%d", i), i, points))
	}
	p.Send("/events", batch)
	p.Settle(players)
	p.Stop()
	if found := log.warnings(); len(found) != 0 {
		t.Errorf("warned before the change: %q", found)
	}

	p, status = startPrize(t, dir, true, &log, status)
	code := status.Code
	if code.Compared != 64 || code.Differing == 0 || len(code.Projections) != 1 ||
		code.Projections[0].Projection != "prize" {
		t.Errorf("status shows %+v", code)
	}
	localtest.Until(p, "/status", func(api.StatusView) bool { return len(log.warnings()) == 1 })
	found := log.warnings()
	if !strings.Contains(found[0], `projections="prize: `) || !strings.Contains(found[0], "lane") ||
		strings.Contains(found[0], "player-") {
		t.Errorf("warned at start: %q", found)
	}
	got := p.Replay("again", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Succeeded || !got.Promoted || got.Proof.SameVersion == nil {
		t.Fatalf("rebuild: %+v, %+v", got, got.Failure)
	}
	c := got.Proof.SameVersion
	if c.Compared != players || c.Differing != sevens || c.Generation != status.Active || c.Partial ||
		len(c.Projections) != 1 || c.Projections[0].Entities != sevens {
		t.Errorf("the proof shows %+v", c)
	}
	if found := log.warnings(); len(found) != 2 || !strings.Contains(found[1], "replay=again") {
		t.Errorf("warned in the rebuild: %q", found)
	}
	p.Stop()

	p, status = startPrize(t, dir, true, &log, status)
	if code := status.Code; code.Generation != got.Generation || code.Compared != 64 || code.Differing != 0 {
		t.Errorf("status after the rebuild shows %+v", code)
	}
	p.Stop()
	if found := log.warnings(); len(found) != 2 {
		t.Errorf("warned after the rebuild: %q", found)
	}
}

// TestACleanRebuildUnderTrafficFindsNoDifference rebuilds while events arrive for some
// of the entities, and compares every entity whose rows stand at the same event.
func TestACleanRebuildUnderTrafficFindsNoDifference(t *testing.T) {
	t.Parallel()
	const players, busy, rounds = 300, 40, 20
	var log logged
	dir := t.TempDir()
	p, status := startPrize(t, dir, true, &log, api.StatusView{})
	id := 0
	send := func(from, to int) {
		var batch []json.RawMessage
		for i := from; i < to; i++ {
			batch = append(batch, won(fmt.Sprintf("player-%d", i), id, float64(id%9)))
			id++
		}
		p.Send("/events", batch)
	}
	send(0, players)
	p.Settle(players)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range rounds {
			send(0, busy)
		}
	}()
	got := p.Replay("busy", `{"rebuild":true,"promote":true}`)
	<-ended
	p.Settle(int64(id))
	c := got.Proof.SameVersion
	if got.Status != replay.Succeeded || c == nil || c.Differing != 0 || c.Compared < players-busy {
		t.Errorf("rebuild: %+v, %+v, states %+v", got, got.Failure, c)
	}
	p.Stop()
	p, status = startPrize(t, dir, true, &log, status)
	p.Stop()
	if code := status.Code; code.Compared != 64 || code.Differing != 0 || len(log.warnings()) != 0 {
		t.Errorf("status shows %+v, warned %q", code, log.warnings())
	}
}
