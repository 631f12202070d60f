package outside

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"reprise/pkg/gateway/standin"
	"reprise/pkg/gateway/standin/standintest"
	"reprise/pkg/local/localtest"
)

// While payments do not answer at all, or only fail, the log and the Data Store take in
// everything, and whoever needs no payment gets their mails. Nothing is lost meanwhile: all
// is charged in order once payments are back.
func TestASystemThatIsDownHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	for name, mood := range map[string]standin.Mood{
		"it stalls": {Stall: true},
		"it fails":  {Status: http.StatusInternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const accounts = 40
			server := standintest.Start(t)
			server.Behave(standin.Payments, mood)
			p := localtest.Start(t, options(t, t.TempDir(), server))
			events := int64(0)
			for at := range steps {
				p.Send("/events", batch(at, accounts))
				p.Send("/events", domestic(at, accounts))
				events += 2 * accounts
			}
			p.Settle(events)
			await(t, server, "the mails of those who need no payment", func(b standin.Books) bool {
				return len(b.Mails) >= 2*accounts
			})
			if books := server.Books(); len(books.Payments) != 0 {
				t.Fatalf("%d payments while payments are down", len(books.Payments))
			}
			server.Behave(standin.Payments, standin.Mood{})
			await(t, server, "what was owed", func(b standin.Books) bool {
				return complete(t, accounts, len(steps))(b) && len(b.Mails) >= 4*accounts
			})
			judge(t, server.Books(), accounts, len(steps))
		})
	}
}

// domestic is one step of accounts that withdraw in their own currency only.
func domestic(at, accounts int) (events []json.RawMessage) {
	for i := range accounts {
		s := steps[at]
		data := s.data
		if s.currency != "" {
			data = fmt.Sprintf(`{"amount":%d}`, s.amount)
		}
		events = append(events, fmt.Appendf(nil, `{"specversion":"1.0","id":"d%d-%d","source":"bank","type":"account.%s",`+
			`"subject":"domestic-%d","time":"%s","data":%s}`, at, i, s.kind, i, s.when, data))
	}
	return events
}
