package local_test

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

	"reprise/pkg/local"
)

// platform is a running platform on a directory.
type platform struct {
	t    *testing.T
	url  string
	stop func()
}

func start(t *testing.T, options local.Options) *platform {
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
	stopped := false
	running := &platform{t: t, url: "http://" + listener.Addr().String()}
	running.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	t.Cleanup(running.stop)
	return running
}

func (p *platform) call(method, path, kind string, body []byte) (int, []byte) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, bytes.NewReader(body))
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

// until polls a GET until check accepts its answer.
func (p *platform) until(path string, check func(body []byte) bool) []byte {
	p.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		status, body := p.call("GET", path, "", nil)
		if status == http.StatusOK && check(body) {
			return body
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("GET %s stayed at %d %s", path, status, body)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestEventsGoThroughTheLogIntoTheDataStoreAndARebuild(t *testing.T) {
	p := start(t, local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 2})
	var batch []json.RawMessage
	for i := range 300 {
		batch = append(batch, json.RawMessage(fmt.Sprintf(
			`{"specversion":"1.0","id":"%d","source":"test","type":"file.changed","subject":"file-%d","data":{"added":2,"deleted":1,"lines":1}}`, i, i%7)))
	}
	body, err := json.Marshal(batch)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := p.call("POST", "/events", "application/cloudevents-batch+json", body)
	if status != http.StatusAccepted {
		t.Fatalf("POST /events: %d %s", status, answer)
	}
	const path = "/entities/ZmlsZS0w" // file-0
	p.until(path, func(body []byte) bool {
		var row struct{ State struct{ Changes int } }
		return json.Unmarshal(body, &row) == nil && row.State.Changes == 43
	})
	status, answer = p.call("POST", "/replays", "application/json", []byte(`{"name":"first","input":{"rebuild":true,"promote":true}}`))
	if status != http.StatusCreated {
		t.Fatalf("POST /replays: %d %s", status, answer)
	}
	got := p.until("/replays/first", func(body []byte) bool {
		var view struct{ Status string }
		return json.Unmarshal(body, &view) == nil && view.Status != "RUNNING"
	})
	t.Logf("%s", got)
	var view struct {
		Status   string
		Promoted bool
		Progress struct{ Total, Applied int }
	}
	if err := json.Unmarshal(got, &view); err != nil {
		t.Fatal(err)
	}
	if view.Status != "SUCCEEDED" || !view.Promoted || view.Progress.Applied != 300 {
		t.Errorf("replay: %s", got)
	}
	_, row := p.call("GET", path, "", nil)
	t.Logf("%s", row)
}
