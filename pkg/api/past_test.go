package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/api/past"
	"reprise/pkg/api/web"
	"reprise/pkg/aws/lambdahttp"
	"reprise/pkg/event"
)

const auditRoute = "GET /audit"

// refusal is a look-up with the status and problem that it ends with, and the parameter
// that the problem names.
type refusal struct {
	route, id, query string
	status           int
	kind, names      string
}

const (
	never   = "2020-01-01T00:00:00Z"
	invalid = "invalid-parameter"
)

// refusedEntities are look-ups of the entity a, which has two events, and of none.
func refusedEntities(t *testing.T) []refusal {
	beyond, err := event.NewPosition(9, "1", 0)
	must(t, err)
	a, none := web.EncodeEntity("a"), web.EncodeEntity("none")
	return []refusal{
		{stateRoute, a, "at=yesterday", 400, invalid, "at"},
		{stateRoute, a, "at=2026-03-01T01:00:00,5Z", 400, invalid, "at"},
		{stateRoute, a, "at=2026-03-01T01:00:00.1234567891Z", 400, invalid, "at"},
		{stateRoute, a, "at=%1b%5b2J", 400, invalid, "at"},
		{stateRoute, a, "at=%ff", 400, invalid, "at"},
		{stateRoute, a, "at=" + strings.Repeat("9", 2049), 400, invalid, "at"},
		{stateRoute, a, "At=" + never, 400, invalid, "At"},
		{stateRoute, a, "at=" + string(beyond), 404, "beyond-the-log", ""},
		{stateRoute, a, "at=" + never, 404, "event-not-found", ""},
		{stateRoute, none, "at=" + never, 404, "entity-not-found", ""},
		{stateRoute, none, "", 404, "entity-not-found", ""},
		{stateRoute, "a+/=", "", 400, "invalid-entity", ""},
		{explainRoute, a, "after=x", 400, invalid, "after"},
		{explainRoute, a, "after=%00", 400, invalid, "after"},
		{explainRoute, a, "limit=0", 400, invalid, "limit"},
		{explainRoute, a, "limit=1001", 400, invalid, "limit"},
		{explainRoute, a, "after=" + string(beyond), 404, "beyond-the-log", ""},
		{explainRoute, none, "", 404, "entity-not-found", ""},
		{diffRoute, a, "", 400, invalid, "from"},
		{diffRoute, a, "from=now", 400, invalid, "from"},
		{diffRoute, a, "from=" + never + "&to=%0a", 400, invalid, "to"},
		{diffRoute, a, "from=" + string(beyond), 404, "beyond-the-log", ""},
		{diffRoute, a, "from=" + never + "&to=" + string(beyond), 404, "beyond-the-log", ""},
		{diffRoute, none, "from=" + never + "&to=" + never, 404, "entity-not-found", ""},
	}
}

func refusedAudits() []refusal {
	long := strings.Repeat("A", 2000)
	return []refusal{
		{auditRoute, "", "from=" + never, 400, invalid, "correlation"},
		{auditRoute, "", "from=" + never + "&actor=a&correlation=b", 400, invalid, "correlation"},
		{auditRoute, "", "actor=a", 400, invalid, "from"},
		{auditRoute, "", "actor=a&from=x", 400, invalid, "from"},
		{auditRoute, "", "actor=a&from=" + never + "&to=" + never, 400, invalid, "to"},
		{auditRoute, "", "actor=a&from=" + never + "&to=2020-01-01T00:00:00.0001Z", 200, "", ""},
		{auditRoute, "", "actor=a&from=2020-01-01T00:00:00.0001Z&to=2020-01-01T00:00:00.0002Z", 400, invalid, "from"},
		{auditRoute, "", "actor=%1b&from=" + never, 400, invalid, "actor"},
		{auditRoute, "", "correlation=%e2%80%ae%00&from=" + never, 400, invalid, "correlation"},
		{auditRoute, "", "actor=" + strings.Repeat("a", 2049) + "&from=" + never, 400, invalid, "actor"},
		{auditRoute, "", "actor=a&type=%0d&from=" + never, 400, invalid, "type"},
		{auditRoute, "", "actor=a&prefix=%07&from=" + never, 400, invalid, "prefix"},
		{auditRoute, "", "actor=a&from=" + never + "&to=9999-12-31T23:59:59-23:59", 400, invalid, "to"},
		{auditRoute, "", "actor=a&from=" + never + "&after=4", 400, invalid, "after"},
		{auditRoute, "", "actor=a&from=" + never + "&after=0.x", 400, invalid, "after"},
		{auditRoute, "", "actor=a&from=" + never + "&after=0.2026-03-01T00_%3d", 400, invalid, "after"},
		{auditRoute, "", "actor=a&from=" + never + "&after=0.2026-03-01T00_" + long, 400, invalid, "after"},
		{auditRoute, "", "actor=a&from=" + never + "&entity=a", 400, invalid, "entity"},
	}
}

