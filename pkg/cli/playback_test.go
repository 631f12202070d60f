package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/cli/command"
	"reprise/pkg/event"
)

// until cancels once as many lines were written as are wanted.
type until struct {
	bytes.Buffer
	lines  int
	cancel context.CancelFunc
}

func (u *until) Write(p []byte) (int, error) {
	n, err := u.Buffer.Write(p)
	if bytes.Count(u.Bytes(), []byte{'\n'}) >= u.lines {
		u.cancel()
	}
	return n, err
}

// tailed runs reprise playback tail until it has printed so many lines.
func tailed(t *testing.T, endpoint string, lines int, args ...string) []api.PlaybackEvent {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &until{lines: lines, cancel: cancel}
	var errs bytes.Buffer
	a := command.NewApp(func(string) string { return endpoint }, nil, out, &errs, commands())
	a.Env = func(name string) string { return map[string]string{command.EndpointVariable: endpoint}[name] }
	code := a.Main(ctx, append([]string{"playback", "tail"}, args...))
	if code != command.ExitFine || errs.String() != "" {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	return decodeLines[api.PlaybackEvent](t, out.String())
}

func TestTailPrintsWhatReplaysDeliver(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	var text strings.Builder
	for i := range 40 {
		text.WriteString(account(fmt.Sprint("e", i), 4))
	}
	s.fine(text.String(), "send", "-", "--wait")
	s.fine("", "replay", "start", "--name", "one", "--type", "account.deposited", "--wait")
	s.fine("", "replay", "start", "--name", "two", "--wait")
	for replay, want := range map[string]int{"one": 160, "two": 200} {
		next := make(map[event.Lane]int64)
		for _, e := range tailed(t, s.endpoint, want, "--replay", replay) {
			var fields struct{ Type, Repriseposition string }
			must(t, json.Unmarshal(e.Event, &fields))
			if e.Replay != replay || e.Ordinal != next[e.Lane] || fields.Repriseposition == "" ||
				(replay == "one" && fields.Type != "account.deposited") {
				t.Fatalf("lane %d is at %d: %+v", e.Lane, next[e.Lane], e)
			}
			next[e.Lane]++
		}
		if len(next) != 8 {
			t.Errorf("replay %s: events of %d lanes", replay, len(next))
		}
	}
	if all := tailed(t, s.endpoint, 360); len(all) < 360 {
		t.Errorf("%d events of both replays", len(all))
	}
}

func TestTailFromNowLeavesOutWhatWas(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, endpoint: startPlatform(t)}
	s.fine(account("a", 4), "send", "-", "--wait")
	s.fine("", "replay", "start", "--name", "before", "--wait")
	var later *shell
	began := 0
	// The tail has a place in every shard before the next replay begins.
	proxy := flaky(t, s.endpoint, func(_ int64, _ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/playback" && r.URL.Query().Get("after") != "" {
			if began++; began == 1 {
				later = &shell{t: t, endpoint: s.endpoint}
				later.fine("", "replay", "start", "--name", "after", "--wait")
			}
		}
		return false
	})
	for _, e := range tailed(t, proxy, 5, "--from", "now") {
		if e.Replay != "after" {
			t.Errorf("printed %+v", e)
		}
	}
}

func TestTailSaysWhereItDoesNotWork(t *testing.T) {
	t.Parallel()
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"message":"Not Found"}`))
	}))
	defer gateway.Close()
	s := &shell{t: t, endpoint: gateway.URL}
	want := "hint: only a platform on one machine serves its playback stream; on AWS, " +
		"subscribe to the Kinesis stream PREFIX-playback"
	if got := s.run("", "playback", "tail"); got.code != command.ExitFailed || !strings.Contains(got.stderr, want) {
		t.Errorf("%+v", got)
	}
	for _, args := range []string{"--from yesterday", "--replay a/b", "x"} {
		got := s.run("", append([]string{"playback", "tail"}, strings.Fields(args)...)...)
		if got.code != command.ExitMisuse {
			t.Errorf("%s: %+v", args, got)
		}
	}
}
