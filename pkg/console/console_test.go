package console

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"reprise/pkg/api/web"
)

// fakeAPI answers paths with JSON, and others as the API does.
type fakeAPI map[string]string

func (f fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if body, found := f[r.Method+" "+r.URL.RequestURI()]; found {
		_, _ = w.Write([]byte(body))
		return
	}
	web.NewProblem(http.StatusNotFound, "no-route", "there is no such route").Write(w)
}

const script = `<script>alert(1)</script>"'`

func replayJSON(id string) string {
	encoded, _ := json.Marshal(id)
	return `{"id":` + string(encoded) + `,"status":"FAILED","phase":"FAILED","input":{"types":[` + string(encoded) + `]},
		"cut":null,"created":"2026-03-01T00:00:00Z","ended":"2026-03-01T00:01:00Z","progress":{"total":200,"read":50},
		"failure":{"error":"Reprise.Stalled","cause":` + string(encoded) + `}}`
}

func newConsole(t *testing.T, api fakeAPI) *Console {
	t.Helper()
	c, err := New(api, About{Platform: script, Flags: script})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ask(t *testing.T, c *Console, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, http.NoBody))
	return w
}

func TestFirstViewsShowDataAsText(t *testing.T) {
	encoded, _ := json.Marshal(script)
	id := web.EncodeEntity(script)
	quoted := string(encoded)
	c := newConsole(t, fakeAPI{
		"GET /status": `{"active":"g1","replays":[` + replayJSON(script) + `],
			"consumers":[{"name":` + quoted + `}]}`,
		"GET /replays?limit=500": `{"replays":[` + replayJSON("other") + `]}`,
		"GET /replays/%3Cb%3E":   replayJSON("<b>"),
		"GET /verifications?limit=500": `{"verifications":[{"id":` + quoted + `,"status":"DRIFT","scope":"incremental",
			"created":"2026-03-01T00:00:00Z","report":{"rows":7,"cost":{"dollars":0.00125}}}]}`,
		"GET /entities/" + id:                      `{"entity":` + quoted + `,"state":{"a":` + quoted + `}}`,
		"GET /entities/" + id + "/events?limit=50": `{"events":[{"event":{"data":` + quoted + `}}]}`,
	})
	for target, want := range map[string]string{
		"/":                          "other",
		"/console/replays/%3Cb%3E":   "Reprise.Stalled",
		"/console/entities/" + id:    "&#34;a&#34;",
		"/console/entities?id=" + id: "Go to this entity",
		"/console/verifications":     "$0.0013",
		"/console/health":            "alert(1)",
	} {
		w := ask(t, c, http.MethodGet, target)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d, without %q:\n%s", target, w.Code, want, w.Body)
		}
		if strings.Contains(w.Body.String(), "<script>") || strings.Contains(w.Body.String(), "<b>") {
			t.Errorf("%s shows data as HTML:\n%s", target, w.Body)
		}
		if got := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'self'; ") {
			t.Errorf("%s: policy %q", target, got)
		}
	}
}

// The routes of the API are its own: the console takes two paths, to be read.
func TestTheAPIKeepsItsRoutes(t *testing.T) {
	c := newConsole(t, fakeAPI{"GET /replays": "{}", "POST /replays": "{}"})
	for _, c2 := range []struct {
		method, target, kind string
		status               int
	}{
		{"GET", "/replays", "", 200},
		{"POST", "/replays", "", 200},
		{"GET", "/unknown", "application/problem+json", 404},
		{"POST", "/", "application/problem+json", 404},
		{"POST", "/console/health", "application/problem+json", 404},
		{"GET", "/console/unknown", "text/html; charset=utf-8", 404},
		{"GET", "/console/assets/unknown.js", "text/html; charset=utf-8", 404},
		{"GET", "/console/assets/../console.go", "", 307},
		{"GET", "/console/entities/!", "text/html; charset=utf-8", 404},
		{"GET", "/console/replays/none", "text/html; charset=utf-8", 404},
		{"HEAD", "/console/entities", "text/html; charset=utf-8", 200},
	} {
		w := ask(t, c, c2.method, c2.target)
		if w.Code != c2.status || (c2.kind != "" && w.Header().Get("Content-Type") != c2.kind) {
			t.Errorf("%s %s: %d %v", c2.method, c2.target, w.Code, w.Header())
		}
	}
}

// Everything that a page loads is served by the console itself, and nothing in it is
// inline; browsers may keep assets and are told when they change.
func TestPagesLoadNothingFromElsewhere(t *testing.T) {
	c := newConsole(t, fakeAPI{})
	loads := regexp.MustCompile(`(?:src|href)="([^"]*)"|from '([^']*)'|import\('([^']*)'\)`)
	inline := regexp.MustCompile(`<script>|<style|\sstyle="|\son[a-z]+="|https?://[a-z]`)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		own := strings.NewReplacer("http://www.w3.org/2000/svg", "").Replace(string(text))
		if found := inline.FindString(own); found != "" {
			t.Errorf("%s has %q", name, found)
		}
		for _, match := range loads.FindAllStringSubmatch(own, -1) {
			target := match[1] + match[2] + match[3]
			if asset, local := strings.CutPrefix(target, "./"); local {
				target = "/console/assets/" + asset
			}
			if strings.HasPrefix(target, "/console/assets/") && ask(t, c, http.MethodGet, target).Code != http.StatusOK {
				t.Errorf("%s loads %s, which is not served", name, target)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w := ask(t, c, http.MethodGet, "/console/assets/console.js")
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") {
		t.Errorf("%v", w.Header())
	}
	again := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/console/assets/console.js", http.NoBody)
	again.Header.Set("If-None-Match", w.Header().Get("ETag"))
	kept := httptest.NewRecorder()
	c.ServeHTTP(kept, again)
	if kept.Code != http.StatusNotModified {
		t.Errorf("an asset that has not changed is sent again: %d", kept.Code)
	}
}

// A platform that cannot be read has pages that say so.
func TestPagesSayWhyTheyShowNothing(t *testing.T) {
	c := newConsole(t, fakeAPI{"GET /status": "broken"})
	for _, target := range []string{"/", "/console/health", "/console/replays/r1", "/console/verifications"} {
		w := ask(t, c, http.MethodGet, target)
		if !strings.Contains(w.Body.String(), `role="alert"`) {
			t.Errorf("%s: %d\n%s", target, w.Code, w.Body)
		}
	}
}
