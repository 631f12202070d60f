package outside

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/api/outgoing"
	"reprise/pkg/domain/samples"
	"reprise/pkg/gateway"
	"reprise/pkg/gateway/httpsystem"
	"reprise/pkg/gateway/standin"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
)

const (
	lanes = 8
	// patience limits every wait. It is generous because machines differ.
	patience = 3 * time.Minute
	// callLimit is how long a call may take in these tests.
	callLimit = 300 * time.Millisecond
)

// hasty is the sample service with calls that give up soon.
type hasty struct {
	gateway.Service
	// atMostOnce are the calls that may not be repeated.
	atMostOnce []string
}

func (h hasty) Calls() []gateway.Call {
	calls := h.Service.Calls()
	for i := range calls {
		calls[i].Timeout = callLimit
		calls[i].AtMostOnce = slices.Contains(h.atMostOnce, calls[i].ID())
	}
	return calls
}

// options are those of a platform whose service reaches a stand-in.
func options(t *testing.T, dir string, server *standin.Server, atMostOnce ...string) local.Options {
	t.Helper()
	systems, err := httpsystem.Systems(server.Endpoints())
	if err != nil {
		t.Fatal(err)
	}
	return local.Options{Dir: dir, Lanes: lanes, Shards: 2, Systems: systems,
		Service: hasty{samples.Notifications(), atMostOnce}}
}

// random returns a source whose seed is printed; REPRISE_SEED repeats a run.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("REPRISE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("REPRISE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// step is an event of every account, and what has to happen outside for it. The fee rises
// with the year 2026.
type step struct {
	kind, data, when string
	mail             bool
	// currency is that of the fee, of so many thousandths of an amount.
	currency            string
	amount, thousandths int64
}

var steps = []step{
	{kind: "opened", data: `{"owner":"Ada","overdraft":100000}`, when: "2025-12-01T08:00:00Z"},
	{kind: "deposited", data: `{"amount":10000}`, when: "2025-12-02T08:00:00Z"},
	{kind: "withdrawn", data: `{"amount":4000,"currency":"USD"}`, when: "2025-12-03T08:00:00Z",
		currency: "USD", amount: 4000, thousandths: 15},
	{kind: "withdrawn", data: `{"amount":9000}`, when: "2025-12-04T08:00:00Z", mail: true},
	{kind: "withdrawn", data: `{"amount":2000,"currency":"CHF"}`, when: "2026-01-02T08:00:00Z",
		currency: "CHF", amount: 2000, thousandths: 20},
	{kind: "deposited", data: `{"amount":20000}`, when: "2026-01-03T08:00:00Z"},
	{kind: "withdrawn", data: `{"amount":30000,"currency":"USD"}`, when: "2026-01-04T08:00:00Z", mail: true,
		currency: "USD", amount: 30000, thousandths: 20},
}

// lastBalance is that of every account after all steps.
const lastBalance = -15000

// batch is one step of accounts.
func batch(at, accounts int) []json.RawMessage {
	events := make([]json.RawMessage, accounts)
	for i := range events {
		s := steps[at]
		events[i] = fmt.Appendf(nil, `{"specversion":"1.0","id":"%d-%d","source":"bank","type":"account.%s",`+
			`"subject":"account-%d","time":"%s","data":%s}`, at, i, s.kind, i, s.when, s.data)
	}
	return events
}

// owed are the cents of the fees of one account, in order, up to a step.
func owed(t *testing.T, upTo int) (fees []string, mails int) {
	t.Helper()
	for _, s := range steps[:upTo] {
		if s.mail {
			mails++
		}
		if s.currency == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, s.when)
		if err != nil {
			t.Fatal(err)
		}
		cents := s.amount * s.thousandths * standin.Rate("EUR", s.currency, at) / 1_000_000_000
		fees = append(fees, fmt.Sprintf("%d %s", cents, s.currency))
	}
	return fees, mails
}

// await waits until the books fulfil a condition.
func await(t *testing.T, server *standin.Server, what string, holds func(standin.Books) bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds(server.Books()) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come: %d payments, %d mails", what, len(server.Books().Payments), len(server.Books().Mails))
		}
		<-tick.C
	}
}

// complete reports whether everything that is owed after a step has been done.
func complete(t *testing.T, accounts, upTo int) func(standin.Books) bool {
	t.Helper()
	fees, mails := owed(t, upTo)
	return func(b standin.Books) bool {
		return len(b.Payments) >= accounts*len(fees) && len(b.Mails) >= accounts*mails
	}
}

// judge compares the books with what is owed: each update once, an account's in order.
func judge(t *testing.T, books standin.Books, accounts, upTo int) {
	t.Helper()
	fees, mails := owed(t, upTo)
	paid, mailed := make(map[string][]string), make(map[string]int)
	for _, p := range books.Payments {
		paid[p.Account] = append(paid[p.Account], fmt.Sprintf("%d %s", p.Cents, p.Currency))
	}
	for _, m := range books.Mails {
		var body samples.OverdrawnMail
		if err := json.Unmarshal(m.Body, &body); err != nil {
			t.Fatal(err)
		}
		mailed[body.Account]++
	}
	for i := range accounts {
		account := fmt.Sprintf("account-%d", i)
		if !slices.Equal(paid[account], fees) || mailed[account] != mails {
			t.Errorf("%s: charged %v and %d mails, want %v and %d", account, paid[account], mailed[account], fees, mails)
		}
	}
	if len(paid) != accounts || books.Unkeyed != 0 {
		t.Errorf("%d accounts were charged, want %d; %d updates without a key", len(paid), accounts, books.Unkeyed)
	}
	for key, deed := range books.Deeds {
		if deed.Performed != 1 {
			t.Errorf("%s %s was performed %d times", deed.Call, key, deed.Performed)
		}
	}
}

// quiet waits until the live path has nothing left to do: an update whose answer was lost is
// in the books before it is repeated.
func quiet(of localtest.Caller) {
	localtest.Until(of, "/status", func(status api.StatusView) bool {
		return slices.ContainsFunc(status.Consumers, func(c api.ConsumerStatus) bool {
			return c.Name == "run-microservice" && c.BehindRecords != nil && *c.BehindRecords == 0
		})
	})
	localtest.Until(of, "/effects/waiting", func(page outgoing.WaitingPage) bool { return len(page.Waiting) == 0 })
}

// unchanged checks that nothing was called between two times.
func unchanged(t *testing.T, what string, before, after standin.Books) {
	t.Helper()
	if reflect.DeepEqual(before, after) {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(after.Deeds)) {
		if before.Deeds[key] != after.Deeds[key] {
			t.Errorf("%s called %s %s: %+v, before %+v", what, after.Deeds[key].Call, key, after.Deeds[key], before.Deeds[key])
		}
	}
	t.Errorf("%s called outside: asked %v, before %v", what, after.Asked, before.Asked)
}
