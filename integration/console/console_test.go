package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"reprise/pkg/api/web"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
)

// hostile is what must be shown as the text that it is.
const hostile = `<img src=x onerror=alert(1)><script>alert(2)</script>`

// started runs a platform with some entities, one of which is parked.
func started(t *testing.T, events int) *localtest.Platform {
	t.Helper()
	return startedWith(t, events, local.Options{})
}

func startedWith(t *testing.T, events int, options local.Options) *localtest.Platform {
	t.Helper()
	options.Dir = t.TempDir()
	p := localtest.Start(t, options)
	var batch []json.RawMessage
	add := func(id, kind, entity, data string) {
		batch = append(batch, json.RawMessage(fmt.Sprintf(
			`{"specversion":"1.0","id":%q,"source":"shop","type":%q,"subject":%q,"data":%s}`, id, kind, entity, data)))
	}
	for i := range events {
		entity := fmt.Sprintf("account-%d", i%500)
		if i < 500 {
			add(fmt.Sprint(i), "account.opened", entity, `{"owner":"Ada"}`)
			continue
		}
		add(fmt.Sprint(i), "account.deposited", entity, `{"amount":500}`)
		if len(batch) == 5000 {
			p.Send("/events", batch)
			batch = nil
		}
	}
	add("again", "account.deposited", "account-42", `{"amount":1}`)
	add("again", "account.deposited", "account-42", `{"amount":1}`)
	add("h1", "account.withdrawn", hostile, `{"amount":1,"note":"`+`<b>bold</b>`+`"}`)
	p.Send("/events", batch)
	p.Settle(int64(events) + 3)
	return p
}

// An operator starts a replay with the form, sees it succeed, and looks at everything.
func TestAnOperatorStartsAReplayAndSeesItSucceed(t *testing.T) {
	t.Parallel()
	p := started(t, 20_000)
	b := open(t, p.URL)
	b.visit("/")
	b.sees(".tile", "20,003")
	b.isLive()
	b.press("Start a replay")
	b.holds(`document.querySelector('#in-name') !== null`)
	b.run(fill("#in-name", hostile))
	b.sees("#start .problem", "a name has 1 to 80")
	b.holds(`document.querySelector('#start button.main').disabled`)
	b.run(fill("#in-name", "first"))
	b.run(tick("#in-rebuild"), pick("#in-promote", "auto"))
	b.sees("#start .command", "reprise replay start --rebuild --promote --name first")
	b.accessible()
	b.pictures("start")
	b.press("Start")
	b.holds(`location.pathname === '/console/replays/first'`)
	b.sees("h1", "first")
	b.sees(".title .state", "SUCCEEDED")
	b.sees(".proof", "the log's manifests expect 20,003 events")
	b.holds(`document.querySelectorAll('.node.done').length > 5`)
	b.sees(".history", "execution succeeded")
	b.accessible()
	b.pictures("replay")
	b.run(fill("#filter", "ProveCompleteness"))
	b.sees("[role=status]", " of ")
	b.visit("/")
	b.sees("tbody", "first")
	b.accessible()
	b.pictures("replays")
}

func TestAnOperatorLooksAtEntitiesAndHealth(t *testing.T) {
	t.Parallel()
	p := started(t, 600)
	b := open(t, p.URL)
	b.visit("/console/entities")
	b.accessible()
	b.run(fill("#entity", "account-42"))
	b.press("Show")
	b.sees("h1", "account-42")
	b.sees(".json", `"owner": "Ada"`)
	b.sees(".events", "DUPLICATE")
	b.accessible()
	b.pictures("entity")
	p.Send("/events", []json.RawMessage{json.RawMessage(`{"specversion":"1.0","id":"live","source":"shop",` +
		`"type":"account.deposited","subject":"account-42","data":{"amount":7}}`)})
	b.sees(".events", `{"amount":7}`)
	b.visit("/console/health")
	b.sees("tbody", "pump")
	b.sees("h3", "1 parked entity")
	b.sees("tbody", hostile)
	b.accessible()
	b.pictures("health")
}

// What comes from events is text, in the first view and in what scripts show.
func TestHostileDataIsText(t *testing.T) {
	t.Parallel()
	p := started(t, 0)
	b := open(t, p.URL)
	b.visit("/console/entities/" + web.EncodeEntity(hostile))
	b.sees("h1", hostile)
	b.sees(".reason", "Parked")
	b.sees(".events", `<b>bold</b>`)
	b.visit("/console/replays/" + url.PathEscape(hostile))
	b.sees("h1", hostile)
	b.holds(`document.querySelectorAll('main img, main script, main b').length === 0`)
}

// A page whose platform is gone says so and does not show old numbers as fresh.
func TestNumbersOfAPlatformThatIsGoneAreSaidToBeOld(t *testing.T) {
	t.Parallel()
	p := started(t, 0)
	behind, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	var gone atomic.Bool
	forward := httputil.NewSingleHostReverseProxy(behind)
	forward.FlushInterval = -1
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gone.Load() {
			panic(http.ErrAbortHandler) // as if nobody listened
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	b := open(t, server.URL)
	b.visit("/console/health")
	b.isLive()
	b.excused = true
	gone.Store(true)
	server.CloseClientConnections()
	b.sees("#live", "reconnecting since")
	b.holds(`document.documentElement.classList.contains('stale')`)
	gone.Store(false)
	b.isLive()
	b.holds(`!document.documentElement.classList.contains('stale')`)
}

// Without script the pages can be read.
func TestPagesCanBeReadWithoutScript(t *testing.T) {
	t.Parallel()
	p := started(t, 600)
	p.Replay("first", `{"rebuild":true}`)
	b := open(t, p.URL)
	b.run(withoutScript())
	for path, text := range map[string]string{
		"/":                      "first",
		"/console/replays/first": "Complete: the manifests expect 603 events",
		"/console/entities/" + web.EncodeEntity(hostile):   "Parked at an event of type account.withdrawn",
		"/console/entities?id=" + url.QueryEscape(hostile): "Go to this entity",
		"/console/health": "g0001",
	} {
		b.visit(path)
		b.reads(text)
	}
}
