package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/asl/states"
	"reprise/pkg/replay"
)

func TestExecutionsAreShownPageByPage(t *testing.T) {
	w := newAPIWorld(t)
	_, _, err := w.store.Create(t.Context(), "known", replay.Request{})
	must(t, err)
	after, seen := int64(0), 0
	for more := true; more; {
		response := w.ask(asked{route: "GET /replays/{id}/execution", id: "known", query: "limit=500&after=" +
			strconv.FormatInt(after, 10)})
		checkResponse(t, "GET /replays/{id}/execution", response)
		page := decode[api.ExecutionView](t, response.Body)
		if (len(page.Definition) > 0) != (after == 0) {
			t.Errorf("after %d: definition %s", after, page.Definition)
		}
		for _, e := range page.Events {
			if after++; e.ID != after || e.State != "A" || !e.Truncated || len(e.Input) > 2048 {
				t.Fatalf("event %d: %+v", after, e)
			}
		}
		seen, more = seen+len(page.Events), page.More
	}
	if seen != fakeEvents {
		t.Errorf("%d events", seen)
	}
}

func TestExecutionsThatAreNotKeptAreSaidToBe(t *testing.T) {
	w := newAPIWorld(t)
	for _, id := range []string{"old", "known"} {
		_, _, err := w.store.Create(t.Context(), id, replay.Request{})
		must(t, err)
	}
	for _, c := range []struct{ id, query, kind string }{
		{"old", "", "execution-not-found"},
		{"none", "", "replay-not-found"},
		{"old", "after=-1", "invalid-parameter"},
		{"old", "after=x", "invalid-parameter"},
		{"old", "limit=501", "invalid-parameter"},
		{"old", "limit=0", "invalid-parameter"},
		{"old", "group=-1", "invalid-parameter"},
		{"old", "group=1024", "invalid-parameter"},
		{"known", "group=2", "execution-not-found"},
	} {
		response := w.ask(asked{route: "GET /replays/{id}/execution", id: c.id, query: c.query})
		if response.StatusCode/100 != 4 || !strings.Contains(response.Body, c.kind) {
			t.Errorf("%+v: %d %s", c, response.StatusCode, response.Body)
		}
		if response.StatusCode != http.StatusNotFound {
			checkResponse(t, "GET /replays/{id}/execution", response)
		}
	}
}

// The child that reads a lane group is shown as the execution is, with its own part of
// the definition.
func TestTheChildOfALaneGroupIsShown(t *testing.T) {
	w := newAPIWorld(t)
	_, _, err := w.store.Create(t.Context(), "known", replay.Request{})
	must(t, err)
	child := get[api.ExecutionView](w, "GET /replays/{id}/execution", "known", map[string]string{"group": "1"})
	if child.Name != "a-child" || child.Group == nil || *child.Group != 1 || child.Error != "Reprise.Stalled" ||
		len(child.Events) != 1 || child.More || !strings.Contains(string(child.Definition), `"StartAt":"R"`) {
		t.Errorf("%+v", child)
	}
	whole := get[api.ExecutionView](w, "GET /replays/{id}/execution", "known", nil)
	if whole.Group != nil || !strings.Contains(string(whole.Definition), `"StartAt":"M"`) {
		t.Errorf("%+v", whole)
	}
	for input, want := range map[string]bool{`{"group":1}`: true, `{"group":"1"}`: false, `{"group":2}`: false,
		`{}`: false, `{"group":null}`: false, `1`: false, ``: false} {
		if got := api.ReadsGroup([]byte(input), 1); got != want {
			t.Errorf("%s reads group 1: %t", input, got)
		}
	}
}

// Execution knows one replay's, which has many events.
func (f *fakePlatform) Execution(_ context.Context, name string) (states.Execution, error) {
	if name != "known" {
		return states.Execution{}, states.ErrExecutionDoesNotExist
	}
	return states.Execution{Name: name, ExecutionArn: name, Status: states.StatusRunning, StartDate: time.UnixMilli(1000)},
		f.err
}

// Child knows that of group 1.
func (f *fakePlatform) Child(_ context.Context, name string, group int) (states.Execution, error) {
	if name != "known" || group != 1 {
		return states.Execution{}, states.ErrExecutionDoesNotExist
	}
	return states.Execution{Name: "a-child", ExecutionArn: name + "/1", Status: states.StatusFailed,
		StartDate: time.UnixMilli(1000), StopDate: time.UnixMilli(2000), Error: "Reprise.Stalled"}, f.err
}

func (f *fakePlatform) Definition(context.Context, string) (json.RawMessage, error) {
	return json.RawMessage(`{"StartAt":"M","States":{"A":{"Type":"Succeed"},"M":{"Type":"Map",
		"ItemProcessor":{"StartAt":"R","States":{"R":{"Type":"Succeed"}}}}}}`), f.err
}

func (f *fakePlatform) Events(_ context.Context, arn string, after int64, limit int) ([]states.Event, bool, error) {
	if arn == "known/1" {
		return []states.Event{{ID: 1, Type: "ExecutionStarted", Timestamp: time.UnixMilli(1000)}}, false, f.err
	}
	var page []states.Event
	for id := after + 1; id <= fakeEvents && len(page) < limit; id++ {
		page = append(page, states.Event{ID: id, Type: "PassStateEntered", Timestamp: time.UnixMilli(id),
			StateEntered: &states.EnteredDetails{Name: "A", Input: strings.Repeat("é", 2000)}})
	}
	return page, after+int64(len(page)) < fakeEvents, f.err
}

// fakeEvents is the number of events of the execution that a fakePlatform knows.
const fakeEvents = 1200
