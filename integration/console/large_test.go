package console

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"reprise/pkg/api"
	"reprise/pkg/api/web"
	"reprise/pkg/asl/states"
	"reprise/pkg/console"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// long is the longest name that a replay can have.
var long = strings.Repeat("a-long-name-", 6) + "of-80ch"

// cause is the cause of a failure, which may have anything in it.
const cause = hostile + " went wrong"

var created = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// large answers as the API of a platform with as much as there may be.
type large struct {
	asked atomic.Int64
	// told, unless it is nil, gets a value with each answer to a question for the
	// progress, whose numbers are lower each time.
	told chan struct{}
}

func (l *large) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := l.asked.Add(1)
	var body any
	switch r.URL.Path {
	case "/status":
		body = api.StatusView{Replays: []lifecycle.View{running()}, Consumers: []api.ConsumerStatus{},
			Streams: []api.StreamStatus{}, Generations: []api.GenerationView{}}
	case "/replays":
		body = listed(r.URL.Query().Get("after"))
	case "/replays/" + long:
		body = running()
	case "/replays/failed":
		view := running()
		ended := created.Add(time.Hour)
		view.ID, view.Status, view.Phase, view.Ended = "failed", replay.Failed, replay.Failed, &ended
		view.Failure = &replay.Failure{Error: "Reprise." + hostile, Cause: cause}
		body = view
	case "/replays/" + long + "/progress", "/replays/failed/progress":
		body = l.progress(n)
	case "/replays/" + long + "/execution", "/replays/failed/execution":
		body = executed(r)
	case "/openapi.yaml":
		_, _ = w.Write([]byte("paths:\n  /replays/{id}/progress:\n  /replays/{id}/execution:\n"))
		return
	default:
		web.NewProblem(http.StatusNotFound, "no-route", "there is no such route").Write(w)
		return
	}
	answer := func(*http.Request) (web.Reply, error) { return web.Answer(http.StatusOK, body), nil }
	web.Endpoint{Serve: answer}.ServeHTTP(w, r)
}

func running() lifecycle.View {
	return lifecycle.View{ID: long, Status: replay.Running, Phase: replay.Running, Created: created,
		Input:    replay.Request{Types: []string{strings.Repeat("a.very.long.type", 8)}},
		Progress: lifecycle.Progress{Total: 100_000_000, Read: 40_000_000, Consumed: 30_000_000},
		Plan:     lifecycle.PlanView{Lanes: 1024, Groups: 256, Slices: 365}}
}

func listed(after string) api.ReplaysPage {
	var page api.ReplaysPage
	from := 0
	_, _ = fmt.Sscanf(after, "replay-%d", &from)
	for i := from + 1; i <= 1000 && len(page.Replays) < 500; i++ {
		ended := created.Add(time.Duration(i) * time.Minute)
		page.Replays = append(page.Replays, lifecycle.View{ID: fmt.Sprintf("replay-%04d-%.60s", i, long),
			Status: replay.Succeeded, Phase: replay.Succeeded, Created: ended, Ended: &ended})
		if len(page.Replays) == 500 && i < 1000 {
			page.Next = page.Replays[499].ID
		}
	}
	return page
}

func (l *large) progress(n int64) lifecycle.Detail {
	share := 40.0
	d := lifecycle.Detail{ID: long, Status: replay.Running, Phase: replay.Running, At: created, Total: 100_000_000,
		Percent: &share, Counts: lifecycle.Counts{Read: 40_000_000, Delivered: 40_000_000, Consumed: 30_000_000}}
	if l.told != nil {
		d.Read -= n * 1000
		l.told <- struct{}{}
	}
	for i := range 365 {
		day := created.AddDate(0, 0, i)
		d.Slices = append(d.Slices, replay.Slice{From: eventlog.Bucket(day.Format("2006-01-02"))})
	}
	for i := range 256 {
		moved := created
		g := lifecycle.GroupProgress{Group: i, Lanes: event.AllLanes(4), Total: 390_625, Slice: i, Moved: &moved,
			Counts: lifecycle.Counts{Read: int64(i) * 1070}}
		if i == 7 {
			g.Stalled = &lifecycle.Stall{Since: created, Why: cause}
		}
		d.Groups = append(d.Groups, g)
	}
	return d
}

