package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda/messages"

	"reprise/pkg/aws/lambdahttp"
	"reprise/pkg/cli"
	"reprise/pkg/eventlog"
	"reprise/pkg/meter/forecast"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/planning"
	"reprise/pkg/replay/request"
	"reprise/pkg/steps"
)

// replayCase is the input of a replay, and the equivalent flags if there are any.
type replayCase struct {
	input string
	flags []string
	// fault is a part of the refusal, or "" if the request is accepted.
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
	hundred, hundredFlags := many(request.MaxEntities)
	more, moreFlags := many(request.MaxEntities + 1)
	long := strings.Repeat("x", 769)
	return []replayCase{
		{`{}`, []string{}, ""},
		{`{"from":"2026-03-01T00:00:00Z","to":"2026-03-02T00:00:00Z"}`,
			[]string{"--from", "2026-03-01", "--to", "2026-03-02T00:00:00Z"}, ""},
		{`{"types":["t"],"entities":["e","ü#%"],"parallelism":256}`,
			[]string{"--type", "t", "--entity", "ü#%", "--entity=e", "--parallelism=256"}, ""},
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
		{`{"types":["a\u009b31m"]}`, []string{"--type", "a\u009b31m"}, "types"},
		{`{"entities":["a\u001b[2J"]}`, []string{"--entity", "a\x1b[2J"}, "entities"},
		{"{\"types\":[\"\xff\"]}", []string{"--type", "\xff"}, "not valid U"},
		{`{"from":""}`, []string{"--from="}, "from"},
		{`{"to":"soon"}`, []string{"--to", "soon"}, "to"},
		{`{"from":7}`, nil, "from"},
		{`{"from":"2026-03-02T00:00:00Z","to":"2026-03-01T00:00:00Z"}`,
			[]string{"--from", "2026-03-02", "--to", "2026-03-01"}, "not before"},
		{`{"to":"9999-12-31T23:59:59-01:00"}`, []string{"--to", "9999-12-31T23:59:59-01:00"}, "to lies outside"},
		{`{"parallelism":257}`, []string{"--parallelism", "257"}, "parallelism"},
		{`{"parallelism":-1}`, []string{"--parallelism", "-1"}, "parallelism"},
		{`{"parallelism":1.5}`, []string{"--parallelism", "1.5"}, "parallelism"},
		{`{"parallelism":0}`, []string{"--parallelism", "0"}, "parallelism"},
		{`{"prefixes":["a","b"],"entities":["c"]}`, []string{"--prefix", "a", "--prefix=b", "--entity", "c"}, ""},
		{`{"prefixes":[""]}`, []string{"--prefix="}, "prefixes"},
		{`{"prefixes":["a\u001b[2J"]}`, []string{"--prefix", "a\x1b[2J"}, "prefixes"},
		{`{"attribute":{"name":"tenant","value":"a=b"}}`, []string{"--attribute", "tenant=a=b"}, ""},
		{`{"attribute":{"name":"Tenant","value":"a"}}`, []string{"--attribute", "Tenant=a"}, "attribute"},
		{`{"attribute":{"name":"subject","value":"a"}}`, []string{"--attribute", "subject=a"}, "attribute"},
		{`{"attribute":{"name":"tenant"}}`, []string{"--attribute", "tenant"}, "attribute"},
		{`{"ordering":"window","slice":"6h"}`, []string{"--ordering", "window", "--slice", "6h"}, ""},
		{`{"ordering":"none"}`, []string{"--ordering=none"}, ""},
		{`{"ordering":"None"}`, []string{"--ordering=None"}, "ordering"},
		{`{"ordering":""}`, []string{"--ordering="}, "ordering"},
		{`{"rebuild":true,"effects":"send"}`, []string{"--rebuild", "--effects", "send"}, "effects"},
		{`{"effects":"diff"}`, []string{"--effects", "diff"}, "rebuild"},
		{`{"slice":"90m"}`, []string{"--slice", "90m"}, "slice"},
		{`{"slice":""}`, []string{"--slice="}, "slice"},
		{`{"rate":500}`, []string{"--rate", "500"}, ""},
		{`{"rate":0}`, []string{"--rate", "0"}, ""},
		{`{"rate":-1}`, []string{"--rate=-1"}, "rate"},
		{`{"rate":10000001}`, []string{"--rate", "10000001"}, "rate"},
		{`{"rate":"NaN"}`, []string{"--rate", "NaN"}, "rate"},
		{`{"rate":1e400}`, []string{"--rate", "1e400"}, "rate"},
		{`{"budget":{"dollars":2.5},"toleratedFailures":0}`,
			[]string{"--budget", "2.50usd", "--tolerated-failures", "0"}, ""},
		{`{"budget":{"readUnits":400000}}`, []string{"--budget", "400000ru"}, ""},
		{`{"budget":{"dollars":0}}`, []string{"--budget", "0usd"}, "budget"},
		{`{"budget":{"dollars":-1}}`, []string{"--budget=-1usd"}, "budget"},
		{`{"budget":{"dollars":1e400}}`, []string{"--budget", "1e400usd"}, "budget"},
		{`{"budget":{"dollars":"NaN"}}`, []string{"--budget", "NaNusd"}, "budget"},
		{`{"budget":{"dollars":1000000.01}}`, []string{"--budget", "1000000.01usd"}, "budget"},
		{`{"budget":{"readUnits":1.5}}`, []string{"--budget", "1.5ru"}, "budget"},
		{`{"budget":{"dollars":1,"readUnits":1}}`, nil, "exactly one"},
		{`{"budget":{}}`, []string{"--budget="}, "budget"},
		{`{"budget":2.5}`, []string{"--budget", "2.5"}, "budget"},
		{`{"toleratedFailures":513}`, []string{"--tolerated-failures", "513"}, "toleratedFailures"},
		{`{"toleratedFailures":-1}`, []string{"--tolerated-failures=-1"}, "tolerated"},
		{`{"to":"2026-03-01T00:00:00,5Z"}`, []string{"--to", "2026-03-01T00:00:00,5Z"}, "to"},
		{`{"to":"2026-03-01T00:00:00+24:00"}`, []string{"--to", "2026-03-01T00:00:00+24:00"}, "to"},
		{`{"types":[]}`, nil, "types must not be empty"},
		{`{"rebuild":true,"ordering":"none"}`, []string{"--rebuild", "--ordering", "none"}, "ordering none"},
		{`{"rebuild":true,"attribute":{"name":"a","value":"b"}}`, []string{"--rebuild", "--attribute", "a=b"}, "whole log"},
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

// TestEveryWayToStartAReplayAcceptsTheSameInput starts replays over HTTP, as a
// function, from the console of Step Functions and from the command line. A
// refusal stores nothing and says what is wrong.
func TestEveryWayToStartAReplayAcceptsTheSameInput(t *testing.T) {
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
				t.Errorf("%.80s, %s: accepted is %v, %s; in the store: %v; want a refusal for %q", c.input, name, ok, reason, err,
					c.fault)
			}
		}
	}
}

