package api_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"reprise/pkg/meter/forecast"
	"reprise/pkg/replay"
	"reprise/workflows"
)

// A plan shows every default, and asking for it creates no replay.
func TestAPlanShowsEveryDefaultAndStartsNothing(t *testing.T) {
	w := newAPIWorld(t)
	response := w.call("POST /plans", "", nil, `{"name":"nightly","input":{"dryRun":true}}`)
	body := []byte(response.Body)
	var members struct{ Input map[string]any }
	must(t, json.Unmarshal(body, &members))
	want := map[string]any{"from": nil, "to": nil, "types": nil, "entities": nil, "prefixes": nil, "attribute": nil,
		"rebuild": false, "promote": false, "ordering": "entity", "slice": nil, "parallelism": 8.0, "rate": 0.0,
		"dryRun": true}
	for name, value := range want {
		if got, given := members.Input[name]; !given || got != value {
			t.Errorf("%s is %v, want %v", name, got, value)
		}
	}
	var plan forecast.Plan
	must(t, json.Unmarshal(body, &plan))
	if response.StatusCode != http.StatusOK || plan.Cut.IsZero() || plan.Duration.Basis == "" || plan.Cost != nil {
		t.Errorf("%d %s", response.StatusCode, body)
	}
	must(t, w.store.List(t.Context(), func(row replay.Row) error {
		t.Errorf("%s was created", row.ID)
		return nil
	}))
}

// What POST /replays refuses, POST /plans refuses in the same way.
func TestAPlanIsRefusedLikeTheReplay(t *testing.T) {
	w := newAPIWorld(t)
	_, _, err := w.store.Create(t.Context(), "used", replay.Request{Types: []string{"a"}})
	must(t, err)
	for body, want := range map[string]int{
		`{}`:                                      http.StatusBadRequest,
		`{"input":null}`:                          http.StatusBadRequest,
		`{"input":{"form":1}}`:                    http.StatusBadRequest,
		`{"input":{"rate":-1}}`:                   http.StatusBadRequest,
		`{"input":{},"x":1}`:                      http.StatusBadRequest,
		`{"name":"a b","input":{}}`:               http.StatusBadRequest,
		`{"name":"used","input":{}}`:              http.StatusConflict,
		`{"name":"used","input":{"types":["a"]}}`: http.StatusOK,
		`{"name":"used","input":{"types":["a"],"dryRun":true}}`: http.StatusOK,
	} {
		response := w.call("POST /plans", "", nil, body)
		if response.StatusCode != want {
			t.Errorf("%s: %d %s, want %d", body, response.StatusCode, response.Body, want)
		}
	}
}

// The schema is the file beside the state machine.
func TestTheInputSchemaIsServed(t *testing.T) {
	w := newAPIWorld(t)
	response := w.call("GET /input-schema", "", nil, "")
	var got, want map[string]any
	must(t, json.Unmarshal([]byte(response.Body), &got))
	must(t, json.Unmarshal([]byte(workflows.ReplayInput()), &want))
	if response.StatusCode != http.StatusOK || got["$id"] != want["$id"] || len(got) != len(want) {
		t.Errorf("%d %s", response.StatusCode, response.Body)
	}
}