// What cannot be looked up is refused by name, and by the same name everywhere.
func TestLookUpsAreRefusedByName(t *testing.T) {
	w := newAPIWorld(t)
	w.send(deposits("a", 0, 2)...)
	w.flow()
	for _, c := range slices.Concat(refusedEntities(t), refusedAudits()) {
		got := w.ask(asked{route: c.route, id: c.id, query: c.query})
		checkResponse(t, c.route, got)
		if c.status == http.StatusOK && got.StatusCode == c.status {
			continue
		}
		w.refused(c.route+" "+c.query, got, c.status, c.kind)
		p := decode[web.Problem](t, got.Body)
		if !strings.Contains(p.Detail, c.names) || strings.ContainsAny(p.Detail, "\x1b") {
			t.Errorf("%s %s: %s", c.route, c.query, got.Body)
		}
	}
}

// An entity whose history is too long is explained as far as the bounds reach, and its
// differences are shown as far as they lie within.
func TestLongHistoriesAreExplainedAsFarAsTheBoundsReach(t *testing.T) {
	w := newAPIWorld(t)
	for from := 0; from < 10_100; from += 2020 {
		w.send(deposits("a", from, from+2020)...)
		w.commit()
	}
	a := web.EncodeEntity("a")
	page := get[past.Explanation](w, explainRoute, a, map[string]string{"limit": "2"})
	second := page.Next
	if len(page.Events) != 2 || second == "" || page.Events[1].Changes[0].New != "1" {
		t.Fatalf("%+v", page)
	}
	history := get[historyPage](w, "GET /entities/{id}/events", a, map[string]string{"limit": "10000"})
	at := func(n int) string { return string(history.Events[n-1].Position) }
	last := get[past.Explanation](w, explainRoute, a, map[string]string{"after": at(9_900), "limit": "100"})
	if n := len(last.Events); n != 100 || last.Events[99].Number != 10_000 || last.Next == "" {
		t.Errorf("%d events, next %q", n, last.Next)
	}
	for route, query := range map[string]map[string]string{
		explainRoute: {"after": at(9_900), "limit": "101"}, stateRoute: {}, diffRoute: {"from": at(1)},
	} {
		w.refused(route, w.call(route, a, query, ""), http.StatusUnprocessableEntity, "history-too-long")
	}
	after := map[string]string{"after": history.Next[len("2026-03-01T00_"):]}
	w.refused("after the bound", w.call(explainRoute, a, after, ""),
		http.StatusUnprocessableEntity, "history-too-long")
	within := get[past.Difference](w, diffRoute, a, map[string]string{"from": at(9_000), "to": at(10_000)})
	if within.Changed != 1 || within.Changes[0].Old != "8999" || within.Changes[0].New != "9999" {
		t.Errorf("%+v", within)
	}
}

type historyPage struct {
	Events []struct {
		Position event.Position `json:"position"`
	} `json:"events"`
	Next string `json:"next"`
}

