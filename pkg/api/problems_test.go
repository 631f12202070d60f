package api_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
)

func TestProblemsSayWhatIsWrong(t *testing.T) {
	w := newAPIWorld(t)
	w.send(deposits("a", 0, 3)...)
	w.flow()
	known := web.EncodeEntity("a")
	long := web.EncodeEntity(strings.Repeat("x", 800))
	for _, c := range []struct {
		route, id string
		query     map[string]string
		status    int
		kind      string
	}{
		{"GET /nothing", "", nil, 404, "no-route"},
		{"", "", nil, 404, "no-route"},
		{"GET /entities/{id}", web.EncodeEntity("nobody"), nil, 404, "entity-not-found"},
		{"GET /entities/{id}", "", nil, 400, "invalid-entity"},
		{"GET /entities/{id}", "not base64!", nil, 400, "invalid-entity"},
		{"GET /entities/{id}", base64.URLEncoding.EncodeToString([]byte("a")), nil, 400, "invalid-entity"},
		{"GET /entities/{id}", base64.RawURLEncoding.EncodeToString([]byte{0xff}), nil, 400, "invalid-entity"},
		{"GET /entities/{id}", long, nil, 400, "invalid-entity"},
		{"GET /entities/{id}", known, map[string]string{"x": "1"}, 400, "invalid-parameter"},
		{"GET /entities/{id}/events", web.EncodeEntity("nobody"), nil, 404, "entity-not-found"},
		{"GET /entities/{id}/events", known, map[string]string{"limit": "0"}, 400, "invalid-parameter"},
		{"GET /entities/{id}/events", known, map[string]string{"limit": "10001"}, 400, "invalid-parameter"},
		{"GET /entities/{id}/events", known, map[string]string{"limit": "x"}, 400, "invalid-parameter"},
		{"GET /entities/{id}/events", known, map[string]string{"after": "x"}, 400, "invalid-parameter"},
		{"GET /entities/{id}/events", known, map[string]string{"after": "2026-03-01T00_x"}, 400, "invalid-parameter"},
		{"GET /rows", "", nil, 400, "invalid-parameter"},
		{"GET /rows", "", map[string]string{"lane": "4"}, 400, "invalid-parameter"},
		{"GET /rows", "", map[string]string{"lane": "-1"}, 400, "invalid-parameter"},
		{"GET /rows", "", map[string]string{"lane": "0", "limit": "1001"}, 400, "invalid-parameter"},
		{"GET /rows", "", map[string]string{"lane": "0", "after": "!"}, 400, "invalid-parameter"},
		{"GET /rows", "", map[string]string{"lane": "0", "generation": "g9"}, 404, "generation-not-found"},
		{"GET /rows", "", map[string]string{"lane": "0", "generation": strings.Repeat("g", 3000)}, 400, "invalid-parameter"},
		{"GET /lanes", "", map[string]string{"lane": "0"}, 400, "invalid-parameter"},
		{"GET /status", "", map[string]string{"x": ""}, 400, "invalid-parameter"},
		{"GET /generations", "", map[string]string{"x": ""}, 400, "invalid-parameter"},
		{"GET /replays", "", map[string]string{"after": "a/b"}, 400, "invalid-parameter"},
		{"GET /replays", "", map[string]string{"limit": "501"}, 400, "invalid-parameter"},
		{"GET /replays/{id}", "none", nil, 404, "replay-not-found"},
		{"GET /replays/{id}", "a b", nil, 404, "replay-not-found"},
		{"POST /state/wipe", "", nil, 415, "unsupported-media-type"},
	} {
		response := w.call(c.route, c.id, c.query, "")
		problem := decode[web.Problem](t, response.Body)
		if response.StatusCode != c.status || problem.Kind() != c.kind || problem.Status != c.status ||
			problem.Detail == "" || response.Headers["Content-Type"] != "application/problem+json" {
			t.Errorf("%s %s %v: %d %s", c.route, c.id, c.query, response.StatusCode, response.Body)
		}
	}
}

func TestNothingInternalLeaks(t *testing.T) {
	w := newAPIWorld(t)
	secret := errors.New("dial tcp 10.0.0.7: secret")
	for _, c := range []struct {
		err    error
		status int
		retry  bool
	}{
		{secret, 500, false},
		{fmt.Errorf("%w: %w", datastore.ErrThrottled, secret), 503, true},
		{fmt.Errorf("%w: %w", context.DeadlineExceeded, secret), 503, true},
	} {
		w.platform.err, w.replays.err = c.err, c.err
		for route, body := range map[string]string{"GET /status": "", "POST /replays": `{"input":{}}`} {
			response := w.call(route, "", nil, body)
			retry := response.Headers["Retry-After"] != ""
			if response.StatusCode != c.status || strings.Contains(response.Body, "secret") || retry != c.retry {
				t.Errorf("%v: %d %s", c.err, response.StatusCode, response.Body)
			}
		}
	}
	if !strings.Contains(w.logged.String(), "secret") {
		t.Error("the reason is not logged")
	}
}
