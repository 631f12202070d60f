package samples_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"reprise/pkg/domain/samples"
	"reprise/pkg/event"
	"reprise/pkg/gateway"
	"reprise/pkg/projection/dated"
)

// recorder is a Gateway that notes calls and answers them.
type recorder struct {
	calls []string
	rate  string
	fail  map[string]error
}

func (r *recorder) call(system, name string, body []byte, answer string) ([]byte, error) {
	r.calls = append(r.calls, fmt.Sprintf("%s/%s %s", system, name, body))
	return []byte(answer), r.fail[system+"/"+name]
}

func (r *recorder) Update(_ context.Context, e gateway.Effect) ([]byte, error) {
	return r.call(e.System, e.Name, e.Body, `{"reference":"1"}`)
}

func (r *recorder) Query(_ context.Context, q gateway.Query) ([]byte, error) {
	return r.call(q.System, q.Name, q.Body, r.rate)
}

// withdrawal is a reaction to a withdrawal from an account with a balance.
func withdrawal(before, after int64, when, data string) *gateway.Reaction {
	state := func(balance int64) json.RawMessage {
		return fmt.Appendf(nil, `{"owner":"Ada","open":true,"balance":%d,"overdraft":1000}`, balance)
	}
	at, err := time.Parse(time.RFC3339Nano, when)
	if err != nil {
		panic(err)
	}
	return &gateway.Reaction{
		Event:  &event.Event{ID: "1", Source: "bank", Type: "account.withdrawn", Subject: "a", Time: when, Data: data},
		Before: state(before), After: state(after), Projection: "accounts", At: at,
	}
}

func TestNotifications(t *testing.T) {
	const mail = `mail/overdraft {"account":"a","owner":"Ada","balance":-20,"currency":"EUR"}`
	const ask = `rates/rate {"from":"EUR","to":"USD"}`
	const abroad = `{"amount":10000,"currency":"USD"}`
	fee := func(cents int) string {
		return fmt.Sprintf(`payments/charge {"account":"a","cents":%d,"currency":"USD"}`, cents)
	}
	for name, test := range map[string]struct {
		before, after int64
		when, data    string
		want          []string
	}{
		"nothing to do":            {500, 380, "2025-06-01T00:00:00Z", `{"amount":120}`, nil},
		"down to zero":             {120, 0, "2025-06-01T00:00:00Z", `{"amount":120}`, nil},
		"below zero":               {100, -20, "2025-06-01T00:00:00Z", `{"amount":120}`, []string{mail}},
		"from zero below it":       {0, -20, "2025-06-01T00:00:00Z", `{"amount":20}`, []string{mail}},
		"further below zero":       {-20, -40, "2025-06-01T00:00:00Z", `{"amount":20}`, nil},
		"in its own currency":      {500, 380, "2025-06-01T00:00:00Z", `{"amount":120,"currency":"EUR"}`, nil},
		"before the fee rose":      {50000, 40000, "2025-12-31T23:59:59.999Z", abroad, []string{ask, fee(165)}},
		"when the fee rose":        {50000, 40000, "2026-01-01T00:00:00Z", abroad, []string{ask, fee(220)}},
		"in the law's time zone":   {50000, 40000, "2026-01-01T00:30:00+01:00", abroad, []string{ask, fee(165)}},
		"too little for a fee":     {500, 460, "2025-06-01T00:00:00Z", `{"amount":40,"currency":"USD"}`, []string{ask}},
		"both":                     {9980, -20, "2025-06-01T00:00:00Z", abroad, []string{mail, ask, fee(165)}},
		"the largest there can be": {0, -20, "2025-06-01T00:00:00Z", `{"amount":9223372036854775807}`, []string{mail}},
	} {
		service := samples.Notifications()
		for range 2 { // the same calls for the same reaction
			outside := &recorder{rate: `{"micros":1100000}`}
			err := service.React(t.Context(), withdrawal(test.before, test.after, test.when, test.data), outside)
			if err != nil || !slices.Equal(outside.calls, test.want) {
				t.Errorf("%s: %q, %v, want %q", name, outside.calls, err, test.want)
			}
		}
	}
}

// A failure ends the reaction: what comes after it would be called in another order once
// the reaction is repeated.
func TestNotificationsEndWithTheFirstFailure(t *testing.T) {
	failure := errors.New("as it was told")
	for i, call := range []string{"mail/overdraft", "rates/rate", "payments/charge"} {
		outside := &recorder{rate: `{"micros":1100000}`, fail: map[string]error{call: failure}}
		err := samples.Notifications().React(t.Context(),
			withdrawal(9980, -20, "2025-06-01T00:00:00Z", `{"amount":10000,"currency":"USD"}`), outside)
		if !errors.Is(err, failure) || len(outside.calls) != i+1 {
			t.Errorf("%s: %q, %v", call, outside.calls, err)
		}
	}
}

// Nothing is charged for a rate that is none.
func TestNoFeeWithoutARate(t *testing.T) {
	for _, rate := range []string{`{}`, `{"micros":-1}`, `{"micros":"1"}`, `{"micros":9223372036854775807}`} {
		outside := &recorder{rate: rate}
		err := samples.Notifications().React(t.Context(),
			withdrawal(0, -20, "2025-06-01T00:00:00Z", `{"amount":9223372036854775807,"currency":"USD"}`), outside)
		if err == nil || len(outside.calls) != 2 {
			t.Errorf("%s: %q, %v", rate, outside.calls, err)
		}
	}
}

func TestNotificationsAreDeclaredRightly(t *testing.T) {
	if _, err := gateway.Declared(samples.Notifications()); err != nil {
		t.Error(err)
	}
	other := samples.NotificationsWith(7, dated.Always[int64](30))
	if other.Version() != 7 || other.Name() != samples.Notifications().Name() {
		t.Errorf("%s %d", other.Name(), other.Version())
	}
}

func TestOverdrafts(t *testing.T) {
	run(t, samples.Accounts(), []step{
		{"account.opened", `{"owner":"Ada","overdraft":-1}`, ""},
		{"account.opened", `{"owner":"Ada","overdraft":100,"currency":"CHF"}`,
			`{"owner":"Ada","open":true,"balance":0,"overdraft":100,"currency":"CHF"}`},
		{"account.withdrawn", `{"amount":101}`, ""},
		{"account.withdrawn", `{"amount":60}`,
			`{"owner":"Ada","open":true,"balance":-60,"overdraft":100,"currency":"CHF"}`},
		{"account.withdrawn", `{"amount":41}`, ""},
		{"account.withdrawn", `{"amount":9223372036854775807}`, ""},
		{"account.withdrawn", `{"amount":-9223372036854775808}`, ""},
		{"account.withdrawn", `{"amount":40}`,
			`{"owner":"Ada","open":true,"balance":-100,"overdraft":100,"currency":"CHF"}`},
		{"account.balance.set", `{"balance":-9223372036854775808}`,
			`{"owner":"Ada","open":true,"balance":-9223372036854775808,"overdraft":100,"currency":"CHF"}`},
		{"account.withdrawn", `{"amount":1}`, ""},
	})
}
