package api_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/api"
	"reprise/pkg/aws/lambdahttp"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// countedExecutions counts what is done to executions. There are none.
type countedExecutions struct{ calls int }

func (c *countedExecutions) Start(context.Context, string, []byte) error { c.calls++; return nil }

func (*countedExecutions) State(context.Context, string) (lifecycle.ExecutionStatus, error) {
	return lifecycle.ExecutionUnknown, nil
}

func (c *countedExecutions) Stop(context.Context, string, string, string) error {
	c.calls++
	return nil
}

func (c *countedExecutions) Release(context.Context, string, []byte) error { c.calls++; return nil }

func (c *countedExecutions) SetConcurrency(context.Context, string, int) error { c.calls++; return nil }

// steeredWorld is a world whose replays are in every state, named after it.
type steeredWorld struct {
	*apiWorld
	executions *countedExecutions
	server     *httptest.Server
}

func newSteeredWorld(t *testing.T) *steeredWorld {
	t.Helper()
	w := &steeredWorld{apiWorld: newAPIWorld(t), executions: &countedExecutions{}}
	w.api.Replays = &lifecycle.Service{
		Store:      w.store,
		Executions: w.executions,
		Closer:     &lifecycle.Closer{Store: w.store, Registry: w.registry, Generations: w.generations, Lanes: apiLanes},
		Width:      eventlog.Hour,
		Random:     strings.NewReader(strings.Repeat("x", 64)),
	}
	end := func(id string, status replay.Status, why *replay.Failure) {
		t.Helper()
		_, _, err := w.store.End(t.Context(), id, status, why, nil)
		must(t, err)
	}
	for _, id := range []string{"planned", "paused", "succeeded", "cancelled", "failed", "hopeless"} {
		_, _, err := w.store.Create(t.Context(), id, replay.Request{})
		must(t, err)
	}
	_, _, err := w.store.RequestPause(t.Context(), "paused")
	must(t, err)
	_, err = w.store.ParkToken(t.Context(), "paused", "token")
	must(t, err)
	end("succeeded", replay.Succeeded, nil)
	end("cancelled", replay.Cancelled, nil)
	end("failed", replay.Failed, &replay.Failure{Error: "Reprise.ReadFailed", Cause: "c"})
	end("hopeless", replay.Failed, &replay.Failure{Error: "Reprise.InvalidInput", Cause: "c"})
	w.server = w.serve()
	return w
}

// stored is everything that steering could change.
func (w *steeredWorld) stored() string {
	w.t.Helper()
	var text strings.Builder
	for _, partition := range []string{"replays", "registry"} {
		docs, err := w.store.Table.List(w.t.Context(), partition, "", 100)
		must(w.t, err)
		for _, doc := range docs {
			fmt.Fprintf(&text, "%s/%s %s %s\n", doc.Partition, doc.Sort, doc.Version, doc.Body)
		}
	}
	fmt.Fprintf(&text, "%d calls of Step Functions", w.executions.calls)
	return text.String()
}

// steering are the routes that steer one replay, with a body that each accepts.
func steering(t *testing.T) map[string]string {
	t.Helper()
	bodies := make(map[string]string)
	for _, route := range api.Routes() {
		if action, found := strings.CutPrefix(route.Pattern, "POST /replays/{id}/"); found {
			bodies[action] = ""
		}
	}
	if _, known := bodies["rate"]; !known || len(bodies) < 5 {
		t.Fatalf("the routes are %v", bodies)
	}
	bodies["rate"], bodies["budget"] = `{"rate":5}`, `{"budget":{"readUnits":5}}`
	bodies["parallelism"] = `{"parallelism":5}`
	return bodies
}

// hostile is a request that may change nothing.
type hostile struct {
	action, id, body string
	status           int
	kind             string
	// query is the request's, and media its content type, if it is not JSON.
	query, media string
}

