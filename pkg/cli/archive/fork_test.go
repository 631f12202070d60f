package archive

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"reprise/pkg/cli/command"
	"reprise/pkg/eventlog"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/personal/sealed"
)

// A fork is the log up to a time: its states are those of a platform that never had more.
func TestAForkIsTheLogAsItWas(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	const lanes = 4
	a := platform(t, lanes)
	sendRandom(t, a, lanes, r, 300)
	all := logOf(t, a, lanes)
	to := beginning.Add(60 * time.Hour)
	want := make(history)
	for id, events := range all {
		for _, one := range events {
			if millis, _, _ := strings.Cut(one, " "); millis < "1772539200000" { // 2026-03-03T12:00:00Z
				want[id] = append(want[id], one)
			}
		}
	}
	dir := filepath.Join(t.TempDir(), "fork")
	s := &shell{t: t, endpoint: a.URL}
	got := fine[forked](s, "fork", "--to", to.Format(time.RFC3339), "--into", dir)
	if !got.Verified || got.Masked || got.Events != want.count() || got.Events == 0 || got.Events == got.Logged {
		t.Errorf("%+v, want %d events", got, want.count())
	}
	if left, _ := filepath.Glob(dir + "*"); len(left) != 1 {
		t.Errorf("left over: %v", left)
	}
	b := localtest.Start(t, local.Options{Dir: dir, Lanes: lanes, Bucket: eventlog.Hour})
	same(t, "the fork", logOf(t, b, lanes), want)
	// The states are those that the source had then.
	for id, row := range b.Rows("", lanes) {
		then, err := clientOf(t, a).StateAt(t.Context(), id, to.Add(-time.Millisecond).Format(time.RFC3339Nano))
		must(t, err)
		if string(row.State) != string(then.State) || row.Count != then.Count {
			t.Errorf("%q is %s after %d events, and was %s after %d", id, row.State, row.Count, then.State, then.Count)
		}
	}
}

func TestAForkNeedsAPlaceOfItsOwn(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	a, b := platform(t, 2), platform(t, 2)
	sendRandom(t, a, 2, r, 40)
	s := &shell{t: t, endpoint: a.URL}
	full := t.TempDir()
	must(t, os.WriteFile(filepath.Join(full, "x"), nil, 0o600))
	for into, want := range map[string]string{
		full:                     "is not empty",
		"":                       "missing flag --into",
		filepath.Join(full, "x"): "--into:",
		a.URL:                    "the source itself",
		strings.Replace(a.URL, "127.0.0.1", "localhost", 1): "the source itself",
	} {
		if got := s.run(t.Context(), "fork", "--into", into); got.code == command.ExitFine ||
			!strings.Contains(got.stderr, want) {
			t.Errorf("into %q: %+v", into, got)
		}
	}
	got := fine[forked](s, "fork", "--into", b.URL)
	if got.Events == 0 || got.Events != got.Logged {
		t.Errorf("%+v", got)
	}
	sameStates(t, "the fork", b.Rows("", 2), a.Rows("", 2))
	empty := filepath.Join(t.TempDir(), "empty")
	must(t, os.Mkdir(empty, 0o700))
	fine[forked](s, "fork", "--into", empty+"/")
}

// A fork that is killed in its export, and then in its import, goes on, and has
// everything once.
func TestAKilledForkGoesOn(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	const lanes = 4
	a := platform(t, lanes)
	sent := sendRandom(t, a, lanes, r, 100)
	dir := filepath.Join(t.TempDir(), "fork")
	for at, left := range map[string]int{"/log/pages": 2, "/imports": 1, "/verifications": 0} {
		ctx, cancel := context.WithCancel(t.Context())
		s := &shell{t: t, endpoint: a.URL, http: &http.Client{Transport: &killedAt{path: at, left: left, kill: cancel}}}
		if got := s.run(ctx, "fork", "--into", dir); got.code != command.ExitFailed {
			t.Errorf("killed at %s: %+v", at, got)
		}
		cancel()
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("killed at %s: there is a directory", at)
		}
	}
	pages := &killedAt{path: "/log/pages", left: 1000}
	s := &shell{t: t, endpoint: a.URL, http: &http.Client{Transport: pages}}
	got := fine[forked](s, "fork", "--into", dir)
	if got.Events != sent || !got.Verified {
		t.Errorf("%+v", got)
	}
	b := localtest.Start(t, local.Options{Dir: dir, Lanes: lanes, Bucket: eventlog.Hour})
	same(t, "the fork", logOf(t, b, lanes), logOf(t, a, lanes))
	sameStates(t, "the fork", b.Rows("", lanes), a.Rows("", lanes))
	for host := range pages.hosts {
		if "http://"+host == a.URL {
			t.Error("the source was read again")
		}
	}
}

// A fork of a log whose events are older than the declaration of their personal fields has
// them as they are: it is a copy.
func TestAForkHasWhatIsPlainAsItIs(t *testing.T) {
	t.Parallel()
	const lanes = 2
	a := platform(t, lanes)
	sendRandom(t, a, lanes, seeded(t), 30)
	dir := filepath.Join(t.TempDir(), "fork")
	s := &shell{t: t, endpoint: a.URL, personal: sealed.Rules{"account.opened": {Fields: []string{"/owner"}}}}
	if got := fine[forked](s, "fork", "--into", dir); !got.Verified {
		t.Errorf("%+v", got)
	}
	b := localtest.Start(t, local.Options{Dir: dir, Lanes: lanes, Bucket: eventlog.Hour, Personal: s.personal})
	same(t, "the fork", logOf(t, b, lanes), logOf(t, a, lanes))
	sameStates(t, "the fork", b.Rows("", lanes), a.Rows("", lanes))
}

