package local_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/api/outgoing"
	"reprise/pkg/api/past"
	"reprise/pkg/api/web"
	"reprise/pkg/effects"
	"reprise/pkg/effects/effectstest"
	"reprise/pkg/gateway"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
)

// charging charges a fee for every withdrawal of an account, and asks for its rate.
func charging(version int, fee func(r *gateway.Reaction) int64) *effectstest.Service {
	rate := gateway.QueryOf[struct{}, int64]{Call: gateway.Call{System: "rates", Name: "rate", Kind: gateway.Asking}}
	charge := gateway.UpdateOf[int64, string]{Call: gateway.Call{
		System: "payments", Name: "charge", Kind: gateway.Updating, Compensation: "refund"}}
	refund := gateway.Call{System: "payments", Name: "refund", Kind: gateway.Updating}
	return &effectstest.Service{
		Code: version,
		On:   []string{"account.withdrawn"},
		May:  []gateway.Call{rate.Call, charge.Call, refund},
		Do: func(ctx context.Context, r *gateway.Reaction, outside gateway.Gateway) error {
			by, err := rate.Ask(ctx, outside, "", struct{}{})
			if err != nil {
				return err
			}
			if amount := by * fee(r); amount > 0 {
				_, err = charge.Do(ctx, outside, "", amount)
			}
			return err
		},
	}
}

// balances are the sums of all charges less all refunds.
func balance(t *testing.T, payments *effectstest.System) (sum int64, updates int) {
	t.Helper()
	for _, body := range payments.Done() {
		updates++
		var charged int64
		if json.Unmarshal(body, &charged) == nil {
			sum += charged
			continue
		}
		var undone gateway.Compensated
		if err := json.Unmarshal(body, &undone); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(undone.Body, &charged); err != nil {
			t.Fatal(err)
		}
		sum -= charged
	}
	return sum, updates
}

// withdrawals are events of accounts, each of which is opened, filled, and withdrawn from.
func withdrawals(accounts, each int) (all []json.RawMessage) {
	put := func(account, n int, kind, data string) {
		all = append(all, json.RawMessage(fmt.Sprintf(
			`{"specversion":"1.0","id":"%d-%d","source":"/t","type":%q,"subject":"account-%d","data":%s}`,
			account, n, kind, account, data)))
	}
	for a := range accounts {
		put(a, 0, "account.opened", `{"owner":"o"}`)
		put(a, 1, "account.deposited", `{"amount":1000}`)
		for n := range each {
			put(a, 2+n, "account.withdrawn", fmt.Sprintf(`{"amount":%d}`, n+1))
		}
	}
	return all
}

func settledEffects(t *testing.T, p *localtest.Platform, payments *effectstest.System, want int) {
	t.Helper()
	localtest.Until(p, "/effects/waiting", func(page outgoing.WaitingPage) bool {
		_, updates := balance(t, payments)
		return len(page.Waiting) == 0 && updates == want
	})
	// What was sent is known once its batch is done.
	localtest.Until(p, "/status", func(status api.StatusView) bool {
		return slices.ContainsFunc(status.Consumers, func(c api.ConsumerStatus) bool {
			return c.Name == "run-microservice" && *c.BehindRecords == 0
		})
	})
}

