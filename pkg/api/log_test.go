package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"reprise/pkg/api/extract"
	"reprise/pkg/api/intake"
	"reprise/pkg/event"
	"reprise/pkg/replay"
)

// placed is an event of a log, as an export has it.
func placed(line string, n int, logged time.Time) string {
	at, err := event.NewPosition(1, fmt.Sprint(100+n), 0)
	if err != nil {
		panic(err)
	}
	return string(event.AppendPlaced(nil, []byte(line), at, logged.UnixMilli()))
}

func (w *apiWorld) copyIn(route string, lines ...string) response {
	return w.ask(asked{route: route, headers: map[string]string{"content-type": intake.CopyType},
		body: strings.Join(lines, "\n")})
}

// A copy keeps what the log it comes from has: the times at which events were logged, also
// of those without a time of their own, events that no edge would accept any more, and
// corrections.
func TestACopyKeepsLoggedTimes(t *testing.T) {
	w := newAPIWorld(t)
	at := time.Date(2024, 5, 6, 7, 8, 9, 123e6, time.UTC)
	skip, err := event.NewSkip("x", event.Skip{Source: "/s", ID: "2", Position: "0001-0210-0000", Reason: "r"}, at)
	must(t, err)
	lines := []string{
		`{"specversion":"1.0","id":"1","source":"/s","type":"account.opened","subject":"x","data":{"owner":"Ada"}}`,
		`{"specversion":"1.0","id":"2","source":"/s","type":"account.deposited","subject":"x",` +
			`"time":"2031-01-01T00:00:00Z","data":{"amount":-1}}`,
		"{\"specversion\":\"1.0\",\"id\":\"\u202e3\",\"source\":\"/s\",\"type\":\"account.opened\",\"subject\":\"y\"}",
		string(skip.AppendJSON(nil)),
	}
	var body []string
	for i, line := range lines {
		body = append(body, placed(line, i, at.Add(time.Duration(i)*time.Hour)))
	}
	if got := w.copyIn(intake.RouteImports, body...); got.StatusCode != http.StatusAccepted {
		t.Fatalf("%+v", got)
	}
	w.flow()
	seen := 0
	for _, l := range get[extract.Cut](w, "GET /log/cut", "", nil).Lanes {
		if l.Position == "" {
			continue
		}
		page := w.page(t, extract.PageRequest{Lane: l.Lane, Cut: l.Position})
		for _, b := range page.Buckets {
			for _, one := range b.Events {
				line, _, logged, err := event.SplitPlaced(one)
				must(t, err)
				i := 0
				for i < len(lines) && lines[i] != string(line) {
					i++
				}
				if i == len(lines) || logged != at.Add(time.Duration(i)*time.Hour).UnixMilli() {
					t.Errorf("%s, logged %s", line, time.UnixMilli(logged).UTC())
				}
				seen++
			}
		}
	}
	if seen != len(lines) {
		t.Errorf("%d events, want %d", seen, len(lines))
	}
}