func hostileRequests(bodies map[string]string) (all []hostile) {
	add := func(action, id, body string, status int, kind string) {
		all = append(all, hostile{action: action, id: id, body: body, status: status, kind: kind})
	}
	for action, body := range bodies {
		for _, id := range []string{"nobody", "a/b", "<script>alert(1)</script>", "a\x1b[2J", "a\u009bm", "a b",
			"planned ", "PLANNED", "%00", "'", strings.Repeat("x", 81)} {
			add(action, id, body, http.StatusNotFound, "replay-not-found")
		}
		for _, id := range []string{"succeeded", "cancelled"} {
			kind := "replay-ended"
			if action == "continue" {
				kind = "replay-not-failed"
			}
			add(action, id, body, http.StatusConflict, kind)
		}
		add(action, "planned", `{"force":true}`, http.StatusBadRequest, "malformed-body")
		add(action, "planned", `{"rate":5,"rate":6}`, http.StatusBadRequest, "malformed-body")
		add(action, "planned", `[`, http.StatusBadRequest, "malformed-body")
		add(action, "planned", `"`+strings.Repeat("x", 300<<10)+`"`, http.StatusRequestEntityTooLarge, "body-too-large")
		all = append(all,
			hostile{action, "planned", body, http.StatusBadRequest, "invalid-parameter", "now=1", ""},
			hostile{action, "planned", body, http.StatusUnsupportedMediaType, "unsupported-media-type", "", "text/plain"},
			hostile{action, "planned", body, http.StatusUnsupportedMediaType, "unsupported-media-type", "",
				"application/x-www-form-urlencoded"})
	}
	for _, action := range []string{"pause", "resume", "cancel", "rate", "continue"} {
		kind := "replay-ended"
		if action == "continue" {
			kind = "replay-not-continuable"
		}
		add(action, "hopeless", bodies[action], http.StatusConflict, kind)
	}
	add("pause", "failed", "", http.StatusConflict, "replay-ended")
	add("resume", "failed", "", http.StatusConflict, "replay-ended")
	add("rate", "failed", `{"rate":1}`, http.StatusConflict, "replay-ended")
	for _, id := range []string{"planned", "paused"} {
		add("continue", id, "", http.StatusConflict, "replay-not-failed")
	}
	for _, id := range []string{"planned", "paused"} {
		for body, kind := range map[string]string{
			`{"rate":-1}`: "invalid-replay", `{"rate":10000001}`: "invalid-replay", `{"rate":null}`: "invalid-replay",
			`{}`: "invalid-replay", `{"rate":9223372036854775807}`: "invalid-replay",
			`{"rate":-9223372036854775808}`: "invalid-replay",
			`{"rate":1e400}`:                "malformed-body", `{"rate":NaN}`: "malformed-body",
			`{"rate":Infinity}`: "malformed-body", `{"rate":"5"}`: "malformed-body", `{"rate":1.5}`: "malformed-body",
			`{"rate":[5]}`: "malformed-body", `{"rate":{}}`: "malformed-body", `{"rate":true}`: "malformed-body",
			`{"Rate":5}`: "malformed-body", `{"rate":5,"more":1}`: "malformed-body",
			`{"rate":18446744073709551616}`: "malformed-body",
			`{"rate":5} {"rate":6}`:         "malformed-body", "{\"rate\":5\x00}": "malformed-body", ``: "malformed-body",
		} {
			add("rate", id, body, http.StatusBadRequest, kind)
		}
	}
	for body, kind := range map[string]string{
		`{"parallelism":0}`: "invalid-replay", `{"parallelism":-1}`: "invalid-replay",
		`{"parallelism":257}`:  "invalid-replay",
		`{"parallelism":null}`: "invalid-replay", `{}`: "invalid-replay", `{"parallelism":1e400}`: "malformed-body",
		`{"parallelism":"5"}`: "malformed-body", `{"parallelism":1.5}`: "malformed-body",
		`{"Parallelism":5}`: "malformed-body",
	} {
		add("parallelism", "planned", body, http.StatusBadRequest, kind)
	}
	return all
}

// Whatever is asked of a replay that it cannot be or does not know, the answer is the
// same problem on one machine and as a function, and nothing changes.
func TestHostileSteeringChangesNothing(t *testing.T) {
	w := newSteeredWorld(t)
	before := w.stored()
	for _, c := range hostileRequests(steering(t)) {
		media := "application/json"
		if c.media != "" {
			media = c.media
		}
		status, problem := w.both(w.server, asked{route: "POST /replays/{id}/" + c.action, id: c.id, body: c.body,
			query: c.query, headers: map[string]string{"Content-Type": media}})
		if status != c.status || problem.Kind() != c.kind {
			t.Errorf("%s %q %.60q: %d %s %s, want %d %s", c.action, c.id, c.body, status, problem.Kind(), problem.Detail,
				c.status, c.kind)
		}
		if strings.ContainsAny(problem.Detail, "\x00\x1b\u009b<") {
			t.Errorf("%s %q: the problem repeats it: %q", c.action, c.id, problem.Detail)
		}
		if after := w.stored(); after != before {
			t.Fatalf("%s %q %.60q changed\n%s\nto\n%s", c.action, c.id, c.body, before, after)
		}
	}
}

// Steering that is repeated, or has nothing to do, is answered and changes nothing.
func TestSteeringThatIsRepeatedChangesNothing(t *testing.T) {
	w := newSteeredWorld(t)
	before := w.stored()
	for action, id := range map[string]string{"resume": "planned", "pause": "paused"} {
		status, problem := w.both(w.server, asked{route: "POST /replays/{id}/" + action, id: id,
			headers: map[string]string{"Content-Type": "application/json"}})
		if after := w.stored(); status != http.StatusOK || after != before {
			t.Errorf("%s %s: %d %+v\n%s\n%s", action, id, status, problem, before, after)
		}
	}
}