// TestTheDifferenceOfABugIsFoundAndSentOnce: a wrong fee for some withdrawals is found by a
// rebuild that compares effects, nothing is sent before it is approved, and then the books
// are those of a run without the bug.
func TestTheDifferenceOfABugIsFoundAndSentOnce(t *testing.T) {
	t.Parallel()
	const accounts, each = 5, 6
	right := func(r *gateway.Reaction) int64 {
		var data struct{ Amount int64 }
		if json.Unmarshal([]byte(r.Event.Data), &data) != nil || data.Amount == 1 {
			return 0
		}
		return data.Amount
	}
	wrong := func(r *gateway.Reaction) int64 {
		switch fee := right(r); fee {
		case 0:
			return 7 // surplus charge: missing in the right code
		case 2:
			return 0 // no charge: surplus in the right code
		case 3:
			return 30
		default:
			return fee
		}
	}
	payments, rates := &effectstest.System{}, &effectstest.System{
		Answer: func(*gateway.Request) ([]byte, error) { return []byte("2"), nil }}
	options := local.Options{Dir: t.TempDir(), Lanes: 4, Service: charging(1, wrong),
		Systems: gateway.Systems{"payments": payments, "rates": rates}}
	p := localtest.Start(t, options)
	p.Send("/events", withdrawals(accounts, each))
	settledEffects(t, p, payments, accounts*(each-1))
	p.Stop()

	asked := len(rates.Received())
	options.Service = charging(2, right)
	p = localtest.Start(t, options)
	if view := p.Replay("compare", `{"rebuild":true,"effects":"diff"}`); view.Status != replay.Succeeded {
		t.Fatalf("%+v", view)
	}
	if _, updates := balance(t, payments); updates != accounts*(each-1) || len(rates.Received()) != asked {
		t.Fatalf("the replay reached outside: %d updates, %d queries more", updates, len(rates.Received())-asked)
	}
	_, body := p.Call(http.MethodGet, "/comparisons/compare?limit=1000", "", nil)
	var compared outgoing.Comparison
	if err := json.Unmarshal(body, &compared); err != nil {
		t.Fatal(err)
	}
	want := map[effects.Class]int64{effects.Same: accounts * (each - 3), effects.Changed: accounts,
		effects.Surplus: accounts, effects.Missing: accounts}
	if fmt.Sprint(compared.Counts) != fmt.Sprint(want) || !compared.Complete {
		t.Fatalf("counts %v, want %v: %s", compared.Counts, want, body)
	}
	approve := func(only string) {
		t.Helper()
		status, answer := p.Call(http.MethodPost, "/comparisons/compare/approve", "application/json",
			[]byte(`{"reason":"wrong fee","rate":1000,"only":`+only+`}`))
		if status != http.StatusAccepted {
			t.Fatalf("%d %s", status, answer)
		}
		localtest.Until(p, "/comparisons/compare", func(c outgoing.Comparison) bool {
			return c.Approvals[len(c.Approvals)-1].Ended != nil
		})
	}
	approve(`{"classes":["changed","surplus"]}`)
	approve(`{}`)
	sum, _ := balance(t, payments)
	if want := int64(accounts * 2 * (2 + 3 + 4 + 5 + 6)); sum != want {
		t.Errorf("the books say %d, without the bug %d", sum, want)
	}
	received := len(payments.Received())
	if view := p.Replay("again", `{"rebuild":true,"effects":"diff"}`); view.Status != replay.Succeeded {
		t.Fatalf("%+v", view)
	}
	_, body = p.Call(http.MethodGet, "/comparisons/again", "", nil)
	if strings.Contains(string(body), `"changed"`) || strings.Contains(string(body), `"surplus"`) ||
		strings.Contains(string(body), `"missing"`) || len(payments.Received()) != received {
		t.Errorf("after the approval: %s", body)
	}
}