// killedAt ends a process at a request to a path.
type killedAt struct {
	path string
	kill func()

	mu    sync.Mutex
	left  int
	hosts map[string]bool
}

func (k *killedAt) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == k.path && k.dies(r.URL.Host) {
		k.kill()
		return nil, errors.New("killed")
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (k *killedAt) dies(host string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.hosts == nil {
		k.hosts = make(map[string]bool)
	}
	k.hosts[host] = true
	k.left--
	return k.left < 0
}

const rules = `{"format": 1, "entities": {"do": "hash", "prefixes": ["account-"]}, "ids": "hash", "types": {
	"account.opened": {"data": {"/owner": "hash"}},
	"account.deposited": {"data": {"/amount": "keep"}, "attributes": {"tenant": {"do": "drop", "optional": true}}}}}`

// A masked fork has the same states under pseudonyms, and nothing of what was masked.
func TestAMaskedForkHasNoOriginalValue(t *testing.T) {
	t.Parallel()
	const lanes = 4
	a := platform(t, lanes)
	secrets := []string{"Ada Lovelace", "grace@example.org", "tenant-7", "Blaise", "9a7-order", "9a8-order"}
	for _, line := range []string{
		`{"specversion":"1.0","id":"9a7-order","source":"/t","type":"account.opened","subject":"account-Blaise",` +
			`"data":{"owner":"Ada Lovelace"}}`,
		`{"specversion":"1.0","id":"9a8-order","source":"/t","type":"account.deposited","subject":"account-Blaise",` +
			`"tenant":"tenant-7","data":{"amount":5}}`,
		`{"specversion":"1.0","id":"9a7-order","source":"/t","type":"account.opened","subject":"account-grace@example.org",` +
			`"data":{"owner":"\u0041da Lovelace"}}`,
	} {
		a.Send("/events", raw(line))
	}
	a.Settle(3)
	dir := t.TempDir()
	file, key := filepath.Join(dir, "rules.json"), filepath.Join(dir, "key")
	must(t, os.WriteFile(file, []byte(rules), 0o600))
	must(t, os.WriteFile(key, []byte("0123456789abcdef\n"), 0o600))
	s := &shell{t: t, endpoint: a.URL}
	into, out := filepath.Join(dir, "fork"), filepath.Join(dir, "masked.zst")
	got := fine[forked](s, "fork", "--into", into, "--mask", file, "--mask-key", key)
	if got.Events != 3 || !got.Masked || !got.Verified {
		t.Errorf("%+v", got)
	}
	made := fine[exported](s, "export", "--out", out, "--mask", file, "--mask-key", key)
	again := fine[exported](s, "export", "--out", out+"2", "--mask", file, "--mask-key", key)
	if made.Content != again.Content {
		t.Errorf("masked twice: %+v, %+v", made, again)
	}
	finds(t, out, "Ada", false, secrets)
	// The search itself finds what is there.
	fine[exported](s, "export", "--out", out+"3")
	finds(t, out+"3", "Ada", true, []string{"Blaise"})
	b := localtest.Start(t, local.Options{Dir: into, Lanes: lanes, Bucket: eventlog.Hour})
	rows := b.Rows("", lanes)
	owners := make(map[string]bool)
	for id, row := range rows {
		if !strings.HasPrefix(id, "account-") || len(id) != len("account-")+32 {
			t.Errorf("%q", id)
		}
		_, owner, _ := strings.Cut(string(row.State), `"owner":`)
		owners[owner] = true
	}
	if len(rows) != 2 || len(owners) == 0 {
		t.Errorf("%d rows, owners %v", len(rows), owners)
	}
	b.Stop()
	finds(t, into, "Ada", false, secrets)
	refusesToMask(t, s, a, dir, file, key)
}

// refusesToMask forks with an event that no rule covers, and without a key.
func refusesToMask(t *testing.T, s *shell, a *localtest.Platform, dir, file, key string) {
	a.Send("/events", raw(`{"specversion":"1.0","id":"n","source":"/t","type":"note.written","subject":"account-1",`+
		`"data":{"text":"Secret"}}`))
	a.Settle(4)
	into := filepath.Join(dir, "second")
	got := s.run(t.Context(), "fork", "--into", into, "--mask", file, "--mask-key", key)
	if got.code != command.ExitFailed ||
		!strings.Contains(got.stderr, `"note.written": the rules do not name this type`) ||
		strings.Contains(got.stderr, "Secret") {
		t.Errorf("a type without rules: %+v", got)
	}
	if _, err := os.Stat(into); err == nil {
		t.Error("there is a fork")
	}
	finds(t, into+".forking", "Secret", false, []string{"note.written"})
	for _, args := range [][]string{{"--mask", file}, {"--mask-key", key}, {"--mask", key, "--mask-key", key},
		{"--mask", file, "--mask-key", os.DevNull}, {"--mask", dir + "/none", "--mask-key", key}} {
		if got := s.run(t.Context(), append([]string{"fork", "--into", into}, args...)...); got.code != command.ExitMisuse {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

// finds searches the bytes of all files, decompressed where they can be.
func finds(t *testing.T, path, text string, want bool, more []string) {
	t.Helper()
	found := make(map[string]bool)
	must(t, filepath.WalkDir(path, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		must(t, err)
		if z, err := zstd.NewReader(bytes.NewReader(data)); err == nil {
			var plain bytes.Buffer
			_, _ = z.WriteTo(&plain) // what can be decompressed
			z.Close()
			data = append(data, plain.Bytes()...)
		}
		for _, one := range append(more, text) {
			found[one] = found[one] || bytes.Contains(data, []byte(one))
		}
		return nil
	}))
	for _, one := range append(more, text) {
		if found[one] != want {
			t.Errorf("%q in %s: %t, want %t", one, path, found[one], want)
		}
	}
}