func TestEveryWayToStartAReplayRefusesTheSameNames(t *testing.T) {
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
	answer, err := lambdahttp.Serve(w.handler)(w.t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: "POST /replays",
		Body: startBody(id, input), Headers: map[string]string{"content-type": "application/json; charset=utf-8"}})
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

// startFromConsole runs the first step of an execution that was started by hand. Its
// input has passed through Step Functions, which accepts only JSON.
func (w *apiWorld) startFromConsole(id, input string) (string, bool) {
	w.t.Helper()
	planner := &planning.Planner{Store: w.store, Heads: w.api.Heads, Lanes: w.api.Lanes, Width: eventlog.Hour,
		Buckets: w.api.Buckets}
	plan := &steps.PlanReplay{Store: w.store, Promoter: &cutover.Promoter{Store: w.store}, Planner: planner,
		Forecaster: &forecast.Forecaster{Planner: planner}, Replays: &lifecycle.Service{Store: w.store}}
	_, err := plan.Handle(w.t.Context(), steps.PlanInput{Replay: id, Input: json.RawMessage(input)})
	if err == nil {
		return "", true
	}
	var named messages.InvokeResponse_Error
	if !errors.As(err, &named) || named.Type != steps.FaultInvalidInput {
		w.t.Errorf("%s: %v", input, err)
	}
	return err.Error(), false
}

// startByCommand refuses with the exit code for misuse, before it sends a request.
func (w *apiWorld) startByCommand(server *httptest.Server, id string, flags []string) (string, bool) {
	w.t.Helper()
	var out, stderr bytes.Buffer
	args := append([]string{"replay", "start", "--endpoint", server.URL, "--name", id}, flags...)
	code := cli.Main(context.WithoutCancel(w.t.Context()), args, func(string) string { return "" }, strings.NewReader(""),
		&out, &stderr)
	const fine, misuse = 0, 2
	if code != fine && code != misuse {
		w.t.Errorf("%q: exit %d, %s", args, code, stderr.String())
	}
	return stderr.String(), code == fine
}
