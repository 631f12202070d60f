package localtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"reprise/pkg/handler"
	"reprise/pkg/local"
	"reprise/pkg/replay"
)

// patience bounds every wait. It is generous, since machines differ; a wait
// that is over earlier ends earlier.
const patience = 2 * time.Minute

// Platform is a platform that runs on a loopback port of its own.
type Platform struct {
	*local.Platform
	t    testing.TB
	URL  string
	stop func()
}

// Start runs a platform on a directory until the test ends or Stop is called.
func Start(t testing.TB, options local.Options) *Platform {
	t.Helper()
	p, err := local.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(ctx, listener, func() {}) }()
	running := &Platform{Platform: p, t: t, URL: "http://" + listener.Addr().String()}
	running.stop = func() {
		running.stop = func() {}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	t.Cleanup(func() { running.stop() })
	return running
}

// Stop ends the platform, as SIGTERM does. It may be called again.
func (p *Platform) Stop() { p.stop() }

// Call makes a request and returns its status and body. kind is the body's
// content type.
func (p *Platform) Call(method, path, kind string, body []byte) (int, []byte) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.URL+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, raw
}

// Until polls a GET until check accepts its decoded answer.
func Until[T any](p *Platform, path string, check func(T) bool) T {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		status, body := p.Call(http.MethodGet, path, "", nil)
		var value T
		if status == http.StatusOK && json.Unmarshal(body, &value) == nil && check(value) {
			return value
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("GET %s stayed at %d %.2000s", path, status, body)
		}
		<-tick.C
	}
}

// Replay starts a replay and waits for its end.
func (p *Platform) Replay(name, input string) replay.View {
	p.t.Helper()
	status, body := p.Call(http.MethodPost, "/replays", "application/json", []byte(`{"name":"`+name+`","input":`+input+`}`))
	if status != http.StatusCreated && status != http.StatusOK {
		p.t.Fatalf("start replay %s: %d %s", name, status, body)
	}
	return Until(p, "/replays/"+name, func(v replay.View) bool { return v.Status.Ended() })
}

// Send posts events, given as JSON, as one batch and returns the number that
// was accepted.
func (p *Platform) Send(path string, events []json.RawMessage) int {
	p.t.Helper()
	body, err := json.Marshal(events)
	if err != nil {
		p.t.Fatal(err)
	}
	status, answer := p.Call(http.MethodPost, path, "application/cloudevents-batch+json", body)
	var accepted struct{ Accepted int }
	if status != http.StatusAccepted || json.Unmarshal(answer, &accepted) != nil {
		p.t.Fatalf("POST %s: %d %s", path, status, answer)
	}
	return accepted.Accepted
}

// Settle waits until the log holds n events and all of them are applied to the
// active generation.
func (p *Platform) Settle(n int64) {
	p.t.Helper()
	Until(p, "/lanes", func(view handler.LanesView) bool {
		var count int64
		for _, lane := range view.Lanes {
			if lane.Applied != lane.Position {
				return false
			}
			count += lane.Count
		}
		return count >= n
	})
}

// Rows returns every row of a generation by entity; "" is the active one.
func (p *Platform) Rows(generation string, lanes int) map[string]handler.EntityView {
	p.t.Helper()
	rows := make(map[string]handler.EntityView)
	for lane := range lanes {
		after := ""
		for {
			path := fmt.Sprintf("/rows?lane=%d&limit=1000&generation=%s&after=%s", lane, generation, after)
			status, body := p.Call(http.MethodGet, path, "", nil)
			var page handler.RowsPage
			if status != http.StatusOK || json.Unmarshal(body, &page) != nil {
				p.t.Fatalf("GET %s: %d %.500s", path, status, body)
			}
			for _, row := range page.Rows {
				rows[row.Entity] = row
			}
			if after = page.Next; after == "" {
				break
			}
		}
	}
	return rows
}

// Wipe empties the active generation.
func (p *Platform) Wipe() {
	p.t.Helper()
	_, body := p.Call(http.MethodGet, "/lanes", "", nil)
	var view handler.LanesView
	if err := json.Unmarshal(body, &view); err != nil {
		p.t.Fatal(err)
	}
	status, body := p.Call(http.MethodPost, "/state/wipe", "application/json", []byte(`{"generation":"`+view.Generation+`"}`))
	if status != http.StatusOK {
		p.t.Fatalf("wipe: %d %s", status, body)
	}
}
