package cloudevents

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"reprise/integration/npm"
)

// TestGoSDK sends every sample with the SDK for Go.
func TestGoSDK(t *testing.T) {
	w := newWorld(t)
	all := samples()
	for i := range all {
		e := goEvent(t, &all[i])
		for at, url := range w.urls {
			for mode, build := range goModes {
				o := outcome{Sample: all[i].Name, URL: at, Mode: mode}
				req, err := build(t.Context(), url, e)
				if err != nil {
					t.Fatalf("%s, %s: %v", all[i].Name, mode, err)
				}
				o.Answer = post(t, req)
				w.verdict(t, "Go", &all[i], o, all[i].want(e.Time().UTC().Format(time.RFC3339Nano)))
			}
		}
	}
	w.compare(t)
}

// note is data that the SDK for Go encodes as XML.
type note struct {
	XMLName xml.Name `xml:"note"`
	Text    string   `xml:",chardata"`
}

func goEvent(t *testing.T, s *sample) event.Event {
	t.Helper()
	e := event.New()
	e.SetID("1")
	e.SetType("sample.sent")
	e.SetSource(s.Source)
	e.SetSubject(s.Subject)
	at, err := time.Parse(time.RFC3339Nano, s.Time)
	if err != nil {
		t.Fatal(err)
	}
	e.SetTime(at)
	if s.Schema != "" {
		e.SetDataSchema(s.Schema)
	}
	for name, value := range s.Extensions {
		e.SetExtension(name, value)
	}
	if data := goData(t, s.Data); data != nil {
		if err := e.SetData(s.Type, data); err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
	}
	if s.Type == "" {
		if err := e.Context.SetDataContentType(""); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Validate(); err != nil {
		t.Fatalf("%s: %v", s.Name, err)
	}
	return e
}

func goData(t *testing.T, p payload) any {
	t.Helper()
	switch {
	case p.JSON != nil:
		var value any
		if err := json.Unmarshal(p.JSON, &value); err != nil {
			t.Fatal(err)
		}
		if value == nil {
			return json.RawMessage("null") // nil means no data
		}
		return value
	case p.Text != nil:
		return *p.Text
	case p.XML != "":
		return note{Text: p.XML}
	case p.Bytes != nil:
		return p.Bytes
	}
	return nil
}

// goModes are the content modes of the SDK for Go.
var goModes = map[string]func(ctx context.Context, url string, e event.Event) (*http.Request, error){
	"structured": func(ctx context.Context, url string, e event.Event) (*http.Request, error) {
		return cehttp.NewHTTPRequestFromEvent(binding.WithForceStructured(ctx), url, e)
	},
	"binary": func(ctx context.Context, url string, e event.Event) (*http.Request, error) {
		return cehttp.NewHTTPRequestFromEvent(binding.WithForceBinary(ctx), url, e)
	},
	"batch": func(ctx context.Context, url string, e event.Event) (*http.Request, error) {
		return cehttp.NewHTTPRequestFromEvents(ctx, url, []event.Event{e})
	},
}

func post(t *testing.T, req *http.Request) answer {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatalf("answer %s: %v", raw, err)
	}
	return a
}

// TestJavaScriptSDK sends every sample with the SDK for JavaScript.
func TestJavaScriptSDK(t *testing.T) {
	modules := filepath.Join(npm.Need(t), "node_modules")
	w := newWorld(t)
	byName := make(map[string]*sample)
	all := samples()
	for i := range all {
		byName[all[i].Name] = &all[i]
	}
	input, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	arguments := append([]string{filepath.Join("testdata", "send.js"), modules}, w.urls...)
	script := exec.CommandContext(ctx, "node", arguments...)
	script.Stdin = bytes.NewReader(input)
	var complaints bytes.Buffer
	script.Stderr = &complaints
	printed, err := script.Output()
	if err != nil {
		t.Fatalf("send.js: %v\n%s", err, complaints.Bytes())
	}
	lines := bytes.Split(bytes.TrimSpace(printed), []byte("\n"))
	if want := len(all) * len(w.urls) * 3; len(lines) != want {
		t.Fatalf("%d requests, want %d", len(lines), want)
	}
	for _, line := range lines {
		var o outcome
		if err := json.Unmarshal(line, &o); err != nil {
			t.Fatal(err)
		}
		s := byName[o.Sample]
		at, err := time.Parse(time.RFC3339Nano, s.Time)
		if err != nil {
			t.Fatal(err)
		}
		w.verdict(t, "JavaScript", s, o, s.want(at.UTC().Format("2006-01-02T15:04:05.000Z")))
	}
	w.compare(t)
}
