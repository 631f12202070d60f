package cloudevents

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// conformance has every HTTP scenario of the CloudEvents conformance features, and the
// content types of the events that their tool sends, written anew:
// https://github.com/cloudevents/conformance/tree/main/features
// https://github.com/cloudevents/conformance/tree/main/yaml
// An event of specversion 0.3 is refused, and so is one without a subject.
func conformance() []conformanceCase {
	const structured = "application/cloudevents+json"
	all := []conformanceCase{
		{mode: structured, data: `{ "greeting": "Hello" }`, stored: `"data":{"greeting":"Hello"}`},
		{mode: structured + "; charset=utf-8", data: `{ "greeting": "Hello" }`, stored: `"data":{"greeting":"Hello"}`},
		{mode: structured, kind: "text/plain; charset=utf-8", data: `"Hello, 🌍"`, stored: `"data":"Hello, 🌍"`},
		{mode: structured, kind: "application/xml; charset=utf-8", data: `"<greeting>🌍</greeting>"`,
			stored: `"data_base64":"PGdyZWV0aW5nPvCfjI08L2dyZWV0aW5nPg=="`},
		{mode: "binary", kind: "text/plain; charset=us-ascii", data: "Hello", stored: `"data":"Hello"`},
		{mode: "binary", kind: "text/plain; charset=utf-8", data: "Hello, 🌍", stored: `"data":"Hello, 🌍"`},
		{mode: "binary", kind: "application/xml; charset=utf-8", data: "<greeting>🌍</greeting>",
			stored: `"data_base64":"PGdyZWV0aW5nPvCfjI08L2dyZWV0aW5nPg=="`},
	}
	for _, mode := range []string{"binary", structured} {
		for _, kind := range []string{"application/json", "application/json; charset=utf-8"} {
			for _, data := range []string{`{"greeting":"Hello"}`, `"Hello, 🌍"`, `["Hello","🌍"]`} {
				all = append(all, conformanceCase{mode: mode, kind: kind, data: data, stored: `"data":` + data})
			}
		}
	}
	return all
}

// conformanceCase is a request with its data as the mode has it. mode is "binary" or the
// request's content type.
type conformanceCase struct{ mode, kind, data, stored string }

// request is the case's request, with an event of a subject unless that is "".
func (c conformanceCase) request(t *testing.T, url, version, subject string) *http.Request {
	t.Helper()
	attributes := map[string]string{"specversion": version, "type": "sample.sent", "time": "2026-03-01T09:30:00Z",
		"id": "1", "source": "/samples"}
	if subject != "" {
		attributes["subject"] = subject
	}
	body := c.data
	if c.mode != "binary" {
		var members strings.Builder
		for name, value := range attributes {
			fmt.Fprintf(&members, "%q: %q,\n", name, value)
		}
		if c.kind != "" {
			fmt.Fprintf(&members, "\"datacontenttype\": %q,\n", c.kind)
		}
		body = "{\n" + members.String() + `"data": ` + c.data + "\n}\n"
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if req.Header.Set("Content-Type", c.mode); c.mode == "binary" {
		req.Header.Set("Content-Type", c.kind)
		for name, value := range attributes {
			req.Header.Set("ce-"+name, value)
		}
	}
	return req
}

// TestConformanceFeatures sends every case by both ways in. As the features have them,
// the events lack a subject, which is the platform's only additional demand.
func TestConformanceFeatures(t *testing.T) {
	w := newWorld(t)
	for i, c := range conformance() {
		s := &sample{
			Name:    fmt.Sprintf("%+v", c),
			Subject: fmt.Sprint("case ", i),
			Source:  "/samples",
			Type:    c.kind,
			stored:  c.stored,
		}
		for at, url := range w.urls {
			o := outcome{URL: at, Mode: c.mode, Answer: post(t, c.request(t, url, "1.0", s.Subject))}
			w.verdict(t, "conformance", s, o, s.want("2026-03-01T09:30:00Z"))
			for attribute, req := range map[string]*http.Request{
				"subject":     c.request(t, url, "1.0", ""),
				"specversion": c.request(t, url, "0.3", s.Subject),
			} {
				if got := post(t, req); got.Accepted != 0 || got.Attribute != attribute {
					t.Errorf("%s, way in %d: %+v, want a refusal for %s", s.Name, at, got, attribute)
				}
			}
		}
	}
	w.compare(t)
}
