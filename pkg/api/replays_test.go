package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/meter"
	"reprise/pkg/meter/spending"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

func TestReplaysAreStartedOnce(t *testing.T) {
	w := newAPIWorld(t)
	const body = `{"name":"r1","input":{"rebuild":true,"promote":true}}`
	for _, c := range []struct {
		body   string
		status int
		detail string
	}{
		{body, http.StatusCreated, ""},
		{body, http.StatusOK, ""},
		{`{"name":"r1","input":{"rebuild":true}}`, http.StatusConflict, "another name"},
		{`{"input":{}}`, http.StatusCreated, ""},
		{`{"name":"r2"}`, http.StatusBadRequest, "input is required"},
		{`{"name":"r2","input":null}`, http.StatusBadRequest, "input is required"},
		{`{"name":"r2","input":{"form":"2026-03-01T00:00:00Z"}}`, http.StatusBadRequest, `"form" is not known`},
		{`{"name":"r2","inputs":{}}`, http.StatusBadRequest, `"inputs" is not known`},
		{`{"name":"a b","input":{}}`, http.StatusBadRequest, "a name has 1 to 80"},
		{`{"name":"r2","input":{"promote":true}}`, http.StatusBadRequest, "promote needs rebuild"},
		{`{"name":"r2","input":{"from":"yesterday"}}`, http.StatusBadRequest, "RFC 3339"},
		{`{"name":7,"input":{}}`, http.StatusBadRequest, "name must not be a number"},
		{`[]`, http.StatusBadRequest, "must be an object"},
		{`{"name":"r2","input":{}} x`, http.StatusBadRequest, "text after"},
		{`{`, http.StatusBadRequest, "not a JSON object"},
		{`{"name":"` + strings.Repeat("x", 300<<10) + `"}`, http.StatusRequestEntityTooLarge, "at most"},
	} {
		response := w.call("POST /replays", "", nil, c.body)
		if response.StatusCode != c.status || !strings.Contains(response.Body, jsonText(c.detail)) {
			t.Errorf("%.80s: %d %s", c.body, response.StatusCode, response.Body)
		}
	}
}

// jsonText is a text as written inside a JSON string.
func jsonText(text string) string { return strings.ReplaceAll(text, `"`, `\"`) }

func TestReplaysAreListedPageByPage(t *testing.T) {
	w := newAPIWorld(t)
	for i := range 5 {
		_, _, err := w.store.Create(t.Context(), fmt.Sprintf("r%d", i), replay.Request{})
		must(t, err)
	}
	query := map[string]string{"limit": "2"}
	var ids []string
	for {
		page := get[api.ReplaysPage](w, "GET /replays", "", query)
		for _, view := range page.Replays {
			ids = append(ids, view.ID)
		}
		if page.Next == "" {
			break
		}
		query["after"] = page.Next
	}
	if strings.Join(ids, " ") != "r0 r1 r2 r3 r4" {
		t.Errorf("got %v", ids)
	}
}

func TestReplayIsCancelledOnce(t *testing.T) {
	w := newAPIWorld(t)
	_, _, err := w.store.Create(t.Context(), "r1", replay.Request{})
	must(t, err)
	for _, c := range []struct {
		id     string
		status int
	}{{"none", 404}, {"r1", 200}, {"r1", 409}} {
		if got := w.call("POST /replays/{id}/cancel", c.id, nil, "{}"); got.StatusCode != c.status {
			t.Errorf("cancel %s: %d, want %d", c.id, got.StatusCode, c.status)
		}
	}
	if view := get[lifecycle.View](w, "GET /replays/{id}", "r1", nil); view.Status != replay.Cancelled {
		t.Errorf("status %s", view.Status)
	}
}

// The answer is as described, with transitions and without.
func TestAReplayIsShownWithItsCost(t *testing.T) {
	w := newAPIWorld(t)
	_, _, err := w.store.Create(t.Context(), "r1", replay.Request{})
	must(t, err)
	if view := get[lifecycle.View](w, "GET /replays/{id}", "r1", nil); view.Cost != nil {
		t.Errorf("nothing is metered: %+v", view.Cost)
	}
	used := new(meter.Meter)
	used.Part("log").Add(meter.ReadUnits, 1000.5)
	spending := &spending.Recorder{Store: w.store, Used: meter.NewOutstanding(used), Function: "read-segment"}
	must(t, spending.Keep(t.Context(), "r1", "0"))
	view := get[lifecycle.View](w, "GET /replays/{id}", "r1", nil)
	if view.Cost == nil || view.Cost.Functions["read-segment"].ReadUnits != 1000.5 || view.Cost.Transitions != nil {
		t.Errorf("have %+v", view.Cost)
	}
	must(t, spending.SetTransitions(t.Context(), "r1", 7))
	if view = get[lifecycle.View](w, "GET /replays/{id}", "r1", nil); view.Cost.Transitions == nil ||
		*view.Cost.Transitions != 7 {
		t.Errorf("have %+v", view.Cost)
	}
}

// The parallelism is shown once it is set; what no replay may have is refused.
func TestParallelismIsSet(t *testing.T) {
	w := newAPIWorld(t)
	_, _, err := w.store.Create(t.Context(), "r1", replay.Request{})
	must(t, err)
	for _, c := range []struct {
		id, body string
		status   int
	}{
		{"none", `{"parallelism":2}`, 404}, {"r1", `{}`, 400}, {"r1", `{"parallelism":0}`, 400},
		{"r1", `{"parallelism":257}`, 400},
		{"r1", `{"parallelism":9007199254740993}`, 400}, {"r1", `{"parallelism":null}`, 400},
		{"r1", `{"Parallelism":2}`, 400},
		{"r1", `{"parallelism":256}`, 200}, {"r1", `{"parallelism":2}`, 200},
	} {
		if got := w.call("POST /replays/{id}/parallelism", c.id, nil, c.body); got.StatusCode != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.id, c.body, got.StatusCode, got.Body, c.status)
		}
	}
	if view := get[lifecycle.View](w, "GET /replays/{id}", "r1", nil); view.Plan.Parallelism != 2 {
		t.Errorf("shown as %+v", view.Plan)
	}
	if detail := get[lifecycle.Detail](w, "GET /replays/{id}/progress", "r1", nil); detail.Parallelism != 2 {
		t.Errorf("shown as %+v", detail)
	}
	_, _, err = w.store.End(t.Context(), "r1", replay.Failed, nil, nil)
	must(t, err)
	if got := w.call("POST /replays/{id}/parallelism", "r1", nil, `{"parallelism":3}`); got.StatusCode != 409 {
		t.Errorf("after the end: %d %s", got.StatusCode, got.Body)
	}
}