// TestAFailingSystemHoldsUpItsEntityOnly: the entity's later effects wait, visibly, and
// go on in their order once the system answers again.
func TestAFailingSystemHoldsUpItsEntityOnly(t *testing.T) {
	t.Parallel()
	const accounts, each = 4, 5
	var fails atomic.Bool
	fails.Store(true)
	down := errors.New("down")
	first := json.RawMessage("1")
	payments := &effectstest.System{Answer: func(r *gateway.Request) ([]byte, error) {
		if fails.Load() && string(r.Body) == string(first) {
			return nil, down
		}
		return []byte(`"ok"`), nil
	}}
	rates := &effectstest.System{Answer: func(*gateway.Request) ([]byte, error) { return []byte("1"), nil }}
	fee := func(r *gateway.Reaction) int64 {
		var data struct{ Amount int64 }
		if json.Unmarshal([]byte(r.Event.Data), &data) != nil {
			return 0
		}
		if r.Event.Subject == "account-0" {
			return data.Amount
		}
		return data.Amount + 100
	}
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 1, Service: charging(1, fee),
		Systems: gateway.Systems{"payments": payments, "rates": rates}})
	n := int64(p.Send("/events", withdrawals(accounts, each)))
	p.Settle(n)
	page := localtest.Until(p, "/effects/waiting", func(page outgoing.WaitingPage) bool {
		_, updates := balance(t, payments)
		return len(page.Waiting) == 1 && updates == (accounts-1)*each
	})
	if w := page.Waiting[0]; w.Entity != "account-0" || w.Call != "payments/charge" || w.Attempts == 0 ||
		!strings.Contains(w.Reason, "down") || w.Parked {
		t.Errorf("%+v", w)
	}
	fails.Store(false)
	settledEffects(t, p, payments, accounts*each)
	var order []string
	for _, r := range payments.Received() {
		if len(r.Body) == 1 && (len(order) == 0 || order[len(order)-1] != string(r.Body)) {
			order = append(order, string(r.Body))
		}
	}
	if !slices.Equal(order, []string{"1", "2", "3", "4", "5"}) {
		t.Errorf("the entity's effects came as %v", order)
	}
	_, body := p.Call(http.MethodGet, "/past/"+web.EncodeEntity("account-0")+"/explain", "", nil)
	var explained past.Explanation
	if err := json.Unmarshal(body, &explained); err != nil || explained.Events[2].Calls != 2 ||
		len(explained.Events[1].Effects) != 0 || explained.Events[2].Effects[0].Status != effects.Done {
		t.Errorf("%v: %s", err, body)
	}
	_, body = p.Call(http.MethodGet, "/effects/"+web.EncodeEntity("account-0")+"/calls", "", nil)
	var calls outgoing.CallsPage
	if err := json.Unmarshal(body, &calls); err != nil || len(calls.Calls) != 2*each {
		t.Errorf("%v: %s", err, body)
	}
}

// TestWithoutServiceNothingIsSentNowOrLater: a fork of a real log must not call anybody for
// what happened there.
func TestWithoutServiceNothingIsSentNowOrLater(t *testing.T) {
	t.Parallel()
	mail := &effectstest.System{}
	service := &effectstest.Service{Code: 1, On: []string{"account.opened"},
		May: []gateway.Call{{System: "mail", Name: "welcome", Kind: gateway.Updating}},
		Do: func(ctx context.Context, r *gateway.Reaction, outside gateway.Gateway) error {
			_, err := outside.Update(ctx, gateway.Effect{System: "mail", Name: "welcome",
				Body: []byte(`"` + r.Event.Subject + `"`)})
			return err
		}}
	options := local.Options{Dir: t.TempDir(), Lanes: 2, Service: service, Systems: gateway.Systems{"mail": mail},
		WithoutService: true}
	p := localtest.Start(t, options)
	p.Settle(int64(p.Send("/events", withdrawals(3, 0))))
	p.Stop()
	options.WithoutService = false
	p = localtest.Start(t, options)
	old := []byte(`{"specversion":"1.0","id":"o","source":"/t","type":"account.opened","subject":"old",` +
		`"time":"2026-01-01T00:00:00Z","data":{"owner":"o"}}`)
	status, body := p.Call(http.MethodPost, "/imports", "application/cloudevents+json", old)
	if status != http.StatusConflict || !strings.Contains(string(body), "effects-would-follow") {
		t.Errorf("an import that would have systems called: %d %s", status, body)
	}
	p.Send("/events", []json.RawMessage{json.RawMessage(
		`{"specversion":"1.0","id":"n","source":"/t","type":"account.opened","subject":"new","data":{"owner":"o"}}`)})
	localtest.Until(p, "/effects/waiting", func(outgoing.WaitingPage) bool { return len(mail.Done()) > 0 })
	for _, body := range mail.Done() {
		if string(body) != `"new"` {
			t.Errorf("sent for %s", body)
		}
	}
}
