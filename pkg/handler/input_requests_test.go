package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda/messages"

	"reprise/pkg/cli"
	"reprise/pkg/eventlog"
	"reprise/pkg/handler"
	"reprise/pkg/local/emulate"
	"reprise/pkg/replay"
)

// serve serves every route of the world as the platform of one machine does.
func (w *apiWorld) serve() *httptest.Server {
	w.t.Helper()
	gateway := emulate.NewGateway(slog.New(slog.DiscardHandler))
	for _, route := range handler.Routes() {
		gateway.Route(route.Key, w.function(route.Key))
	}
	server := httptest.NewServer(gateway.Server().Handler)
	w.t.Cleanup(server.Close)
	return server
}

func (w *apiWorld) function(route string) emulate.Function {
	if route == handler.RouteEvents || route == handler.RouteImports {
		return w.load.Handle
	}
	return w.api.Handle
}

// asked is a request of any route.
type asked struct {
	route, id, query, body string
	headers                map[string]string
}

// overHTTP and asFunction ask both forms of the API.
func (w *apiWorld) overHTTP(server *httptest.Server, a asked) (int, string) {
	w.t.Helper()
	method, path, _ := strings.Cut(a.route, " ")
	target := server.URL + strings.Replace(path, "{id}", url.PathEscape(a.id), 1)
	if a.query != "" {
		target += "?" + a.query
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, target, strings.NewReader(a.body))
	must(w.t, err)
	for name, value := range a.headers {
		req.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(req)
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
	answer, err := w.function(a.route)(w.t.Context(), asLambdaGets(w.t, req))
	must(w.t, err)
	return answer.StatusCode, answer.Body
}

// both asks both, and holds the two against each other.
func (w *apiWorld) both(server *httptest.Server, a asked) (int, handler.Problem) {
	w.t.Helper()
	status, body := w.overHTTP(server, a)
	status2, body2 := w.asFunction(a)
	told, told2 := problemOf(w.t, status, body), problemOf(w.t, status2, body2)
	if status != status2 || told.Type != told2.Type || told.Detail != told2.Detail {
		w.t.Errorf("%+v: %d %s over HTTP, %d %s as a function", a, status, body, status2, body2)
	}
	return status, told
}

// problemOf is the problem that an answer tells, if it tells one.
func problemOf(t testing.TB, status int, body string) handler.Problem {
	t.Helper()
	if status < http.StatusBadRequest {
		return handler.Problem{}
	}
	return decode[handler.Problem](t, body)
}

// TestEveryRouteRefusesTheSameQueries, also those that take no parameter.
func TestEveryRouteRefusesTheSameQueries(t *testing.T) {
	w := newAPIWorld(t)
	server := w.serve()
	for _, route := range handler.Routes() {
		a := asked{route: route.Key, headers: map[string]string{"content-type": "application/json"}, body: "{}"}
		if strings.Contains(route.Key, "{id}") {
			a.id = handler.EncodeEntity("a")
		}
		for _, query := range []string{"limit=%zz", "limit=%e9", "lane=0;limit=1", "nobody=knows", "limit=1&limit=1", "lane=0&limit=1&limit=2", "%zz=1"} {
			a.query = query
			if status, told := w.both(server, a); status != http.StatusBadRequest || told.Kind() != "invalid-parameter" {
				t.Errorf("%s?%s: %d %+v", route.Key, query, status, told)
			}
		}
	}
	if status, told := w.both(server, asked{route: "GET /rows", query: "lane=%30&limit=1"}); status != http.StatusOK {
		t.Errorf("a good query: %d %+v", status, told)
	}
}

// TestNoRouteTakesAnEncodedBody, which would be kept encoded.
func TestNoRouteTakesAnEncodedBody(t *testing.T) {
	w := newAPIWorld(t)
	server := w.serve()
	binary := map[string]string{"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t", "ce-subject": "e",
		"ce-time": "2026-03-01T00:00:00Z", "content-type": "text/plain"}
	for _, a := range []asked{
		{route: handler.RouteEvents, body: goodEvent, headers: map[string]string{"content-type": "application/cloudevents+json"}},
		{route: handler.RouteEvents, body: "[" + goodEvent + "]", headers: map[string]string{"content-type": "application/cloudevents-batch+json"}},
		{route: handler.RouteEvents, body: "text", headers: binary},
		{route: handler.RouteImports, body: "text", headers: binary},
		{route: "POST /replays", body: `{"input":{}}`, headers: map[string]string{"content-type": "application/json"}},
		{route: "POST /state/wipe", body: `{"generation":"g0001"}`, headers: map[string]string{"content-type": "application/json"}},
	} {
		for _, coding := range []string{"gzip", "GZIP", "br", "identity, gzip", "identity,identity"} {
			a.headers["content-encoding"] = coding
			if status, told := w.both(server, a); status != http.StatusUnsupportedMediaType || told.Kind() != "unsupported-content-encoding" {
				t.Errorf("%s with %s: %d %+v", a.route, coding, status, told)
			}
		}
		a.headers["content-encoding"] = "Identity"
		if status, body := w.overHTTP(server, a); status >= http.StatusMultipleChoices {
			t.Errorf("%s as it is: %d %s", a.route, status, body)
		}
	}
	answer, err := w.load.Handle(t.Context(), events.APIGatewayV2HTTPRequest{Headers: map[string]string{"content-encoding": "gzip"}})
	must(t, err)
	if answer.Headers["Accept-Encoding"] != "identity" {
		t.Errorf("the answer does not say what is accepted: %v", answer.Headers)
	}
}

// TestEveryPathRefusesTheSameEntities.
func TestEveryPathRefusesTheSameEntities(t *testing.T) {
	w := newAPIWorld(t)
	server := w.serve()
	for _, route := range []string{"GET /entities/{id}", "GET /entities/{id}/events"} {
		for _, id := range []string{"YQ\n", "\nYQ", "Y\r\nQ", "YQ==", "YR", "a", "!", handler.EncodeEntity("a\n"), handler.EncodeEntity("\x00"),
			handler.EncodeEntity("\xe9"), handler.EncodeEntity("\ufdd0"), handler.EncodeEntity(strings.Repeat("#", 300))} {
			if status, told := w.both(server, asked{route: route, id: id}); status != http.StatusBadRequest || told.Kind() != "invalid-entity" {
				t.Errorf("%s of %q: %d %+v", route, id, status, told)
			}
			query := url.Values{"lane": {"0"}, "after": {id}}.Encode()
			if status, _ := w.both(server, asked{route: "GET /rows", query: query}); status != http.StatusBadRequest {
				t.Errorf("rows after %q: %d", id, status)
			}
		}
		if status, told := w.both(server, asked{route: route, id: handler.EncodeEntity("nobody")}); status != http.StatusNotFound {
			t.Errorf("%s of nobody: %d %+v", route, status, told)
		}
	}
}

// replayCase is the input of a replay, and the flags that say the same, where
// flags can.
type replayCase struct {
	input string
	flags []string
	// fault is a part of the refusal, "" where the request is accepted.
	fault string
}

func replayCases() []replayCase {
	many := func(n int) (list string, flags []string) {
		for i := range n {
			list += fmt.Sprintf(`,"e%d"`, i)
			flags = append(flags, "--entity", fmt.Sprint("e", i))
		}
		return list[1:], flags
	}
	hundred, hundredFlags := many(replay.MaxEntities)
	more, moreFlags := many(replay.MaxEntities + 1)
	long := strings.Repeat("x", 769)
	return []replayCase{
		{`{}`, []string{}, ""},
		{`{"from":"2026-03-01T00:00:00Z","to":"2026-03-02T00:00:00Z"}`, []string{"--from", "2026-03-01", "--to", "2026-03-02T00:00:00Z"}, ""},
		{`{"types":["t"],"entities":["e","ü#%"],"parallelism":256}`, []string{"--type", "t", "--entity", "ü#%", "--entity=e", "--parallelism=256"}, ""},
		{`{"entities":[` + hundred + `]}`, hundredFlags, ""},
		{`{"entities":[` + more + `]}`, moreFlags, "at most 100"},
		{`{"entities":["` + long + `"]}`, []string{"--entity", long}, "entities"},
		{`{"entities":["` + strings.Repeat("#", 300) + `"]}`, []string{"--entity", strings.Repeat("#", 300)}, "entities"},
		{`{"entities":[""]}`, []string{"--entity="}, "entities"},
		{`{"entities":["a\n"]}`, []string{"--entity", "a\n"}, "entities"},
		{`{"entities":["a\u0000"]}`, []string{"--entity", "a\x00"}, "entities"},
		{"{\"entities\":[\"\xe9\"]}", []string{"--entity", "\xe9"}, "not valid U"},
		{`{"entities":["\ud800"]}`, nil, "is not valid Unicode"},
		{`{"types":[""]}`, []string{"--type="}, "types"},
		{`{"types":["a\u007f"]}`, []string{"--type", "a\x7f"}, "types"},
		{"{\"types\":[\"\xff\"]}", []string{"--type", "\xff"}, "not valid U"},
		{`{"from":""}`, []string{"--from="}, "from"},
		{`{"to":"soon"}`, []string{"--to", "soon"}, "to"},
		{`{"from":7}`, nil, "from"},
		{`{"from":"2026-03-02T00:00:00Z","to":"2026-03-01T00:00:00Z"}`, []string{"--from", "2026-03-02", "--to", "2026-03-01"}, "not before"},
		{`{"to":"9999-12-31T23:59:59-01:00"}`, []string{"--to", "9999-12-31T23:59:59-01:00"}, "to lies outside"},
		{`{"parallelism":257}`, []string{"--parallelism", "257"}, "parallelism"},
		{`{"parallelism":-1}`, []string{"--parallelism", "-1"}, "parallelism"},
		{`{"parallelism":1.5}`, []string{"--parallelism", "1.5"}, "parallelism"},
		{`{"promote":true}`, []string{"--promote"}, "promote needs rebuild"},
		{`{"rebuild":true,"entities":["e"]}`, []string{"--rebuild", "--entity", "e"}, "whole log"},
		{`{"rebuild":"true"}`, nil, "rebuild must not be a string"},
		{`{"form":"2026-03-01T00:00:00Z"}`, nil, "form"},
		{`{"Types":["t"]}`, nil, "Types"},
		{`{"types":["t"],"types":["u"]}`, nil, "twice"},
		{`null`, nil, "input"},
		{`[]`, nil, "must be an object"},
		{`"{}"`, nil, "must be an object"},
	}
}

// TestEveryWayToAReplayHasTheSameVerdict: over HTTP, as a function, from the
// console of Step Functions, and by the command line. A refusal enters nothing,
// and says what is at fault.
func TestEveryWayToAReplayHasTheSameVerdict(t *testing.T) {
	for i, c := range replayCases() {
		w := newAPIWorld(t)
		server := w.serve()
		for name, start := range map[string]func(id string) (string, bool){
			"HTTP":         func(id string) (string, bool) { return w.startOverHTTP(server, id, c.input) },
			"function":     func(id string) (string, bool) { return w.startAsFunction(id, c.input) },
			"console":      func(id string) (string, bool) { return w.startFromConsole(id, c.input) },
			"command line": func(id string) (string, bool) { return w.startByCommand(server, id, c.flags) },
		} {
			if name == "command line" && c.flags == nil {
				continue
			}
			id := fmt.Sprintf("r%d-%s", i, strings.ReplaceAll(name, " ", "-"))
			reason, ok := start(id)
			_, err := w.store.Load(t.Context(), id)
			refused := c.fault != ""
			if ok == refused || errors.Is(err, replay.ErrNotFound) != refused || !ok && !strings.Contains(reason, c.fault) {
				t.Errorf("%.80s, %s: accepted is %v, %s; in the store: %v; want a refusal for %q", c.input, name, ok, reason, err, c.fault)
			}
		}
	}
}

// TestEveryWayToAReplayRefusesTheSameNames.
func TestEveryWayToAReplayRefusesTheSameNames(t *testing.T) {
	w := newAPIWorld(t)
	server := w.serve()
	for _, id := range []string{"a b", "a/b", "a\n", "a.b", "ü", "\x00", "..", strings.Repeat("x", 81)} {
		for way, start := range map[string]func() (string, bool){
			"HTTP":         func() (string, bool) { return w.startOverHTTP(server, id, "{}") },
			"function":     func() (string, bool) { return w.startAsFunction(id, "{}") },
			"console":      func() (string, bool) { return w.startFromConsole(id, "{}") },
			"command line": func() (string, bool) { return w.startByCommand(server, id, nil) },
		} {
			if reason, ok := start(); ok || !strings.Contains(reason, "a name has 1 to 80 of the characters") {
				t.Errorf("%q, %s: accepted is %v, %s", id, way, ok, reason)
			}
		}
	}
}

func startBody(id, input string) string {
	name, err := json.Marshal(id)
	if err != nil {
		panic(err)
	}
	return `{"name":` + string(name) + `,"input":` + input + `}`
}

func (w *apiWorld) startOverHTTP(server *httptest.Server, id, input string) (string, bool) {
	status, body := w.overHTTP(server, asked{route: "POST /replays", body: startBody(id, input),
		headers: map[string]string{"content-type": "application/json"}})
	return w.started(status, body)
}

func (w *apiWorld) startAsFunction(id, input string) (string, bool) {
	answer, err := w.api.Handle(w.t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: "POST /replays", Body: startBody(id, input),
		Headers: map[string]string{"content-type": "application/json; charset=utf-8"}})
	must(w.t, err)
	return w.started(answer.StatusCode, answer.Body)
}

