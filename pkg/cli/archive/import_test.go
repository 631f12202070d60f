package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"reprise/pkg/cli/command"
)

// killer lets a number of imports through, and ends the process at the next one: before
// it is sent, or once it was accepted, so that the answer is lost.
type killer struct {
	kill func()
	late bool

	mu      sync.Mutex
	left    int
	imports int
	// events were accepted.
	events int64
}

func (k *killer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/imports" {
		return http.DefaultTransport.RoundTrip(r)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.left--; k.left >= 0 {
		return k.pass(r)
	}
	if k.late && k.left == -1 {
		// The platform takes it in whatever becomes of the client.
		answer, err := k.pass(r.WithContext(context.WithoutCancel(r.Context())))
		if err == nil {
			_ = answer.Body.Close()
		}
	}
	k.kill()
	return nil, errors.New("killed")
}

func (k *killer) pass(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && answer.StatusCode == http.StatusAccepted {
		k.imports++
		k.events += int64(bytes.Count(body, []byte("\n"))) + 1
	}
	return answer, err
}

// An import that is killed anywhere goes on: nothing is lost, and nothing that arrived is
// sent again, even if the answer was lost.
func TestAKilledImportGoesOn(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	const lanes = 2
	a := platform(t, lanes)
	sent := sendRandom(t, a, lanes, r, 80)
	want := a.Rows("", lanes)
	out := filepath.Join(t.TempDir(), "log")
	fine[exported](&shell{t: t, endpoint: a.URL}, "export", "--out", out)
	for _, late := range []bool{false, true} {
		for kill := 0; ; kill++ {
			b := platform(t, lanes)
			ctx, cancel := context.WithCancel(t.Context())
			k := &killer{kill: cancel, late: late, left: kill}
			s := &shell{t: t, endpoint: b.URL, http: &http.Client{Transport: k}}
			got := s.run(ctx, "import", out)
			cancel()
			if got.code == command.ExitFine {
				break
			}
			if !strings.Contains(got.stderr, "interrupted") || !strings.Contains(got.stderr, "it goes on where it was") {
				t.Errorf("killed: %+v", got)
			}
			b.Settle(k.events)
			again := &killer{left: 1000}
			s.http = &http.Client{Transport: again}
			result := fine[imported](s, "import", out)
			if result.Arrived != sent || result.Earlier+result.Accepted != sent {
				t.Errorf("killed at request %d: %+v of %d events", kill, result, sent)
			}
			sameStates(t, "the import", b.Rows("", lanes), want)
			if _, err := os.Stat(out + journalEnd); err == nil {
				t.Error("the progress is left over")
			}
			b.Stop()
		}
	}
}

// Nothing is sent of an export that is damaged at its very end, is of a newer format, or
// is none.
func TestNothingIsSentOfADamagedExport(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	a := platform(t, 2)
	sendRandom(t, a, 2, r, 50)
	path := filepath.Join(t.TempDir(), "log")
	fine[exported](&shell{t: t, endpoint: a.URL}, "export", "--out", path)
	raw, err := os.ReadFile(path)
	must(t, err)
	k := &killer{left: 1000}
	s := &shell{t: t, endpoint: a.URL, http: &http.Client{Transport: k}}
	for what, text := range map[string]string{
		"a bit":      string(raw[:len(raw)/2]) + string(raw[len(raw)/2]^4) + string(raw[len(raw)/2+1:]),
		"its end":    string(raw[:len(raw)-1]),
		"more":       string(raw) + "x",
		"no export":  `{"specversion":"1.0"}`,
		"an empty":   "",
		"another":    strings.Replace(string(raw), `"end"`, `"eND"`, 1),
		"unfinished": string(raw[:len(raw)-300]),
	} {
		must(t, os.WriteFile(path, []byte(text), 0o600))
		got := s.run(t.Context(), "import", path)
		if got.code != command.ExitFailed || !strings.Contains(got.stderr, "not an intact export") ||
			!strings.Contains(got.stderr, "nothing was sent") {
			t.Errorf("%s: %+v", what, got)
		}
	}
	if got := s.run(t.Context(), "import", path+"x"); got.code != command.ExitMisuse {
		t.Errorf("no file: %+v", got)
	}
	if k.imports > 0 {
		t.Errorf("%d requests were sent", k.imports)
	}
}

// The progress of one import is not that of another.
func TestAnotherImportIsNotGoneOnWith(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	a, b := platform(t, 2), platform(t, 2)
	sendRandom(t, a, 2, r, 30)
	out := filepath.Join(t.TempDir(), "log")
	fine[exported](&shell{t: t, endpoint: a.URL}, "export", "--out", out)
	ctx, cancel := context.WithCancel(t.Context())
	(&shell{t: t, endpoint: b.URL, http: &http.Client{Transport: &killer{kill: cancel}}}).run(ctx, "import", out)
	got := (&shell{t: t, endpoint: a.URL}).run(t.Context(), "import", out)
	if got.code != command.ExitFailed || !strings.Contains(got.stderr, "an unfinished import of another export") {
		t.Errorf("%+v", got)
	}
	fine[imported](&shell{t: t, endpoint: b.URL}, "import", out)
}
