package archive

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/pkg/api/entities"
	"reprise/pkg/api/reversals"
	"reprise/pkg/api/web"
	"reprise/pkg/archive"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay/request"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// seeded prints the seed of a random test.
func seeded(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// platform runs a platform with hourly buckets.
func platform(t testing.TB, lanes int) *localtest.Platform {
	t.Helper()
	return localtest.Start(t, local.Options{Dir: filepath.Join(t.TempDir(), "data"), Lanes: lanes, Shards: 2,
		Bucket: eventlog.Hour})
}

// shell runs the commands of this package.
type shell struct {
	t        testing.TB
	endpoint string
	http     *http.Client
}

type result struct {
	code           int
	stdout, stderr string
}

func (s *shell) run(ctx context.Context, args ...string) result {
	s.t.Helper()
	var out, errs bytes.Buffer
	env := func(name string) string { return map[string]string{command.EndpointVariable: s.endpoint}[name] }
	a := command.NewApp(env, strings.NewReader(""), &out, &errs, Commands())
	a.HTTP = s.http
	a.Sleep = func(ctx context.Context, d time.Duration) error { return client.Sleep(ctx, d/20) }
	code := a.Main(ctx, args)
	return result{code, out.String(), errs.String()}
}

// fine runs a command that must succeed, and decodes what it prints.
func fine[T any](s *shell, args ...string) (value T) {
	s.t.Helper()
	got := s.run(s.t.Context(), args...)
	if got.code != command.ExitFine {
		s.t.Fatalf("reprise %s: exit %d\n%s%s", strings.Join(args, " "), got.code, got.stdout, got.stderr)
	}
	if err := json.Unmarshal([]byte(got.stdout), &value); err != nil {
		s.t.Fatalf("reprise %s: %v in %s", strings.Join(args, " "), err, got.stdout)
	}
	return value
}

// job is an export of everything from a source.
func job(t testing.TB, from source, out string, chosen request.Request) exportJob {
	a := command.NewApp(func(string) string { return "" }, nil, &bytes.Buffer{}, &bytes.Buffer{}, nil)
	chosen, err := chosen.Normalized()
	must(t, err)
	return exportJob{app: a, from: from, out: out, choose: chosen, meter: progress.New(&bytes.Buffer{}, time.Now)}
}

func clientOf(t testing.TB, p *localtest.Platform) *client.Client {
	c, err := client.New(client.Options{Endpoint: p.URL})
	must(t, err)
	return c
}

// history is the events of every entity: what they are, and when they were logged.
type history map[string][]string

// historyOf reads what an export has.
func historyOf(t testing.TB, path string) (history, archive.Manifest) {
	t.Helper()
	a, err := archive.Open(path)
	must(t, err)
	defer func() { must(t, a.Close()) }()
	must(t, a.Check(t.Context(), func(int64) {}))
	events, err := a.Events()
	must(t, err)
	defer events.Close()
	all := make(history)
	for {
		e, err := events.Next()
		if err != nil {
			return all, a.Manifest
		}
		all.add(t, e.Line, e.Logged)
	}
}

func (h history) add(t testing.TB, line []byte, logged int64) {
	parsed, err := event.Parse(string(line))
	must(t, err)
	h[parsed.Subject] = append(h[parsed.Subject], fmt.Sprintf("%d %s", logged, line))
}

func (h history) count() (n int64) {
	for _, events := range h {
		n += int64(len(events))
	}
	return n
}

// logOf reads the whole history of a platform's entities, one by one.
func logOf(t testing.TB, p *localtest.Platform, lanes int) history {
	t.Helper()
	all := make(history)
	for id := range p.Rows("", lanes) {
		for after := ""; ; {
			_, body := p.Call(http.MethodGet, "/entities/"+web.EncodeEntity(id)+"/events?limit=10000&after="+after, "", nil)
			var page entities.HistoryPage
			must(t, json.Unmarshal(body, &page))
			for _, e := range page.Events {
				all.add(t, e.Event, e.Logged.UnixMilli())
			}
			if after = page.Next; after == "" {
				break
			}
		}
	}
	return all
}

func same(t testing.TB, what string, got, want history) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d entities, want %d", what, len(got), len(want))
	}
	for id, events := range want {
		if !slices.Equal(got[id], events) {
			t.Fatalf("%s: the events of %q are not the same: %d, want %d", what, id, len(got[id]), len(events))
		}
	}
}

// sameStates compares all that does not depend on positions.
func sameStates(t testing.TB, what string, got, want map[string]entities.View) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d rows, want %d", what, len(got), len(want))
	}
	for id, w := range want {
		g := got[id]
		if string(g.State) != string(w.State) || g.Count != w.Count || g.Duplicates != w.Duplicates ||
			g.Conflicts != w.Conflicts || g.Skipped != w.Skipped || (g.Parked == nil) != (w.Parked == nil) {
			t.Errorf("%s: %q is %+v, want %+v", what, id, g, w)
		}
	}
}

// beginning is when the events of random logs begin.
var beginning = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// ids are those of the entities of random logs: some are hard to write.
var ids = []string{"account-1", "account-2", "a#b%c", "Ünïcödé-✓", "e\u0301", "\u05e9\u05dc\u05d5\u05dd", "a b",
	"a/b?c", "😀", "account-10", "account-11", "account-12", "z", "\u2028line"}

