package badinput

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/api/web"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// steerable is a platform with a paused rebuild "r" of 400 events.
func steerable(t *testing.T) *localtest.Platform {
	t.Helper()
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4, PageBytes: 2048})
	var batch []json.RawMessage
	for i := range 400 {
		batch = append(batch, json.RawMessage(fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"t",`+
			`"type":"file.changed","subject":"f%d","data":{"added":1,"deleted":0,"lines":1}}`, i, i%40)))
	}
	p.Send("/events", batch)
	p.Settle(400)
	if status, body := p.Call(http.MethodPost, "/replays", "application/json",
		[]byte(`{"name":"r","input":{"rebuild":true,"promote":true,"rate":5}}`)); status != http.StatusCreated {
		t.Fatalf("start: %d %s", status, body)
	}
	steer(t, p, "pause", http.StatusOK)
	localtest.Until(p, "/replays/r", func(v lifecycle.View) bool { return v.Status == replay.ShownPaused })
	return p
}

func steer(t *testing.T, p *localtest.Platform, action string, want int) {
	t.Helper()
	if status, body := p.Call(http.MethodPost, "/replays/r/"+action, "application/json", []byte(`{}`)); status != want {
		t.Errorf("%s: %d %s, want %d", action, status, body, want)
	}
}

// Many people resume, pause and rate a replay at once. It ends as if one of them had.
func TestManySteerOneReplayAtOnce(t *testing.T) {
	t.Parallel()
	p := steerable(t)
	var group errgroup.Group
	for i := range 24 {
		group.Go(func() error {
			action, body := "resume", `{}`
			switch {
			case i%6 == 4:
				action = "pause"
			case i%6 == 5:
				action, body = "rate", fmt.Sprintf(`{"rate":%d}`, 1000*i)
			}
			status, answer := p.Call(http.MethodPost, "/replays/r/"+action, "application/json", []byte(body))
			var problem web.Problem
			if status != http.StatusOK && (json.Unmarshal(answer, &problem) != nil || status != http.StatusConflict) {
				return fmt.Errorf("%s: %d %s", action, status, answer)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	unlimited := []byte(`{"rate":0}`)
	if status, body := p.Call(http.MethodPost, "/replays/r/rate", "application/json", unlimited); status >= 500 {
		t.Errorf("rate: %d %s", status, body)
	}
	for range 2 {
		if status, body := p.Call(http.MethodPost, "/replays/r/resume", "application/json", nil); status >= 500 {
			t.Errorf("resume: %d %s", status, body)
		}
	}
	end := localtest.Until(p, "/replays/r", func(v lifecycle.View) bool { return v.Status.Ended() })
	if end.Status != replay.Succeeded || end.Progress.Applied != 400 || !end.Promoted {
		t.Errorf("%s %+v %+v", end.Status, end.Failure, end.Progress)
	}
	if rows := p.Rows("", 4); len(rows) != 40 || rows["f1"].Count != 10 {
		t.Errorf("%d rows, %+v", len(rows), rows["f1"])
	}
}

// What comes from another site, from another name of this machine, or after a replay's
// end, changes nothing of what the platform shows.
func TestHostileSteeringOfOneMachine(t *testing.T) {
	t.Parallel()
	p := steerable(t)
	shown := func() string {
		_, body := p.Call(http.MethodGet, "/replays/r", "", nil)
		_, registry := p.Call(http.MethodGet, "/generations", "", nil)
		return string(body) + string(registry)
	}
	before := shown()
	for _, action := range []string{"pause", "resume", "cancel", "continue", "rate"} {
		for name, foreign := range map[string]func(*http.Request){
			"another site":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			"another origin": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
			"another host":   func(r *http.Request) { r.Host = "evil.example" },
		} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/replays/r/"+action,
				strings.NewReader(`{"rate":7}`))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			foreign(request)
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			for header := range answer.Header {
				if strings.HasPrefix(header, "Access-Control-") {
					t.Errorf("%s, %s: the answer has %s", action, name, header)
				}
			}
			if after := shown(); answer.StatusCode != http.StatusForbidden || after != before {
				t.Errorf("%s, %s: %d\n%s\n%s", action, name, answer.StatusCode, before, after)
			}
		}
	}
	steer(t, p, "continue", http.StatusConflict)
	if after := shown(); after != before {
		t.Errorf("a paused replay was continued:\n%s\n%s", before, after)
	}
	steer(t, p, "cancel", http.StatusOK)
	localtest.Until(p, "/status", func(v struct{ Executions []any }) bool { return len(v.Executions) == 0 })
	localtest.Until(p, "/generations", func(v struct{ Generations []any }) bool { return len(v.Generations) == 1 })
	before = shown()
	for _, action := range []string{"cancel", "cancel", "pause", "resume", "continue"} {
		steer(t, p, action, http.StatusConflict)
	}
	if after := shown(); after != before {
		t.Errorf("a cancelled replay changed:\n%s\n%s", before, after)
	}
}
