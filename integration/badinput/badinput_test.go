package badinput

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"reprise/integration/process"
	"reprise/integration/readback"
	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/api/web"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
)

const (
	structured = "application/cloudevents+json"
	batched    = "application/cloudevents-batch+json"
)

func one(attributes string) string {
	return `{"specversion":"1.0","id":"1","source":"test","type":"file.changed","subject":"x"` + attributes + `}`
}

// TestBadInputIsRefusedWholeAndChangesNothing sends invalid input and then checks that
// nothing was accepted.
func TestBadInputIsRefusedWholeAndChangesNothing(t *testing.T) {
	t.Parallel()
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 2})
	good := one("")
	many := "[" + strings.Repeat(good+",", 10_000) + good + "]"
	for name, c := range map[string]struct {
		kind, body string
		status     int
		detail     string
		index      int
	}{
		"no JSON":           {structured, `{"specversion":`, 400, "JSON", 0},
		"no object":         {structured, `[]`, 400, "object", 0},
		"text behind":       {structured, good + "x", 400, "after", 0},
		"wrong specversion": {structured, strings.Replace(good, "1.0", "0.3", 1), 400, "specversion", 0},
		"no subject":        {structured, `{"specversion":"1.0","id":"1","source":"s","type":"t"}`, 400, "subject", 0},
		"no type":           {structured, `{"specversion":"1.0","id":"1","source":"s","subject":"x"}`, 400, "type", 0},
		"no id":             {structured, `{"specversion":"1.0","source":"s","type":"t","subject":"x"}`, 400, "id", 0},
		"wrong time":        {structured, one(`,"time":"yesterday"`), 400, "time", 0},
		"long entity": {structured, strings.Replace(good, `"x"`, `"`+strings.Repeat("x", 2048)+`"`, 1),
			400, "subject", 0},
		"control character": {structured, strings.Replace(good, `"x"`, `"a\u0007b"`, 1), 400, "subject", 0},
		"large data":        {structured, one(`,"data":"` + strings.Repeat("x", 257<<10) + `"`), 400, "data", 0},
		"one bad of many":   {batched, "[" + good + "," + good + `,{"specversion":"1.0"}]`, 400, "id", 2},
		"broken batch":      {batched, "[" + good + "," + good, 400, "batch", -1},
		"empty batch":       {batched, "[]", 400, "no event", -1},
		"10,001 events":     {batched, many, 413, "10000", -1},
		"body over 4 MiB":   {structured, one(`,"data":"` + strings.Repeat("x", 4<<20) + `"`), 413, "4 MiB", -1},
		"content type":      {"text/plain", good, 415, "content type", -1},
		"no content type":   {"", good, 415, "content type", -1},
		"other charset":     {structured + "; charset=latin1", good, 415, "UTF-8", -1},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := p.Call(http.MethodPost, "/events", c.kind, []byte(c.body))
			var problem web.Problem
			if err := json.Unmarshal(body, &problem); err != nil {
				t.Fatalf("%d, no problem document: %.300s", status, body)
			}
			if status != c.status || problem.Status != c.status ||
				!strings.Contains(problem.Detail+problem.Attribute, c.detail) {
				t.Errorf("%d %s, want %d about %q", status, body, c.status, c.detail)
			}
			if c.index >= 0 && (problem.Event == nil || *problem.Event != c.index) {
				t.Errorf("event %v is named, want %d: %s", problem.Event, c.index, body)
			}
		})
	}
	status, body := p.Call(http.MethodPost, "/imports", structured, []byte(good))
	if status != 400 || !strings.Contains(string(body), "time") {
		t.Errorf("import without a time: %d %s", status, body)
	}
	status, body = p.Call(http.MethodPost, "/imports", structured, []byte(one(`,"time":"2999-01-01T00:00:00Z"`)))
	if status != 400 || !strings.Contains(string(body), "future") {
		t.Errorf("import from the future: %d %s", status, body)
	}
	nothing(t, p)
}

// nothing checks that no event was accepted: the next good event is the first.
func nothing(t *testing.T, p *localtest.Platform) {
	t.Helper()
	p.Send("/events", []json.RawMessage{json.RawMessage(one(`,"data":{"added":1,"deleted":0,"lines":1}`))})
	p.Settle(1)
	view := localtest.Until(p, "/status", func(api.StatusView) bool { return true })
	if view.Log.Events != 1 || view.Quarantined.Count != 0 {
		t.Errorf("the log holds %d events and %d quarantined records", view.Log.Events, view.Quarantined.Count)
	}
}

// post is the text of a request that sends events; headers end with a line
// break each.
func post(host, headers string, length int, body string) string {
	return fmt.Sprintf("POST /events HTTP/1.1\r\nHost: %s\r\n%sContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		host, headers, structured, length, body)
}

func TestCutOffRequestIsNotTaken(t *testing.T) {
	t.Parallel()
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 2})
	body := one("")
	for name, send := range map[string]string{
		"a page of elsewhere":   post("localhost", "Origin: https://example.com\r\nConnection: close\r\n", len(body), body),
		"a rebound name":        post("example.com", "Connection: close\r\n", len(body), body),
		"cut off in the body":   post("localhost", "", len(body), body[:40]),
		"cut off in the header": "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-",
		"more than announced":   post("localhost", "Connection: close\r\n", 40, body),
	} {
		connection, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(connection, send); err != nil {
			t.Fatal(err)
		}
		if err := connection.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err == nil && resp.StatusCode < 400 {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
		_ = connection.Close()
	}
	nothing(t, p)
}

