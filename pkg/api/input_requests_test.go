package api_test

import (
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/api"
	"reprise/pkg/api/intake"
	"reprise/pkg/api/web"
	"reprise/pkg/aws/lambdahttp"
	"reprise/pkg/local/emulate"
)

// serve serves every route of the world as the platform of one machine does.
func (w *apiWorld) serve() *httptest.Server {
	w.t.Helper()
	server := httptest.NewServer(emulate.Server(w.handler, nil, slog.New(slog.DiscardHandler)).Handler)
	w.t.Cleanup(server.Close)
	return server
}

// overHTTP and asFunction send a request to each form of the API.
func (w *apiWorld) overHTTP(server *httptest.Server, a asked) (int, string) {
	w.t.Helper()
	answer, err := http.DefaultClient.Do(a.request(w.t.Context(), server.URL))
	must(w.t, err)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	must(w.t, err)
	return answer.StatusCode, string(body)
}

func (w *apiWorld) asFunction(a asked) (int, string) {
	w.t.Helper()
	req := events.APIGatewayV2HTTPRequest{RouteKey: a.route, RawQueryString: a.query, Headers: a.headers, Body: a.body,
		QueryStringParameters: map[string]string{}}
	if a.id != "" {
		req.PathParameters = map[string]string{"id": a.id}
	}
	values, _ := url.ParseQuery(a.query) // and leaves out what it cannot read
	for name, all := range values {
		req.QueryStringParameters[name] = strings.Join(all, ",")
	}
	answer, err := lambdahttp.Serve(w.handler)(w.t.Context(), asLambdaGets(w.t, req))
	must(w.t, err)
	return answer.StatusCode, answer.Body
}

// both sends a request to both forms and compares the answers.
func (w *apiWorld) both(server *httptest.Server, a asked) (int, web.Problem) {
	w.t.Helper()
	status, body := w.overHTTP(server, a)
	status2, body2 := w.asFunction(a)
	problem, problem2 := problemOf(w.t, status, body), problemOf(w.t, status2, body2)
	if status != status2 || problem.Type != problem2.Type || problem.Detail != problem2.Detail {
		w.t.Errorf("%+v: %d %s over HTTP, %d %s as a function", a, status, body, status2, body2)
	}
	return status, problem
}

// problemOf is the problem document of an answer, if it has one.
func problemOf(t testing.TB, status int, body string) web.Problem {
	t.Helper()
	if status < http.StatusBadRequest {
		return web.Problem{}
	}
	return decode[web.Problem](t, body)
}

// The test includes routes that take no parameter.
func TestEveryRouteRefusesTheSameQueries(t *testing.T) {
	w := newAPIWorld(t)
	server := w.serve()
	for _, route := range api.Routes() {
		a := asked{route: route.Pattern, headers: map[string]string{"content-type": "application/json"}, body: "{}"}
		if strings.Contains(route.Pattern, "{id}") {
			a.id = web.EncodeEntity("a")
		}
		for _, query := range []string{"limit=%zz", "limit=%e9", "lane=0;limit=1", "nobody=knows", "limit=1&limit=1",
			"lane=0&limit=1&limit=2", "%zz=1"} {
			a.query = query
			if status, problem := w.both(server, a); status != http.StatusBadRequest || problem.Kind() != "invalid-parameter" {
				t.Errorf("%s?%s: %d %+v", route.Pattern, query, status, problem)
			}
		}
	}
	if status, problem := w.both(server, asked{route: "GET /rows", query: "lane=%30&limit=1"}); status != http.StatusOK {
		t.Errorf("a good query: %d %+v", status, problem)
	}
}

// The body would be kept in its encoded form.
func TestNoRouteTakesAnEncodedBody(t *testing.T) {
	w := newAPIWorld(t)
	server := w.serve()
	binary := map[string]string{"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t",
		"ce-subject": "e",
		"ce-time":    "2026-03-01T00:00:00Z", "content-type": "text/plain"}
	for _, a := range []asked{
		{
			route:   intake.RouteEvents,
			body:    goodEvent,
			headers: map[string]string{"content-type": "application/cloudevents+json"},
		},
		{route: intake.RouteEvents, body: "[" + goodEvent + "]",
			headers: map[string]string{"content-type": "application/cloudevents-batch+json"}},
		{route: intake.RouteEvents, body: "text", headers: binary},
		{route: intake.RouteImports, body: "text", headers: binary},
		{route: "POST /replays", body: `{"input":{}}`, headers: map[string]string{"content-type": "application/json"}},
		{route: "POST /state/wipe", body: `{"generation":"g0001"}`,
			headers: map[string]string{"content-type": "application/json"}},
	} {
		for _, coding := range []string{"gzip", "GZIP", "br", "identity, gzip", "identity,identity"} {
			a.headers["content-encoding"] = coding
			if status, problem := w.both(server, a); status != http.StatusUnsupportedMediaType ||
				problem.Kind() != "unsupported-content-encoding" {
				t.Errorf("%s with %s: %d %+v", a.route, coding, status, problem)
			}
		}
		a.headers["content-encoding"] = "Identity"
		if status, body := w.overHTTP(server, a); status >= http.StatusMultipleChoices {
			t.Errorf("%s as it is: %d %s", a.route, status, body)
		}
	}
	answer := w.ask(asked{route: intake.RouteEvents, headers: map[string]string{"content-encoding": "gzip"}})
	if answer.Headers["Accept-Encoding"] != "identity" {
		t.Errorf("the answer does not say what is accepted: %v", answer.Headers)
	}
}