// sendRandom sends a random log, in the order of times, and waits until it is applied. It
// returns the number of its events.
func sendRandom(t testing.TB, p *localtest.Platform, lanes int, r *rand.Rand, events int) int64 {
	t.Helper()
	var batch []json.RawMessage
	sent := int64(0)
	flush := func(path string) {
		if len(batch) > 0 {
			sent += int64(p.Send(path, batch))
			batch = nil
		}
	}
	at := beginning
	for i, id := range ids[:len(ids)-2] { // the others are parked, unless they happen to be opened first
		e := map[string]any{"specversion": "1.0", "id": fmt.Sprint("open-", i), "source": "/t", "type": "account.opened",
			"subject": id, "time": at.Format(time.RFC3339Nano), "data": map[string]string{"owner": id}}
		line, err := json.Marshal(e)
		must(t, err)
		batch = append(batch, line)
	}
	for i := range events {
		at = at.Add(time.Duration(r.IntN(40)) * time.Minute)
		batch = append(batch, randomEvent(r, i, at))
		if r.IntN(20) == 0 {
			flush("/imports")
		}
	}
	flush("/imports")
	// Without a time, and parked, and stepped over by a correction.
	batch = append(batch, json.RawMessage(`{"specversion":"1.0","id":"x","source":"/t","type":"account.deposited",`+
		`"subject":"closed","data":{"amount":1}}`), json.RawMessage(`{"specversion":"1.0","id":"y","source":"/t",`+
		`"type":"account.opened","subject":"closed","data":{"owner":"<&>\\ud800"}}`))
	// To be reversed, by an inverse and without one.
	for _, e := range []string{`"o","type":"account.opened","data":{"owner":"o"}`,
		`"d","type":"account.deposited","data":{"amount":5}`} {
		batch = append(batch, json.RawMessage(`{"specversion":"1.0","source":"/t","subject":"undone","id":`+e+`}`))
	}
	for id := range 3 {
		batch = append(batch, json.RawMessage(fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/t","subject":"file",`+
			`"type":"file.changed","data":{"added":%d,"deleted":0,"lines":1}}`, id, 1<<id)))
	}
	flush("/events")
	p.Settle(sent)
	row := p.Rows("", lanes)["closed"]
	if row.Parked == nil {
		t.Fatalf("not parked: %+v", row)
	}
	correct(t, p, "closed", "/skip", entities.SkipRequest{Event: row.Parked.Position, Reason: "a test", Who: "Ada"})
	correct(t, p, ids[0], "/refold", entities.RefoldRequest{Request: "test", Reason: "a test"})
	correct(t, p, "undone", "/reverse", reversals.Request{Source: "/t", ID: "d", Reason: "a test", Who: "Ada"})
	correct(t, p, "file", "/reverse", reversals.Request{Source: "/t", ID: "1", Reason: "a test"})
	sent += 4
	p.Settle(sent)
	if undone := p.Rows("", lanes); undone["undone"].Count != 3 || !strings.Contains(string(undone["file"].State),
		`"added":5`) {
		t.Fatalf("%+v, %s", undone["undone"], undone["file"].State)
	}
	return sent
}

// correct makes a correction.
func correct(t testing.TB, p *localtest.Platform, entity, what string, request any) {
	t.Helper()
	body, err := json.Marshal(request)
	must(t, err)
	status, answer := p.Call(http.MethodPost, "/entities/"+web.EncodeEntity(entity)+what, "application/json", body)
	if status/100 != 2 {
		t.Fatalf("%s: %d %s", what, status, answer)
	}
}

// randomEvent is an event, often one that was sent before, sometimes with other content.
func randomEvent(r *rand.Rand, i int, at time.Time) json.RawMessage {
	e := map[string]any{"specversion": "1.0", "id": fmt.Sprint(i), "source": "/t", "type": "account.deposited",
		"subject": ids[r.IntN(len(ids))], "time": at.Format(time.RFC3339Nano),
		"data": map[string]int{"amount": 1 + r.IntN(9)}}
	switch r.IntN(12) {
	case 0, 1:
		e["id"] = fmt.Sprint(r.IntN(i + 1))
	case 2, 3, 4:
		e["type"], e["data"] = "account.opened", map[string]string{"owner": "Ada\u2028<>&"}
	case 5:
		delete(e, "data")
		e["type"], e["datacontenttype"] = "picture.taken", "image/png"
		e["data_base64"] = base64.StdEncoding.EncodeToString([]byte{byte(i), 0xff, 0})
	case 6:
		e["tenant"], e["sampled"], e["number"] = "é✓", true, -7
	case 7:
		if r.IntN(4) == 0 {
			e["type"], e["data"] = "book.printed", strings.Repeat("é", 50_000+r.IntN(50_000))
		}
	case 8:
		delete(e, "data")
		e["type"] = "nothing.said"
	}
	raw, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return raw
}

// raw is one event.
func raw(line string) []json.RawMessage { return []json.RawMessage{json.RawMessage(line)} }
