package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/local"
	"reprise/pkg/local/feedpebble"
	"reprise/pkg/local/localstore"
)

func TestMisuse(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: "http://127.0.0.1:1", change: func(a *command.App) {
		a.RunLocal = func(context.Context, local.Options, io.Writer, io.Writer) error {
			return errors.New("a platform was started")
		}
	}}
	for _, c := range []struct{ args, want string }{
		{"", "Usage:"},
		{"nonsense", `no command "nonsense"`},
		{"help nonsense", `no command "nonsense"`},
		{"replay", "reprise replay start"},
		{"replay nonsense", `no command "replay nonsense"`},
		{"state", "reprise state export"},
		{"send", "missing argument FILE"},
		{"send a b", `expected one FILE|-, got an extra argument "b"`},
		{"send /nowhere/file", "there is no file"},
		{"send /", "is a directory"},
		{"send - --timeout 0s", "--timeout"},
		{"send - --batch 0", "--batch"},
		{"send - --senders 3", "power of two"},
		{"send - --nonsense", "nonsense"},
		{"send - --endpoint nonsense", "is not an http or https URL"},
		{"replay start x", `unexpected argument "x"`},
		{"replay start --from yesterday", "-from: expected a time such as"},
		{"replay start --to 2026-13-01T00:00:00Z", "-to: expected a time such as"},
		{"replay start --from 2026-03-02 --to 2026-03-01", "not before"},
		{"replay start --from= --to 2026-03-01", "-from: expected a time such as"},
		{"replay start --to=", "-to: expected a time such as"},
		{"replay start --entity=", "entities"},
		{"replay start --entity \xe9", "entities"},
		{"replay start --entity a\x00", "entities"},
		{"replay start --entity " + strings.Repeat("#", 300), "entities"},
		{"replay start --type \xe9", "types"},
		{"replay start --type=", "types"},
		{"replay start --promote", "promote needs rebuild"},
		{"replay start --rebuild --type x", "a rebuild takes the whole log"},
		{"replay start --parallelism 1000", "parallelism"},
		{"replay start --parallelism x", "parallelism"},
		{"replay start --name a/b", "--name"},
		{"replay get", "missing argument ID"},
		{"replay get a/b", "not a replay id"},
		{"replay watch a b", `expected one ID, got an extra argument "b"`},
		{"replay cancel ..", "not a replay id"},
		{"replay list x", `unexpected argument "x"`},
		{"state get", "missing argument ENTITY"},
		{"state get \xff", "cannot be an entity's id: it is not valid Unicode"},
		{"state get a\x00", "cannot be an entity's id: it has the control character"},
		{"events a\x7f", "cannot be an entity's id: it has the control character"},
		{"state get " + strings.Repeat("x", 800), "cannot be an entity's id: it takes 800 bytes in a key; at most 768"},
		{"state export x", `unexpected argument "x"`},
		{"state wipe", "--yes"},
		{"state wipe --yes x", `unexpected argument "x"`},
		{"events", "missing argument ENTITY"},
		{"status x", `unexpected argument "x"`},
		{"local", "missing flag --data"},
		{"local --data d x", `unexpected argument "x"`},
		{"local --data d --lanes 3", "power of two"},
		{"local --data d --bucket week", "day or hour"},
		{"local --data d --shards 0", "--shards"},
		{"local --data d --reserve 0", "--reserve"},
		{"local --data d --addr 0.0.0.0:80", "no authentication"},
		{"local --data d --addr :8787", "no authentication"},
		{"local --data d --addr 192.168.0.1:80", "no authentication"},
		{"local --data d --addr nonsense", "--addr"},
	} {
		got := s.run("", strings.Fields(c.args)...)
		if got.code != command.ExitMisuse || !strings.Contains(got.stderr, c.want) || got.stdout != "" {
			t.Errorf("reprise %s: %+v", c.args, got)
		}
		if c.args != "" && !strings.Contains(got.stderr, "reprise help") {
			t.Errorf("reprise %s gives no hint: %s", c.args, got.stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	s := &shell{t: t}
	for _, args := range [][]string{{"help"}, {"--help"}, {"-h"}} {
		if out := s.fine("", args...); !strings.Contains(out,
			"Exit codes: 0 fine, 1 failed, 2 misuse, 3 a replay that selected no event.") {
			t.Errorf("%v: %s", args, out)
		}
	}
	all := s.fine("", "help")
	for _, want := range []string{
		"reprise local --data DIR  ", "state wipe --yes  ", "replay set-rate ID N  ", "--reason TEXT\n  ",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("help lacks %q: %s", want, all)
		}
	}
	if out := s.fine("", "replay", "--help"); !strings.Contains(out, "replay watch") ||
		strings.Contains(out, "reprise send") {
		t.Errorf("help of a group: %s", out)
	}
	for _, c := range commands() {
		words := strings.Fields(c.Name)
		byFlag, byWord := s.fine("", append(words, "--help")...), s.fine("", append([]string{"help"}, words...)...)
		if byFlag != byWord || !strings.Contains(byFlag, "Example") || !strings.Contains(byFlag, "  reprise "+c.Name) {
			t.Errorf("help of %s: %s", c.Name, byFlag)
		}
	}
}

func TestFlagsMayStandAnywhere(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"entity":%q}`, r.URL.Path)
	}))
	defer server.Close()
	s := &shell{t: t, endpoint: "http://127.0.0.1:1"}
	for _, args := range [][]string{
		{"state", "get", "--endpoint", server.URL, "a", "--json"},
		{"state", "get", "a", "--json", "--endpoint=" + server.URL},
		{"state", "get", "-json", "-endpoint", server.URL, "--", "a"},
	} {
		if out := s.fine("", args...); !strings.Contains(out, "/entities/YQ") {
			t.Errorf("%v: %s", args, out)
		}
	}
	if out := s.fine(
		"", "state", "get", "--json", "--endpoint", server.URL, "--", "--json",
	); !strings.Contains(out, web.EncodeEntity("--json")) {
		t.Errorf("an entity like a flag: %s", out)
	}
}

func TestNobodyServes(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	gone := &shell{t: t, endpoint: server.URL, change: func(a *command.App) {
		at := time.Unix(0, 0)
		a.Now = func() time.Time { return at }
		a.Sleep = func(ctx context.Context, d time.Duration) error {
			at = at.Add(d)
			return ctx.Err()
		}
	}}
	commands := []string{"status", "replay list", "replay get r", "replay watch r", "replay start", "replay cancel r",
		"state get a", "state export", "state wipe --yes", "events a", "send -"}
	for _, args := range commands { // another server
		if got := gone.run(account("a", 0), strings.Fields(args)...); got.code != command.ExitFailed ||
			!strings.Contains(got.stderr, "hint: ") {
			t.Errorf("reprise %s: %+v", args, got)
		}
	}
	server.Close()
	for _, args := range commands {
		got := gone.run(account("a", 0), strings.Fields(args)...)
		if got.code != command.ExitFailed || !strings.Contains(got.stderr, "no answer from "+server.URL) ||
			!strings.Contains(got.stderr, "hint: ") {
			t.Errorf("reprise %s: %+v", args, got)
		}
	}
}

func TestLocalSaysWhatToDo(t *testing.T) {
	t.Parallel()
	var given local.Options
	var fail error
	s := &shell{t: t, change: func(a *command.App) {
		a.RunLocal = func(_ context.Context, o local.Options, stdout, _ io.Writer) error {
			given = o
			_, _ = io.WriteString(stdout, "ready\n")
			return fail
		}
	}}
	out := s.fine("", "local", "--data", "d")
	if out != "ready\n" || given.Addr != "127.0.0.1:8787" || given.Lanes != 64 ||
		given.Bucket != eventlog.Day || given.Shards != 0 || given.ReserveBytes != 256<<20 || given.Dir != "d" ||
		given.StepFunctionsAddr != "127.0.0.1:8788" || !given.StepFunctionsAnyPort {
		t.Errorf("%q with %+v", out, given)
	}
	s.fine("", "local", "--data=d", "--addr", "[::1]:0", "--bucket", "hour", "--lanes", "1", "--shards", "9")
	for want, err := range map[string]error{
		"another reprise local runs": localstore.ErrInUse,
		"run the version":            localstore.ErrFormat,
		"give the same values again": localstore.ErrSettings,
		"an empty or a new":          localstore.ErrNotADataDir,
		"choose another --addr":      syscall.EADDRINUSE,
		"a smaller --reserve":        localstore.ErrFull,
		"from a backup":              localstore.ErrDamaged,
		"--accept-loss":              feedpebble.ErrLost,
		"--shards is fixed":          local.ErrShards,
		"choose another --sfn-addr":  local.ErrStepFunctionsAddr,
		"leave --workflows out":      local.ErrWorkflows,
	} {
		fail = fmt.Errorf("open d: %w", err)
		got := s.run("", "local", "--data", "d")
		if got.code != command.ExitFailed || !strings.Contains(got.stderr, "hint: ") ||
			!strings.Contains(got.stderr, want) {
			t.Errorf("%v: %+v", err, got)
		}
	}
}

func TestLocalRunsUntilItIsStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	out, printed := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- Main(ctx, []string{"local", "--data", t.TempDir(), "--addr", "127.0.0.1:0", "--lanes", "2"},
			func(string) string { return "" }, strings.NewReader(""), printed, io.Discard)
	}()
	line := make([]byte, 100)
	n, err := out.Read(line)
	must(t, err)
	endpoint, found := strings.CutPrefix(strings.TrimSpace(string(line[:n])), "ready ")
	if !found {
		t.Errorf("printed %q", line[:n])
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	s := &shell{t: t, endpoint: endpoint}
	s.fine("", "status")
	cancel()
	if code := <-ended; code != command.ExitFine {
		t.Errorf("exit %d", code)
	}
}

// waitFor runs the wait of reprise send against answers of GET /lanes, with a clock
// that advances only in sleeps.
func waitFor(t *testing.T, timeout time.Duration, answers ...string) (result, error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, answers[0])
		if len(answers) > 1 {
			answers = answers[1:]
		}
	}))
	defer server.Close()
	var errs strings.Builder
	at := time.Unix(0, 0)
	a := command.NewApp(func(string) string { return server.URL }, nil, io.Discard, &errs, commands())
	a.Now = func() time.Time { return at }
	a.Sleep = func(ctx context.Context, d time.Duration) error {
		at = at.Add(max(d, time.Second))
		return ctx.Err()
	}
	f := &sendFlags{ClientFlags: &command.ClientFlags{App: a}, timeout: timeout}
	err := f.await(t.Context(), map[event.Lane]event.Position{1: "0001-015-0001"}, progress.New(&errs, a.Now))
	return result{stderr: errs.String()}, err
}

func lanes(lost bool, position, applied string) string {
	return fmt.Sprintf(`{"generation":"g0001","lost":%v,"lanes":[{"lane":0},{"lane":1,"position":%q,"applied":%q}]}`,
		lost, position, applied)
}

func TestWaitEnds(t *testing.T) {
	t.Parallel()
	const target = "0001-015-0001"
	if got, err := waitFor(t, time.Hour, lanes(false, "", ""), lanes(false, "0001-015-0000", ""),
		lanes(false, target, ""), lanes(false, target, "0001-015-0002")); err != nil {
		t.Errorf("all is applied: %v %s", err, got.stderr)
	}
	_, err := waitFor(t, time.Hour, lanes(true, "", ""), lanes(true, target, ""))
	if err == nil || !strings.Contains(err.Error(), "generation g0001 is lost") ||
		!strings.Contains(command.HintFor("send", err), "--rebuild --promote") {
		t.Errorf("lost: %v", err)
	}
	got, err := waitFor(t, time.Minute, lanes(false, target, ""))
	if !errors.Is(err, errWait) || strings.Count(got.stderr, "nothing has moved") != 1 {
		t.Errorf("standing still: %v %s", err, got.stderr)
	}
}