// TestContentTypesDecideTheModeOrAreRefused, however strangely they are written. Two
// headers arrive joined with a comma.
func TestContentTypesDecideTheModeOrAreRefused(t *testing.T) {
	w := newAPIWorld(t)
	server := w.serve()
	const one, many = "application/cloudevents+json", "application/cloudevents-batch+json"
	attributes := map[string]string{"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t",
		"ce-subject": "e"}
	for _, c := range []struct {
		kind   string
		binary bool
		status int
		fault  string
	}{
		{one, false, 202, ""},
		{one, true, 202, ""}, // the headers do not count
		{one + "; charset=utf-8; charset=UTF-8", false, 202, ""},
		{one + "; charset=utf-8; charset=latin1", false, 415, ""},
		{one + "; charset=latin1", true, 415, ""},
		{one + "," + one, false, 415, ""},
		{one + "," + one, true, 400, "datacontenttype"},
		{many, false, 400, ""}, // the body is no array
		{"application/cloudevents+avro", false, 415, ""},
		{"application/cloudevents+avro", true, 202, ""},
		{"", false, 415, ""},
		{"", true, 202, ""},
		{"application/json", false, 415, ""},
		{"application/json", true, 202, ""},
		{"text/plain; charset=utf-8; charset=latin1", true, 202, ""},
		{"text/plain,text/html", true, 400, "datacontenttype"},
		{"text", true, 400, "datacontenttype"},
	} {
		a := asked{route: intake.RouteEvents, body: goodEvent, headers: map[string]string{"content-type": c.kind}}
		if c.binary {
			maps.Copy(a.headers, attributes)
		}
		status, body := w.overHTTP(server, a)
		status2, body2 := w.asFunction(a)
		problem, problem2 := problemOf(t, status, body), problemOf(t, status2, body2)
		if status != c.status || status2 != c.status || problem.Attribute != c.fault || problem2.Attribute != c.fault {
			t.Errorf("%q, binary %v: %d %s over HTTP, %d %s as a function; want %d for %q",
				c.kind, c.binary, status, body, status2, body2, c.status, c.fault)
		}
	}
}

func TestEveryPathRefusesTheSameEntities(t *testing.T) {
	w := newAPIWorld(t)
	server := w.serve()
	for _, route := range []string{"GET /entities/{id}", "GET /entities/{id}/events"} {
		for _, id := range []string{"YQ\n", "\nYQ", "Y\r\nQ", "YQ==", "YR", "a", "!", web.EncodeEntity("a\n"),
			web.EncodeEntity("\x00"),
			web.EncodeEntity("\xe9"), web.EncodeEntity("\ufdd0"), web.EncodeEntity(strings.Repeat("#", 300))} {
			if status, problem := w.both(server, asked{route: route, id: id}); status != http.StatusBadRequest ||
				problem.Kind() != "invalid-entity" {
				t.Errorf("%s of %q: %d %+v", route, id, status, problem)
			}
			query := url.Values{"lane": {"0"}, "after": {id}}.Encode()
			if status, _ := w.both(server, asked{route: "GET /rows", query: query}); status != http.StatusBadRequest {
				t.Errorf("rows after %q: %d", id, status)
			}
		}
		if status, problem := w.both(server, asked{route: route,
			id: web.EncodeEntity("nobody")}); status != http.StatusNotFound {
			t.Errorf("%s of nobody: %d %+v", route, status, problem)
		}
	}
}

// Every route that reads a body is tested.
func TestBodiesAreReadExactly(t *testing.T) {
	w := newAPIWorld(t)
	server := w.serve()
	for _, c := range []struct{ route, body, fault string }{
		{"POST /replays", `{"input":{}}}`, "text after"},
		{"POST /replays", `{"input":{}}]`, "text after"},
		{"POST /replays", `{"input":{},"input":{}}`, "twice"},
		{"POST /replays", `{"Input":{}}`, "Input"},
		{"POST /replays", `{"name":"\ud800","input":{}}`, "name"},
		{"POST /replays", "{\"name\":\"\xe9\",\"input\":{}}", "UTF-8"},
		{"POST /replays", `null`, "must be an object"},
		{"POST /state/wipe", `{"generation":"g0001"}}`, "text after"},
		{"POST /state/wipe", `{"generation":"g0001","generation":"g0001"}`, "twice"},
		{"POST /state/wipe", `{"Generation":"g0001"}`, "Generation"},
		{"POST /state/wipe", `null`, "must be an object"},
	} {
		a := asked{route: c.route, body: c.body, headers: map[string]string{"content-type": "application/json"}}
		status, body := w.overHTTP(server, a)
		problem := decode[web.Problem](t, body)
		if status != http.StatusBadRequest || !strings.Contains(problem.Detail, c.fault) {
			t.Errorf("%s %s: %d %s", c.route, c.body, status, body)
		}
		a.headers = map[string]string{"content-type": "application/json; charset=utf-16"}
		if status, _ := w.overHTTP(server, a); status != http.StatusUnsupportedMediaType {
			t.Errorf("%s in UTF-16: %d", c.route, status)
		}
	}
	if get[api.LanesView](w, "GET /lanes", "", nil).Lost {
		t.Error("the generation was wiped")
	}
}
