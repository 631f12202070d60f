package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/pkg/cli/command"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
)

// startPlatform runs a platform until the test ends, and returns its endpoint.
func startPlatform(t *testing.T) string {
	t.Helper()
	return startPlatformOf(t, 8)
}

func startPlatformOf(t *testing.T, lanes int) string {
	t.Helper()
	localtest.Whole(t)
	p, err := local.Open(t.Context(), local.Options{Dir: filepath.Join(t.TempDir(), "data"), Lanes: lanes, Shards: 2})
	must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(ctx, listener, func() {}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

// shell runs commands against an endpoint.
type shell struct {
	t        *testing.T
	endpoint string
	// change replaces parts of the app, if it is not nil.
	change func(*command.App)
}

// result is what a command printed, and its exit code.
type result struct {
	code           int
	stdout, stderr string
}

func (s *shell) run(stdin string, args ...string) result {
	s.t.Helper()
	return s.runUntil(s.t.Context(), stdin, args...)
}

func (s *shell) runUntil(ctx context.Context, stdin string, args ...string) result {
	s.t.Helper()
	var out, errs bytes.Buffer
	env := func(name string) string {
		if name == command.EndpointVariable {
			return s.endpoint
		}
		return ""
	}
	a := command.NewApp(env, strings.NewReader(stdin), &out, &errs, commands())
	if s.change != nil {
		s.change(a)
	}
	code := a.Main(ctx, args)
	return result{code, out.String(), errs.String()}
}

// fine runs a command that must succeed, and returns what it printed.
func (s *shell) fine(stdin string, args ...string) string {
	s.t.Helper()
	got := s.run(stdin, args...)
	if got.code != command.ExitFine {
		s.t.Fatalf("reprise %s: exit %d\n%s%s", strings.Join(args, " "), got.code, got.stdout, got.stderr)
	}
	return got.stdout
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// account returns the events of an account: its opening and n deposits of 1.
func account(entity string, n int) string {
	subject, err := json.Marshal(entity)
	if err != nil {
		panic(err)
	}
	var b strings.Builder
	for i := range n + 1 {
		kind, data := "account.deposited", `{"amount":1}`
		if i == 0 {
			kind, data = "account.opened", `{"owner":"<o>"}`
		}
		fmt.Fprintf(&b, `{"specversion":"1.0","id":"%d","source":"/t","type":"%s","subject":%s,`+
			`"time":"2026-03-01T00:00:00Z","data":%s}`+"\n", i, kind, subject, data)
	}
	return b.String()
}

func writeFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func decode[T any](t testing.TB, text string) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return value
}

// decodeLines decodes JSON Lines.
func decodeLines[T any](t testing.TB, text string) []T {
	t.Helper()
	var all []T
	decoder := json.NewDecoder(strings.NewReader(text))
	for {
		var value T
		err := decoder.Decode(&value)
		if err == io.EOF {
			return all
		}
		must(t, err)
		all = append(all, value)
	}
}
