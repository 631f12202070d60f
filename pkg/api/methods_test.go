package api_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/api/intake"
	"reprise/pkg/api/web"
)

// local asks the API of a platform on one machine.
func local(t *testing.T, method, path, kind, body string) *httptest.ResponseRecorder {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	served := &api.API{Entities: entities.Entities{Log: log}}
	handler := api.NewLocal(&intake.Load{Log: log}, &intake.Load{Log: log, KeepTime: true}, served,
		&api.Playback{Log: log}, &api.Live{})
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestWrongMethodsAreNamed(t *testing.T) {
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/events", 405, "POST"},
		{"DELETE", "/replays/r1", 405, "GET"},
		{"PUT", "/replays", 405, "GET, POST"},
		{"GET", "/replays/r1/cancel", 405, "POST"},
		{"POST", "/status", 405, "GET"},
		{"POST", "/playback", 405, "GET"},
		{"OPTIONS", "/events", 405, "POST"},
		{"GET", "/nothing", 404, ""},
		{"POST", "/", 404, ""},
	} {
		got := local(t, c.method, c.path, "", "")
		problem := decode[web.Problem](t, got.Body.String())
		want := map[int]string{405: "method-not-allowed", 404: "no-route"}[c.status]
		if got.Code != c.status || got.Header().Get("Allow") != c.allow || problem.Kind() != want ||
			!strings.Contains(problem.Detail, c.allow) {
			t.Errorf("%s %s: %d %v %s", c.method, c.path, got.Code, got.Header(), got.Body)
		}
	}
}

func TestDescriptionIsServed(t *testing.T) {
	want, err := os.ReadFile("openapi.yaml")
	must(t, err)
	got := local(t, "GET", "/openapi.yaml", "", "")
	if got.Code != http.StatusOK || got.Header().Get("Content-Type") != "application/yaml" ||
		got.Body.String() != string(want) {
		t.Errorf("%d %v, %d bytes", got.Code, got.Header(), got.Body.Len())
	}
}

// A web page can have a browser send what is no JSON to this machine unasked.
func TestCancelTakesJSONOnly(t *testing.T) {
	w := newAPIWorld(t)
	for _, c := range []struct {
		kind, body string
		status     int
	}{
		{"", "", 415},
		{"text/plain", "{}", 415},
		{"application/x-www-form-urlencoded", "", 415},
		{"application/json", `{"force":true}`, 400},
		{"application/json", `[`, 400},
		{"application/json", "", 404},
		{"application/json; charset=utf-8", "{}", 404},
	} {
		a := asked{route: "POST /replays/{id}/cancel", id: "nobody", body: c.body}
		if c.kind != "" {
			a.headers = map[string]string{"content-type": c.kind}
		}
		if got := w.ask(a); got.StatusCode != c.status {
			t.Errorf("%q %q: %d %s", c.kind, c.body, got.StatusCode, got.Body)
		}
	}
}