func executed(r *http.Request) api.ExecutionView {
	view := api.ExecutionView{Name: "x", Status: states.StatusRunning, Started: created,
		Definition: []byte(`{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}`), Events: []api.ExecutionEvent{}}
	after := 0
	_, _ = fmt.Sscan(r.URL.Query().Get("after"), &after)
	for i := after + 1; i <= 10_000 && len(view.Events) < 500; i++ {
		view.Events = append(view.Events, api.ExecutionEvent{ID: int64(i), Type: "TaskFailed", At: created,
			State: "A", Error: "Reprise.Stalled", Cause: cause})
	}
	view.More = after+len(view.Events) < 10_000
	return view
}

func serve(t *testing.T, l *large) *tab {
	t.Helper()
	pages, err := console.New(l, console.About{Platform: "a large platform"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(pages)
	t.Cleanup(server.Close)
	b := open(t, server.URL)
	b.excused = true // it has no live feed
	return b
}

// bounded fails the test if the page has too many elements, or takes too long to answer to
// a key.
func (b *tab) bounded(most int) {
	b.t.Helper()
	if n := evaluate[int](b, `document.querySelectorAll('*').length`); n > most {
		b.t.Errorf("%s has %d elements, at most %d are light", evaluate[string](b, `location.pathname`), n, most)
	}
	b.narrow()
}

// A thousand replays are a list of pages, the newest first, that can be filtered.
func TestAThousandReplaysStayUsable(t *testing.T) {
	t.Parallel()
	b := serve(t, &large{})
	b.visit("/")
	b.sees(".pager", "1 to 100 of 1,000 replays")
	b.sees("tbody", "replay-1000")
	b.bounded(2500)
	b.press("Next")
	b.sees(".pager", "101 to 200")
	b.sees("tbody", "replay-0900")
	b.press("Last")
	b.sees("tbody", "replay-0001")
	b.run(fill("#find", "replay-0042"))
	b.sees("tbody", "replay-0042")
	b.holds(`document.querySelectorAll('[aria-label="Ended replays"] tbody tr').length === 1`)
	b.accessible()
}

// A replay with 256 groups, 365 slices and 10,000 events of its history has a page that is
// light and readable, whatever its texts are.
func TestAReplayOfManyGroupsAndEventsStaysUsable(t *testing.T) {
	t.Parallel()
	b := serve(t, &large{})
	b.visit("/console/replays/" + long)
	b.sees("h1", long)
	b.sees(".pager", "1 to 50 of 10,000 events")
	b.holds(`document.querySelectorAll('.lane').length === 256`)
	b.sees(".where-at", "A row is a lane group")
	b.sees(".reason", cause)
	b.bounded(6000)
	b.press("Table")
	b.sees(".pager", "1 to 64 of 256 groups")
	b.bounded(6000)
	b.accessible()
	b.pictures("large-table")
	b.press("Grid")
	b.pictures("large")
	b.run(chromedp.Evaluate(`[...document.querySelectorAll('[aria-label="Parts of events"] button')].at(-1).click()`, nil))
	b.sees(".pager", "9,951 to 10,000 of 10,000 events")
	b.run(chromedp.ScrollIntoView(`.history`, chromedp.ByQuery))
	b.holds(`document.querySelectorAll('main img, main script').length === 0`)
}

// What went wrong may have a script in it.
func TestTheCauseOfAFailureIsText(t *testing.T) {
	t.Parallel()
	b := serve(t, &large{})
	b.visit("/console/replays/failed")
	b.sees(".reason", cause)
	b.sees(".history", "task failed")
	b.run(chromedp.Evaluate(`document.querySelectorAll('.history details').forEach((d) => (d.open = true))`, nil))
	b.sees(".history", cause)
	b.holds(`document.querySelectorAll('main img, main script').length === 0`)
}

// A page that has shown a number shows no lower one, whatever it is told next.
func TestNumbersNeverFall(t *testing.T) {
	t.Parallel()
	l := &large{told: make(chan struct{}, 100)}
	b := serve(t, l)
	b.visit("/console/replays/" + long)
	b.sees(".line .facts", " of 100,000,000")
	read := `Number(document.querySelector('.line .facts dd').firstChild.data.split(' ')[0].replaceAll(',', ''))`
	first := evaluate[int](b, read)
	for range 3 { // the page asks again by itself
		<-l.told
	}
	if now := evaluate[int](b, read); now != first {
		t.Errorf("first %d, then %d events read", first, now)
	}
}
