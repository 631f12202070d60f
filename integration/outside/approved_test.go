package outside

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"reprise/pkg/api/outgoing"
	"reprise/pkg/domain/samples"
	"reprise/pkg/effects"
	"reprise/pkg/gateway"
	"reprise/pkg/gateway/standin"
	"reprise/pkg/gateway/standin/standintest"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
)

// corrected is the sample service as it was, with a fee ten times too high from the year
// 2026 on, or as it should be.
func corrected(right bool) gateway.Service {
	if right {
		return samples.NotificationsWith(2, samples.Fees())
	}
	return samples.NotificationsWith(1, samples.Fees().From(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 200))
}

// The process is killed in the middle of sending what was approved, again and again: the
// wrong fees are refunded and the right ones charged once each, and nothing else.
func TestKilledWhileApprovedEffectsAreSent(t *testing.T) {
	t.Parallel()
	const accounts, kills = 12, 3
	server, dir, k := standintest.Start(t), t.TempDir(), killer{now: make(chan struct{}, 1)}
	p, c := launch(t, dir, server, "--slipped")
	for at := range steps {
		c.Send("/events", batch(at, accounts))
	}
	await(t, server, "everything that is owed", complete(t, accounts, len(steps)))
	quiet(c)
	p.Kill()
	p, c = launch(t, dir, server)
	quiet(c)
	before := server.Books()
	if got := c.Replay("fees", `{"rebuild":true,"effects":"diff"}`); got.Status != replay.Succeeded {
		t.Fatalf("rebuild: %s %+v", got.Status, got.Failure)
	}
	unchanged(t, "a comparison", before, server.Books())
	found := comparison(c, func(page outgoing.Comparison) bool { return page.Complete })
	if found.Counts[effects.Changed] != 2*accounts || found.Counts[effects.Surplus]+found.Counts[effects.Missing] != 0 {
		t.Errorf("differences: %v", found.Counts)
	}
	server.Direct(k.direct(5))
	body := []byte(`{"reason":"the fee had a digit too much","who":"test","rate":1000}`)
	if status, answer := c.Call(http.MethodPost, "/comparisons/fees/approve", "application/json", body); status >= 300 {
		t.Fatalf("approve: %d %s", status, answer)
	}
	for range kills {
		k.strike(t, p)
		p, c = launch(t, dir, server)
	}
	server.Direct(nil)
	comparison(c, func(page outgoing.Comparison) bool {
		return len(page.Approvals) == 1 && page.Approvals[0].Ended != nil
	})
	put := server.Books()
	for account, owed := range rightly(t, accounts) {
		if got := total(put, account); !slices.Equal(got, owed) {
			t.Errorf("%s was charged %v, want %v", account, got, owed)
		}
	}
	if want := before.Performed() + 2*2*accounts; put.Performed() != want || len(put.Mails) != len(before.Mails) {
		t.Errorf("%d updates and %d mails, want %d and %d", put.Performed(), len(put.Mails), want, len(before.Mails))
	}
	for key, deed := range put.Deeds {
		if deed.Performed != 1 {
			t.Errorf("%s %s was performed %d times", deed.Call, key, deed.Performed)
		}
	}
}

func comparison(c *localtest.Client, holds func(outgoing.Comparison) bool) outgoing.Comparison {
	c.T.Helper()
	return localtest.Until(c, "/comparisons/fees", holds)
}

// rightly are the sums that accounts owe in each currency.
func rightly(t *testing.T, accounts int) map[string][]string {
	t.Helper()
	sums := make(map[string]int64)
	fees, _ := owed(t, len(steps))
	for _, fee := range fees {
		var cents int64
		var currency string
		if _, err := fmt.Sscan(fee, &cents, &currency); err != nil {
			t.Fatal(err)
		}
		sums[currency] += cents
	}
	all := make(map[string][]string)
	for i := range accounts {
		all[fmt.Sprintf("account-%d", i)] = []string{fmt.Sprintf("%d CHF", sums["CHF"]), fmt.Sprintf("%d USD", sums["USD"])}
	}
	return all
}

func total(books standin.Books, account string) []string {
	by := books.Charged[account]
	return []string{fmt.Sprintf("%d CHF", by["CHF"]), fmt.Sprintf("%d USD", by["USD"])}
}
