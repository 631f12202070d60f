package cli

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"reprise/pkg/aws/apiaccess"
	"reprise/pkg/cli/command"
)

// browse runs reprise console for a server until the test ends, and returns its address.
func browse(t *testing.T, g *guarded, flags ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	s := with(t, cloud{endpoint: g.URL}, nil)
	change := s.change
	s.change = func(a *command.App) { change(a); a.Stdout = in }
	ended := make(chan result, 1)
	go func() {
		ended <- s.runUntil(ctx, "", append([]string{"console", "--addr", "127.0.0.1:0"}, flags...)...)
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	t.Cleanup(func() {
		stop()
		if got := <-ended; got.code != command.ExitFine {
			t.Errorf("%+v", got)
		}
	})
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "console "), "/")
}

// ask sends a request, and returns the answer's status and body.
func ask(t *testing.T, method, url string, header http.Header) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("{}"))
	must(t, err)
	r.Header = header
	if host := header.Get("Host"); host != "" {
		r.Host = host
	}
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer.StatusCode, string(body)
}

func TestConsoleSignsTheRequestsOfItsPages(t *testing.T) {
	t.Parallel()
	g := guard(t)
	at := browse(t, g, "--auth", "aws", "--region", "eu-west-1", "--stack-prefix", "orders")
	status, body := ask(t, http.MethodPost, at+"/replays/r1/pause", http.Header{"Content-Type": {"application/json"}})
	if status != http.StatusOK || len(g.seen) != 1 || g.seen[0] != "AWS4-HMAC-SHA256 eu-west-1  2" {
		t.Errorf("%d %s, signed %q", status, body, g.seen)
	}
	status, body = ask(t, http.MethodGet, at+"/", http.Header{})
	for _, want := range []string{"orders in eu-west-1", `data-flags="--region eu-west-1 --stack-prefix orders"`} {
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%d, without %q:\n%s", status, want, body)
		}
	}
	g.status = http.StatusForbidden
	status, body = ask(t, http.MethodGet, at+"/status", http.Header{})
	if status != http.StatusForbidden || !strings.Contains(body, "your credentials may not GET /status") {
		t.Errorf("%d %s", status, body)
	}
}

// Others get nothing of the operator's credentials.
func TestConsoleServesThisMachineOnly(t *testing.T) {
	t.Parallel()
	g := guard(t)
	at := browse(t, g, "--auth", "aws", "--region", "eu-west-1", "--stack-prefix", "orders")
	for name, header := range map[string]http.Header{
		"a foreign host":       {"Host": {"evil.example"}},
		"a cross-site request": {"Sec-Fetch-Site": {"cross-site"}, "Content-Type": {"application/json"}},
		"a foreign origin":     {"Origin": {"https://evil.example"}, "Content-Type": {"application/json"}},
	} {
		if status, body := ask(t, http.MethodPost, at+"/replays", header); status != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, body := ask(t, http.MethodGet, at+"/live", http.Header{}); status != http.StatusNotFound {
		t.Errorf("live: %d %s", status, body)
	}
	if len(g.seen) != 0 {
		t.Errorf("%d requests were sent on", len(g.seen))
	}
	s := &shell{t: t, change: func(a *command.App) { a.AWS = func(apiaccess.Options) command.Cloud { return cloud{} } }}
	if got := s.run("", "console", "--addr", "0.0.0.0:0"); got.code != command.ExitMisuse {
		t.Errorf("%+v", got)
	}
}