func TestLegalEntityIdsWorkEndToEnd(t *testing.T) {
	t.Parallel()
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4})
	ids := []string{"#", "a#b", "a", "a/b", "/", "100%", "%23", "🦄/ü#", "..", "a b", strings.Repeat("ä", 300),
		"?q=1&x", `"quoted"\`}
	var batch []json.RawMessage
	for i, id := range ids {
		subject, err := json.Marshal(id)
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, json.RawMessage(fmt.Sprintf(
			`{"specversion":"1.0","id":"%d","source":"t","type":"file.changed","subject":%s,`+
				`"data":{"added":%d,"deleted":0,"lines":%d}}`, i, subject, i, i)))
	}
	p.Send("/events", batch)
	p.Settle(int64(len(ids)))
	if got := p.Replay("odd", `{"rebuild":true,"promote":true}`); got.Progress.Applied != int64(len(ids)) {
		t.Errorf("rebuild: %+v %+v", got, got.Failure)
	}
	for i, id := range ids {
		status, body := p.Call(http.MethodGet, "/entities/"+web.EncodeEntity(id), "", nil)
		want := fmt.Sprintf(`{"added":%d,"deleted":0,"lines":%d,"changes":1}`, i, i)
		var row entities.View
		if status != 200 || json.Unmarshal(body, &row) != nil || row.Entity != id || string(row.State) != want {
			t.Errorf("entity %q: %d %s", id, status, body)
		}
		if got := readback.History(p.Client, id); len(got) != 1 {
			t.Errorf("entity %q has %d events", id, len(got))
		}
	}
	got := p.Replay("odd-ones", `{"entities":["#","🦄/ü#","100%"]}`)
	if took := readback.Delivered(t, p, "odd-ones"); len(took) != 3 || got.Progress.Delivered != 3 {
		t.Errorf("delivered %v", took)
	}
}

func TestReplaysAreRefusedWithAReason(t *testing.T) {
	t.Parallel()
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 2})
	p.Send("/events", []json.RawMessage{json.RawMessage(one(""))})
	p.Settle(1)
	if status, body := p.Call(http.MethodGet, "/replays/nobody-knows", "", nil); status != 404 {
		t.Errorf("unknown id: %d %s", status, body)
	}
	if status, body := p.Call(http.MethodPost, "/replays/nobody-knows/cancel", "application/json", nil); status != 404 {
		t.Errorf("cancel of an unknown id: %d %s", status, body)
	}
	const input = `{"name":"backwards","input":{"from":"2026-03-02T00:00:00Z","to":"2026-03-01T00:00:00Z"}}`
	if status, body := p.Call(http.MethodPost, "/replays", "application/json", []byte(input)); status != 400 ||
		!strings.Contains(string(body), "not before") {
		t.Errorf("from after to: %d %s", status, body)
	}
	first := p.Replay("twice", `{"types":["file.changed"]}`)
	again := p.Replay("twice", `{"types":["file.changed"]}`)
	if first.Created != again.Created || !again.Status.Ended() {
		t.Errorf("the same name and input gave %+v and %+v", first, again)
	}
	status, body := p.Call(http.MethodPost, "/replays", "application/json", []byte(`{"name":"twice","input":{}}`))
	if status != 409 {
		t.Errorf("the same name with another input: %d %s", status, body)
	}
	status, body = p.Call(http.MethodPost, "/replays/twice/cancel", "application/json", nil)
	if status != 409 {
		t.Errorf("cancel after the end: %d %s", status, body)
	}
}

func TestDataDirectoryIsRefusedWithAHint(t *testing.T) {
	t.Parallel()
	binary, dir := process.Binary(t), t.TempDir()
	p := process.Launch(t, binary, dir, "--lanes", "4")
	refused := func(what, want string, args ...string) {
		t.Helper()
		command := exec.Command(binary, append([]string{"local", "--addr", "127.0.0.1:0", "--data"}, args...)...)
		out, err := command.CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) || !strings.Contains(string(out), "hint: ") {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
	}
	refused("in use", "in use", dir, "--lanes", "4")
	p.Terminate()
	refused("other lane count", "other settings", dir, "--lanes", "8")
	refused("other bucket width", "other settings", dir, "--lanes", "4", "--bucket", "hour")
	refused("public address", "loopback", dir, "--lanes", "4", "--addr", "0.0.0.0:0")
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "letter.txt"), []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("foreign directory", "something else", foreign)
	p = process.Launch(t, binary, dir, "--lanes", "4")
	if out, err := p.Reprise("status"); err != nil || !strings.Contains(out, "reprise-events") {
		t.Errorf("after the refusals: %v %s", err, out)
	}
}
