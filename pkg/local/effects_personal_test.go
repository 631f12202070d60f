package local_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"reprise/pkg/api/outgoing"
	"reprise/pkg/api/web"
	"reprise/pkg/effects/effectstest"
	"reprise/pkg/event"
	"reprise/pkg/gateway"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/personal/sealed"
	"reprise/pkg/projection"
)

// customers keep the name, whatever it is.
func customers() projection.Projection {
	return projection.New("customers", 1, []string{"customer.named"},
		func(_ map[string]json.RawMessage, e *event.Event) (map[string]json.RawMessage, error) {
			var data map[string]json.RawMessage
			if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
				return nil, errors.New("data is no object")
			}
			return data, nil
		})
}

// TestPersonalValuesAreSentAndNotKept: a system gets them, the effects log has them sealed,
// and once they are erased nothing is sent with them any more.
func TestPersonalValuesAreSentAndNotKept(t *testing.T) {
	t.Parallel()
	const name = "Grete Hermann"
	mail := &effectstest.System{}
	service := &effectstest.Service{Code: 1, On: []string{"customer.named"},
		May: []gateway.Call{{System: "mail", Name: "welcome", Kind: gateway.Updating}},
		Do: func(ctx context.Context, r *gateway.Reaction, outside gateway.Gateway) error {
			_, err := outside.Update(ctx, gateway.Effect{System: "mail", Name: "welcome", Body: r.After})
			return err
		}}
	options := local.Options{Dir: t.TempDir(), Lanes: 2, Service: service, Systems: gateway.Systems{"mail": mail},
		Projections: []projection.Projection{customers()},
		Personal:    sealed.Rules{"customer.named": {Fields: []string{"/name"}}}}
	p := localtest.Start(t, options)
	named := func(id string) json.RawMessage {
		return json.RawMessage(`{"specversion":"1.0","id":"` + id + `","source":"/t","type":"customer.named",` +
			`"subject":"c","data":{"name":"` + name + `"}}`)
	}
	p.Settle(int64(p.Send("/events", []json.RawMessage{named("1")})))
	localtest.Until(p, "/effects/waiting", func(outgoing.WaitingPage) bool { return len(mail.Done()) == 1 })
	for _, body := range mail.Done() {
		if string(body) != `{"name":"`+name+`"}` {
			t.Errorf("the system got %s", body)
		}
	}
	calls := func() string {
		_, body := p.Call(http.MethodGet, "/effects/"+web.EncodeEntity("c")+"/calls", "", nil)
		return string(body)
	}
	if shown := calls(); !strings.Contains(shown, name) {
		t.Errorf("who may sees %s", shown)
	}
	status, body := p.Call(http.MethodPost, "/erasures", "application/json", []byte(`{"subject":"c","reason":"asked"}`))
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if shown := calls(); strings.Contains(shown, name) || !strings.Contains(shown, "$erased") {
		t.Errorf("after the erasure %s", shown)
	}
}