func (w *apiWorld) started(status int, body string) (string, bool) {
	w.t.Helper()
	if status != http.StatusCreated && status != http.StatusBadRequest {
		w.t.Errorf("answer %d %s", status, body)
	}
	return problemOf(w.t, status, body).Detail, status == http.StatusCreated
}

// startFromConsole is the first step of an execution that somebody started by
// hand. Its input has come through Step Functions, which reads JSON only.
func (w *apiWorld) startFromConsole(id, input string) (string, bool) {
	w.t.Helper()
	plan := &handler.PlanReplay{Store: w.store, Promoter: &replay.Promoter{Store: w.store},
		Planner: &replay.Planner{Store: w.store, Heads: w.api.Heads, Lanes: w.api.Lanes, Width: eventlog.Hour, Buckets: w.api.Buckets}}
	_, err := plan.Handle(w.t.Context(), handler.PlanInput{Replay: id, Input: json.RawMessage(input)})
	if err == nil {
		return "", true
	}
	var named messages.InvokeResponse_Error
	if !errors.As(err, &named) || named.Type != handler.FaultInvalidInput {
		w.t.Errorf("%s: %v", input, err)
	}
	return err.Error(), false
}

// startByCommand refuses by the exit code of a misuse, before it asks anybody.
func (w *apiWorld) startByCommand(server *httptest.Server, id string, flags []string) (string, bool) {
	w.t.Helper()
	var out, told bytes.Buffer
	args := append([]string{"replay", "start", "--endpoint", server.URL, "--name", id}, flags...)
	code := cli.Main(context.WithoutCancel(w.t.Context()), args, func(string) string { return "" }, strings.NewReader(""), &out, &told)
	const fine, misuse = 0, 2
	if code != fine && code != misuse {
		w.t.Errorf("%q: exit %d, %s", args, code, told.String())
	}
	return told.String(), code == fine
}

// TestBodiesAreReadExactly, whichever route reads one.
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
		if told := decode[handler.Problem](t, body); status != http.StatusBadRequest || !strings.Contains(told.Detail, c.fault) {
			t.Errorf("%s %s: %d %s", c.route, c.body, status, body)
		}
		a.headers = map[string]string{"content-type": "application/json; charset=utf-16"}
		if status, _ := w.overHTTP(server, a); status != http.StatusUnsupportedMediaType {
			t.Errorf("%s in UTF-16: %d", c.route, status)
		}
	}
	if get[handler.LanesView](w, "GET /lanes", "", nil).Lost {
		t.Error("the generation was wiped")
	}
}
