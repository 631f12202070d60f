package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reprise/pkg/cli/command"
	"reprise/pkg/cli/entity"
)

// flaky serves a proxy of a platform that fails some calls.
func flaky(t *testing.T, endpoint string, fail func(call int64, w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	target, err := url.Parse(endpoint)
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fail(calls.Add(1), w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestSendOutlivesFailures sends through a proxy that fails before or after the
// platform has accepted a request. No event is applied twice, and every entity's
// events stay in order.
func TestSendOutlivesFailures(t *testing.T) {
	t.Parallel()
	endpoint := startPlatform(t)
	direct := &shell{t: t, endpoint: endpoint}
	through := &shell{t: t, change: func(a *command.App) {
		a.Sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	}}
	through.endpoint = flaky(t, endpoint, func(call int64, w http.ResponseWriter, r *http.Request) bool {
		switch call % 4 {
		case 0:
			return false
		case 1:
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			panic(http.ErrAbortHandler) // cuts the connection
		case 3: // the platform accepts it, and the answer is lost
			target, _ := url.Parse(endpoint)
			httputil.NewSingleHostReverseProxy(target).ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		return true
	})
	var text strings.Builder
	for i := range 60 {
		text.WriteString(account(fmt.Sprint("e", i), 20))
	}
	file := writeFile(t, "events.jsonl", text.String())
	result := decode[sent](t, through.fine("", "send", file, "--batch", "40", "--senders", "4"))
	if result.Accepted != 60*21 || len(result.Refused) > 0 {
		t.Errorf("%+v", result)
	}
	direct.fine(account("last", 0), "send", "-", "--wait")
	direct.fine("", "send", file, "--wait") // all of it again
	rows := decodeLines[entity.ExportedRow](t, direct.fine("", "state", "export"))
	for _, r := range rows {
		if strings.HasPrefix(r.Entity, "e") && (r.Count != 21 || !strings.Contains(string(r.State), `"balance":20`)) {
			t.Errorf("%s: %d events make %s", r.Entity, r.Count, r.State)
		}
	}
	if len(rows) != 61 {
		t.Errorf("%d entities, want 61", len(rows))
	}
}

func TestSendRefusesAFileAsAWhole(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	bad := account("a", 2) + "{}\n" + account("b", 2) + "nonsense\n"
	got := s.run("", "send", writeFile(t, "events.jsonl", bad))
	if got.code != command.ExitFailed || !strings.Contains(got.stderr, "line 4: ") ||
		!strings.Contains(got.stderr, "line 8: ") || !strings.Contains(got.stderr, "nothing was sent") ||
		!strings.Contains(got.stdout, `"accepted":0`) {
		t.Errorf("file: %+v", got)
	}
	if got := s.run("", "events", "a"); got.code != command.ExitFailed || !strings.Contains(got.stderr, "has no event") {
		t.Errorf("something was sent: %+v", got)
	}
	got = s.run(bad, "send", "-")
	if got.code != command.ExitFailed || !strings.Contains(got.stderr, "line 4: ") ||
		!strings.Contains(got.stdout, `"accepted":3`) {
		t.Errorf("standard input: %+v", got)
	}
	future := strings.ReplaceAll(account("f", 0), "2026-03-01", "9998-01-01")
	if got = s.run(account("a", 0)+future, "send", "-", "--keep-time"); got.code != command.ExitFailed ||
		!strings.Contains(got.stderr, "line 2: ") || !strings.Contains(got.stderr, "future") {
		t.Errorf("what only the server refuses: %+v", got)
	}
}
