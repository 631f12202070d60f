package api_test

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"reprise/pkg/api"
	"reprise/pkg/api/intake"
)

// description loads openapi.yaml once for all tests.
var description = sync.OnceValues(func() (*openapi3.T, error) {
	raw, err := os.ReadFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(context.Background())
})

func operation(t testing.TB, routeKey string) (string, *openapi3.PathItem, *openapi3.Operation) {
	t.Helper()
	doc, err := description()
	must(t, err)
	method, path, _ := strings.Cut(routeKey, " ")
	item := doc.Paths.Value(path)
	if item == nil || item.GetOperation(method) == nil {
		t.Fatalf("openapi.yaml lacks %s", routeKey)
	}
	return method, item, item.GetOperation(method)
}

// checkResponse compares an answer with the description of its route.
func checkResponse(t testing.TB, routeKey string, response response) {
	t.Helper()
	if response.StatusCode == http.StatusNotFound && strings.Contains(response.Body, "no-route") {
		return
	}
	method, item, op := operation(t, routeKey)
	doc, err := description()
	must(t, err)
	_, path, _ := strings.Cut(routeKey, " ")
	header := http.Header{}
	for name, value := range response.Headers {
		header.Set(name, value)
	}
	sent, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1"+path, http.NoBody)
	must(t, err)
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: sent,
			Route: &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: op}},
		Status: response.StatusCode, Header: header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	input.SetBodyBytes([]byte(response.Body))
	if err := openapi3filter.ValidateResponse(t.Context(), input); err != nil {
		t.Errorf("%s answers what openapi.yaml does not describe: %v", routeKey, err)
	}
}

func TestDescriptionHasExactlyTheRoutes(t *testing.T) {
	doc, err := description()
	must(t, err)
	known := map[string]api.Group{}
	for _, route := range slices.Concat(api.Routes(), api.LocalRoutes()) {
		if _, twice := known[route.Pattern]; twice {
			t.Errorf("route %s is listed twice", route.Pattern)
		}
		known[route.Pattern] = route.Group
		_, _, op := operation(t, route.Pattern)
		if op.Extensions["x-permission"] != string(route.Group) {
			t.Errorf("%s: x-permission is %v, the route table says %s", route.Pattern, op.Extensions["x-permission"],
				route.Group)
		}
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			if _, found := known[method+" "+path]; !found {
				t.Errorf("openapi.yaml describes %s %s, which is no route", method, path)
			}
		}
	}
}

func TestEveryRouteIsServed(t *testing.T) {
	w := newAPIWorld(t)
	for _, route := range api.Routes() {
		response := w.ask(asked{route: route.Pattern, id: "eA"})
		if response.StatusCode == http.StatusNotFound && strings.Contains(response.Body, "no-route") {
			t.Errorf("%s is not served", route.Pattern)
		}
	}
}

// The answers of Load are described too.
func TestLoadAnswersAsDescribed(t *testing.T) {
	w := newAPIWorld(t)
	for _, c := range []struct {
		kind, body string
		status     int
	}{
		{"application/cloudevents-batch+json", "[" + strings.Join(deposits("a", 0, 3), ",") + "]", 202},
		{"application/cloudevents+json", deposits("a", 3, 4)[0], 202},
		{"application/cloudevents-batch+json", "[]", 400},
		{"application/cloudevents-batch+json", `[{"specversion":"1.0"}]`, 400},
		{"text/plain", "x", 415},
	} {
		response := w.ask(asked{route: intake.RouteEvents, headers: map[string]string{"content-type": c.kind}, body: c.body})
		if response.StatusCode != c.status {
			t.Errorf("%s %.40s: %d, want %d", c.kind, c.body, response.StatusCode, c.status)
		}
		checkResponse(t, intake.RouteEvents, response)
	}
}