// A page ends at its size, however many events fit by number.
func TestPagesOfThePastEndAtTheirSize(t *testing.T) {
	w := newAPIWorld(t)
	const n, idBytes = 900, 6 << 10
	var lines []string
	for i, line := range deposits("a", 0, n) {
		id := fmt.Sprintf(`"id":"%d-%s","actor":"x"`, i, strings.Repeat("i", idBytes))
		lines = append(lines, strings.Replace(line, fmt.Sprintf(`"id":"%d"`, i), id, 1))
		if len(lines) == 300 {
			w.send(lines...)
			w.commit()
			lines = nil
		}
	}
	explained, audited := 0, 0
	pages := w.pages(explainRoute, "limit=1000", func(body string) string {
		page := decode[past.Explanation](t, body)
		explained += len(page.Events)
		return string(page.Next)
	})
	pages += w.pages(auditRoute, "limit=1000&actor=x&from=2026-03-01T00:00:00Z", func(body string) string {
		page := decode[past.Audit](t, body)
		audited += len(page.Events)
		return page.Next
	})
	if explained != n || audited != n || pages < 4 {
		t.Errorf("%d events explained, %d audited on %d pages, want %d", explained, audited, pages, n)
	}
}

// pages reads all pages of a route for the entity a, and counts them.
func (w *apiWorld) pages(route, query string, next func(body string) string) (pages int) {
	w.t.Helper()
	id := ""
	if strings.Contains(route, "{id}") {
		id = web.EncodeEntity("a")
	}
	for after := ""; ; pages++ {
		got := w.ask(asked{route: route, id: id, query: query + after})
		if got.StatusCode != http.StatusOK || len(got.Body) > web.MaxPageBytes+128<<10 || pages > 1000 {
			w.t.Fatalf("page %d: %d, %d bytes, %.300s", pages, got.StatusCode, len(got.Body), got.Body)
		}
		place := next(got.Body)
		if place == "" {
			return pages + 1
		}
		after = "&after=" + url.QueryEscape(place)
	}
}

// Every look-up is logged with who asked for what, also one that finds nothing; what it
// finds is not.
func TestLookUpsAreLogged(t *testing.T) {
	w := newAPIWorld(t)
	w.send(strings.Replace(deposits("a", 0, 1)[0], "<b>&", "Secretperson", 1))
	w.flow()
	const who = "arn:aws:sts::123456789012:assumed-role/auditor/ann"
	for _, c := range []struct {
		route, id, query string
		want             []string
	}{
		{stateRoute, "a", "at=2026-03-01T00:00:00Z", []string{"what=state", "entity=a", "at=2026-03-01T00:00:00Z"}},
		{stateRoute, "none", "", []string{"what=state", "entity=none"}},
		{explainRoute, "a", "limit=7", []string{"what=explain", "entity=a", "limit=7"}},
		{diffRoute, "a", "from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z",
			[]string{"what=diff", "entity=a", "from=2026-03-01T00:00:00Z", "to=2026-03-02T00:00:00Z"}},
		{auditRoute, "", "actor=ann&from=2026-03-01T00:00:00Z&type=t&prefix=acc",
			[]string{"what=audit", "actor=ann", "from=2026-03-01T00:00:00Z", "type=t", "prefix=acc"}},
	} {
		request := events.APIGatewayV2HTTPRequest{RouteKey: c.route, RawQueryString: c.query}
		if c.id != "" {
			request.PathParameters = map[string]string{"id": web.EncodeEntity(c.id)}
		}
		for by, authorizer := range map[string]*events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
			who: {IAM: &events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription{UserARN: who}},
			"user-7": {JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{
				Claims: map[string]string{"sub": "user-7"}}},
			"unknown": nil,
		} {
			w.logged.Reset()
			request.RequestContext.Authorizer = authorizer
			_, err := lambdahttp.Serve(w.handler)(t.Context(), request)
			must(t, err)
			line := w.logged.String()
			missing := slices.DeleteFunc(append([]string{"looked into the past", "who=" + by}, c.want...),
				func(part string) bool { return strings.Contains(line, part) })
			if len(missing) > 0 || strings.Contains(line, "Secretperson") || strings.Count(line, "\n") != 1 {
				t.Errorf("%s lacks %v: %s", c.route, missing, line)
			}
		}
	}
	w.logged.Reset()
	w.ask(asked{route: stateRoute, id: web.EncodeEntity("a"), headers: map[string]string{"x-caller": who}})
	if line := w.logged.String(); !strings.Contains(line, "who=unknown") {
		t.Errorf("over HTTP: %s", line)
	}
}