// A name that is used, or that could do harm where it is shown, starts nothing.
func TestHostileNamesStartNothing(t *testing.T) {
	w := newSteeredWorld(t)
	before := w.stored()
	for body, want := range map[string]int{
		`{"name":"succeeded","input":{"types":["t"]}}`:        http.StatusConflict,
		`{"name":"paused","input":{"rate":1}}`:                http.StatusConflict,
		`{"name":"<script>alert(1)</script>","input":{}}`:     http.StatusBadRequest,
		`{"name":"a\u001b[2J","input":{}}`:                    http.StatusBadRequest,
		`{"name":"a\u0000","input":{}}`:                       http.StatusBadRequest,
		`{"name":"a.1","input":{}}`:                           http.StatusBadRequest,
		`{"name":"../up","input":{}}`:                         http.StatusBadRequest,
		`{"name":"` + strings.Repeat("x", 81) + `"` + `}`:     http.StatusBadRequest,
		`{"name":"n","input":{"entities":["a\u001b[2J"]}}`:    http.StatusBadRequest,
		`{"name":"n","input":{"types":["<a>\u0007"]}}`:        http.StatusBadRequest,
		`{"name":"n","input":{"prefixes":["\u009b31m"]}}`:     http.StatusBadRequest,
		`{"name":"n","input":{"rate":-1}}`:                    http.StatusBadRequest,
		`{"name":"n","input":{"continue":"failed"}}`:          http.StatusBadRequest,
		`{"name":"n","input":{},"name":"m"}`:                  http.StatusBadRequest,
		`{"name":"n"}`:                                        http.StatusBadRequest,
		`{"Name":"n","input":{}}`:                             http.StatusBadRequest,
		`{"name":{"$ne":""},"input":{}}`:                      http.StatusBadRequest,
		`{"name":"n","input":{"rebuild":true,"promote":"1"}}`: http.StatusBadRequest,
	} {
		status, problem := w.both(w.server, asked{route: "POST /replays", body: body,
			headers: map[string]string{"Content-Type": "application/json"}})
		if after := w.stored(); status != want || after != before {
			t.Errorf("%s: %d %s, want %d\n%s\n%s", body, status, problem.Detail, want, before, after)
		}
	}
}

// Pages of other sites, and names that resolve to this machine, steer nothing; and no
// answer of either form of the API allows a page to read it.
func TestOtherSitesSteerNothing(t *testing.T) {
	w := newSteeredWorld(t)
	before := w.stored()
	for _, action := range slices.Sorted(maps.Keys(steering(t))) {
		for name, foreign := range map[string]func(*http.Request){
			"another site":          func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			"another port":          func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
			"another origin":        func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
			"a page without origin": func(r *http.Request) { r.Header.Set("Origin", "null") },
			"an origin that looks local": func(r *http.Request) {
				r.Header.Set("Origin", "http://localhost.evil.example")
			},
			"a rebound name":             func(r *http.Request) { r.Host = "evil.example" },
			"a rebound name with a port": func(r *http.Request) { r.Host = "127.0.0.1.evil.example:8787" },
			"an address of the network":  func(r *http.Request) { r.Host = "192.168.0.7" },
			"no host":                    func(r *http.Request) { r.Host = "" },
		} {
			a := asked{route: "POST /replays/{id}/" + action, id: "planned", body: steering(t)[action],
				headers: map[string]string{"Content-Type": "application/json"}}
			request := a.request(t.Context(), "http://localhost")
			foreign(request)
			answer := answeredBy(w.server.Config.Handler, request)
			if problem := problemOf(t, answer.StatusCode, answer.Body); answer.StatusCode != http.StatusForbidden ||
				problem.Kind() != "not-from-here" || w.stored() != before {
				t.Errorf("%s, %s: %d %s", action, name, answer.StatusCode, answer.Body)
			}
			w.noCORS(action+", "+name, answer.Headers)
		}
		w.preflight(action)
	}
}

func (w *steeredWorld) noCORS(what string, headers map[string]string) {
	w.t.Helper()
	for name := range headers {
		if strings.HasPrefix(http.CanonicalHeaderKey(name), "Access-Control-") {
			w.t.Errorf("%s: the answer has the header %s", what, name)
		}
	}
}

// preflight asks as browsers do before they send a request of another site.
func (w *steeredWorld) preflight(action string) {
	w.t.Helper()
	headers := map[string]string{"Origin": "https://evil.example", "Access-Control-Request-Method": "POST",
		"Access-Control-Request-Headers": "content-type"}
	a := asked{route: "OPTIONS /replays/{id}/" + action, id: "planned", headers: headers}
	answer := answeredBy(w.server.Config.Handler, a.request(w.t.Context(), "http://localhost"))
	if answer.StatusCode < http.StatusBadRequest {
		w.t.Errorf("preflight of %s: %d", action, answer.StatusCode)
	}
	w.noCORS("preflight of "+action, answer.Headers)
	function, err := lambdahttp.Serve(w.handler)(w.t.Context(), asLambdaGets(w.t, events.APIGatewayV2HTTPRequest{
		RouteKey: "POST /replays/{id}/" + action, PathParameters: map[string]string{"id": "nobody"},
		Headers: map[string]string{"Origin": "https://evil.example", "Content-Type": "application/json"}}))
	must(w.t, err)
	w.noCORS(action+" as a function", function.Headers)
}
