package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"reprise/pkg/api/outgoing"
	"reprise/pkg/api/web"
	"reprise/pkg/domain/samples"
	"reprise/pkg/effects/effectstest"
	"reprise/pkg/gateway"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// mailing sends a mail for every event of an account, with the version of the code in it.
func mailing(version int) *effectstest.Service {
	return &effectstest.Service{Code: version, On: samples.Accounts().Types(),
		May: []gateway.Call{{System: "mail", Name: "changed", Kind: gateway.Updating}},
		Do: func(ctx context.Context, r *gateway.Reaction, outside gateway.Gateway) error {
			body := []byte(`{"says":"changed"}`)
			if version == 2 && len(r.Before) == 0 {
				body = []byte(`{"says":"new"}`)
			}
			_, err := outside.Update(ctx, gateway.Effect{System: "mail", Name: "changed", Body: body})
			return err
		}}
}

// An operator sees what the code of now would have sent otherwise, approves it, and finds
// it with the entity.
func TestAnOperatorApprovesEffects(t *testing.T) {
	t.Parallel()
	const events = 24
	mail := &effectstest.System{}
	options := local.Options{Dir: t.TempDir(), Service: mailing(1), Systems: gateway.Systems{"mail": mail}}
	p := localtest.Start(t, options)
	var batch []json.RawMessage
	for i := range events {
		batch = append(batch, json.RawMessage(fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"shop",`+
			`"type":"account.opened","subject":"account-%d","data":{"owner":"Ada"}}`, i, i)))
	}
	p.Send("/events", batch)
	localtest.Until(p, "/effects/waiting", func(page outgoing.WaitingPage) bool {
		return len(page.Waiting) == 0 && len(mail.Done()) == events
	})
	p.Stop()
	options.Service = mailing(2)
	p = localtest.Start(t, options)
	status, body := p.Call(http.MethodPost, "/replays", "application/json",
		[]byte(`{"name":"mails","input":{"rebuild":true,"effects":"diff"}}`))
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	localtest.Until(p, "/replays/mails", func(v lifecycle.View) bool { return v.Status == replay.Succeeded })
	page := localtest.Until(p, "/comparisons/mails", func(c outgoing.Comparison) bool { return c.Complete })
	entity := page.Differences[0].Entity
	b := open(t, p.URL)
	b.visit("/console/replays/mails")
	b.isLive()
	b.sees("main", "Effects: what this code would have sent")
	b.sees("main", "Sent otherwise")
	b.sees("main", "reprise effects approve mails")
	b.accessible()
	b.pictures("effects")
	b.press("Approve…")
	b.sees("dialog", "External systems are called")
	b.holds(`(() => { const typed = document.querySelector('#typed'); typed.value = 'mails';` +
		` typed.dispatchEvent(new Event('input')); return true; })()`)
	b.press("Send it")
	b.sees("main", "CARRIED OUT")
	b.sees("main", "0 failed")
	b.visit("/console/entities/" + web.EncodeEntity(entity))
	b.isLive()
	b.sees("main", "Sent to external systems")
	b.sees("main", "mail/changed")
	b.accessible()
	b.pictures("calls")
}