func TestWhatIsNoCopyIsRefused(t *testing.T) {
	w := newAPIWorld(t)
	good := `{"specversion":"1.0","id":"1","source":"/s","type":"account.opened","subject":"x"}`
	now := time.Now()
	for name, c := range map[string]struct {
		lines  []string
		status int
		want   string
	}{
		"no place":   {[]string{placed(good, 0, now), good}, 400, `"event":1`},
		"no event":   {[]string{placed(`{}`, 0, now)}, 400, `"event":0`},
		"blank line": {[]string{placed(good, 0, now), "", placed(good, 1, now)}, 400, `"event":1`},
		"future":     {[]string{placed(good, 0, now.Add(time.Hour))}, 400, "repriselogged"},
		"past":       {[]string{placed(good, 0, time.UnixMilli(-1))}, 400, "repriselogged"},
		"reserved":   {[]string{placed(strings.Replace(good, "account", "reprise", 1), 0, now)}, 400, `"attribute":"type"`},
		"nothing":    {nil, 400, "empty-batch"},
		"too many":   {strings.Split(strings.Repeat("x\n", 10_001), "\n"), 413, "batch-too-large"},
	} {
		got := w.copyIn(intake.RouteImports, c.lines...)
		if got.StatusCode != c.status || !strings.Contains(got.Body, c.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := w.copyIn(intake.RouteEvents, placed(good, 0, now)); got.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("whoever may only send has copied: %+v", got)
	}
	w.flow()
	for _, l := range get[extract.Cut](w, "GET /log/cut", "", nil).Lanes {
		if l.Count > 0 {
			t.Errorf("%+v", l)
		}
	}
}

func (w *apiWorld) page(t *testing.T, request extract.PageRequest) extract.Page {
	t.Helper()
	body, err := json.Marshal(request)
	must(t, err)
	// Not compared with openapi.yaml, which takes long for so many bytes.
	got := w.ask(asked{route: "POST /log/pages", body: string(body),
		headers: map[string]string{"content-type": "application/json"}})
	if got.StatusCode != http.StatusOK {
		t.Fatalf("%+v: %+v", request, got)
	}
	return decode[extract.Page](t, got.Body)
}

// A lane with more buckets, and a bucket with more bytes, than a page may have come page
// by page: all of it, each once, however much comes meanwhile.
func TestALaneIsReadPageByPage(t *testing.T) {
	w := newAPIWorld(t)
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 150 {
		kind, data := "account.deposited", `{"amount":1}`
		if i == 70 || i == 71 || i > 100 && i < 130 {
			kind, data = "book.printed", `"`+strings.Repeat("x", 200_000)+`"`
		}
		hour := i
		if i > 100 && i < 130 {
			hour = 100 // one bucket of 6 MB
		}
		line := fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/s","type":%q,"subject":"x","data":%s}`, i, kind, data)
		w.copyIn(intake.RouteImports, placed(line, i, at.Add(time.Duration(hour)*time.Hour)))
	}
	w.commit()
	lane := w.api.Lanes.Of("x")
	cut := get[extract.Cut](w, "GET /log/cut", "", nil).Lanes[lane]
	asked := extract.PageRequest{Lane: lane, Cut: cut.Position, Taken: time.Now()}
	var sum replay.Sum
	pages, seen := 0, 0
	for {
		page := w.page(t, asked)
		size := 0
		for _, b := range page.Buckets {
			sum.AddSum(b.Read)
			seen += len(b.Events)
			for _, e := range b.Events {
				size += len(e)
			}
		}
		if pages++; size > 4<<20 || len(page.Buckets) > 64 {
			t.Errorf("a page has %d bytes and %d buckets", size, len(page.Buckets))
		}
		if page.Next == nil {
			break
		}
		asked.After = page.Next
		line := fmt.Sprintf(`{"specversion":"1.0","id":"m%d","source":"/s","type":"t","subject":"x"}`, pages)
		w.copyIn(intake.RouteImports, placed(line, 0, at))
		w.commit()
	}
	if sum.Count != 150 || seen != 150 || sum.Digest != *cut.Digest || pages < 4 {
		t.Errorf("%d pages with %d events, %+v of %+v", pages, seen, sum, cut)
	}
}

func TestPagesAreAskedForStrictly(t *testing.T) {
	w := newAPIWorld(t)
	w.send(deposits("x", 0, 3)...)
	w.commit()
	lane := w.api.Lanes.Of("x")
	at := get[extract.Cut](w, "GET /log/cut", "", nil).Lanes[lane].Position
	ask := func(lane event.Lane, cut event.Position, more string) string {
		return fmt.Sprintf(`{"lane":%v,"cut":%q,"taken":"2026-03-01T00:00:00Z"%s}`, int(lane), cut, more)
	}
	for body, want := range map[string]int{
		ask(lane, at, ""): 200,
		ask(lane, at, `,"select":{"types":["account.opened"]}`): 200,
		ask(lane, at, `,"select":{"entities":["nobody"]}`):      200,
		ask(-1, at, ""):                                   400,
		ask(apiLanes, at, ""):                             400,
		ask(lane, "", ""):                                 400,
		ask(lane, "x", ""):                                400,
		ask(lane, at+"0", ""):                             400,
		ask(lane, "ffff-0218-0000", ""):                   409,
		ask(lane, at, `,"after":{"bucket":"x","key":""}`): 400,
		ask(lane, at, `,"after":{"bucket":"2026-03-01T00","key":"x"}`): 400,
		ask(lane, at, `,"select":{"rebuild":true}`):                    400,
		ask(lane, at, `,"select":{"rate":5}`):                          400,
		ask(lane, at, `,"select":{"types":[]}`):                        400,
		ask(lane, at, `,"select":[]`):                                  400,
		ask(lane, at, `,"more":1`):                                     400,
	} {
		if got := w.call("POST /log/pages", "", nil, body); got.StatusCode != want {
			t.Errorf("%s: %d %s, want %d", body, got.StatusCode, got.Body, want)
		}
	}
}
