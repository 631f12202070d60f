package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

func TestQuarantinedRecordsComePageByPage(t *testing.T) {
	w := newAPIWorld(t)
	want := make(map[string]bool)
	for i := range 1100 {
		at, err := event.NewPosition(1, fmt.Sprint(1000+i), 0)
		must(t, err)
		lane := event.Lane(i % apiLanes)
		want[lane.String()+string(at)] = true
		must(t, w.api.EventLog.Quarantine(t.Context(), lane, eventlog.Quarantined{Position: at, Reason: "late", Detail: "d",
			Arrival: 1000, Data: []byte("xyz")}))
	}
	query := map[string]string{"limit": "300"}
	for pages := 1; ; pages++ {
		page := get[entities.QuarantinePage](w, "GET /quarantine", "", query)
		for _, r := range page.Records {
			if key := r.Lane.String() + string(r.Position); !want[key] || r.Bytes != 3 ||
				r.Reason != "late" || r.Arrival.Unix() != 1 {
				t.Errorf("%+v", r)
			} else {
				delete(want, key)
			}
		}
		if page.Next == "" {
			if pages != 4 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		query["after"] = page.Next
	}
	if len(want) > 0 {
		t.Errorf("%d records are missing", len(want))
	}
	if view := get[api.StatusView](w, "GET /status", "", nil); view.Quarantined != (entities.Bounded{Count: 1000}) {
		t.Errorf("status: %+v", view.Quarantined)
	}
	for _, after := range []string{"x", "-1", "9999", "0.x"} {
		got := w.call("GET /quarantine", "", map[string]string{"after": after}, "")
		if got.StatusCode != http.StatusBadRequest {
			t.Errorf("after=%s: %d", after, got.StatusCode)
		}
	}
}
