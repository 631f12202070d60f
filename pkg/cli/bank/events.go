package bank

import (
	"fmt"
	"io"
	"time"

	"reprise/pkg/domain/samples"
	"reprise/pkg/gateway/standin"
	"reprise/pkg/projection/dated"
)

const (
	accounts = 20
	weeks    = 8
	// opening is what each account begins with, in cents.
	opening   = 100_000
	overdraft = 500_000
)

var (
	// begin is a Monday; each week has three withdrawals of each account.
	begin = time.Date(2026, 2, 2, 9, 0, 0, 0, time.UTC)
	// slip is the week in which the fee was ten times too high, by a digit too much.
	slip = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
)

// slipped are the fees with the bug.
func slipped() dated.Value[int64] {
	return samples.Fees().From(slip, 200).From(slip.AddDate(0, 0, 7), 20)
}

// withdrawal is one of an account, paid out in a currency.
type withdrawal struct {
	account  string
	at       time.Time
	amount   int64
	currency string
}

// each visits all withdrawals, an account's in the order of their times.
func each(visit func(n int, w *withdrawal)) {
	n := 0
	for week := range weeks {
		for day, currency := range []string{"EUR", "USD", "CHF"} {
			for i := range accounts {
				visit(n, &withdrawal{
					account:  fmt.Sprintf("account-%d", i),
					at:       begin.AddDate(0, 0, 7*week+day),
					amount:   int64(5_000 + 100*i + 10*week),
					currency: currency,
				})
				n++
			}
		}
	}
}

// write writes all events, one in each line, and returns how many there are.
func write(to io.Writer) (events int, err error) {
	put := func(id, kind, account string, at time.Time, data string) {
		if err != nil {
			return
		}
		_, err = fmt.Fprintf(to, `{"specversion":"1.0","id":"%s","source":"bank","type":"account.%s","subject":"%s",`+
			`"time":"%s","data":%s}`+"\n", id, kind, account, at.Format(time.RFC3339), data)
		events++
	}
	for i := range accounts {
		account := fmt.Sprintf("account-%d", i)
		put(account+"-opened", "opened", account, begin.Add(-2*time.Hour),
			fmt.Sprintf(`{"owner":"owner %d","overdraft":%d}`, i, overdraft))
		put(account+"-filled", "deposited", account, begin.Add(-time.Hour), fmt.Sprintf(`{"amount":%d}`, opening))
	}
	each(func(n int, w *withdrawal) {
		put(fmt.Sprintf("withdrawal-%d", n), "withdrawn", w.account, w.at,
			fmt.Sprintf(`{"amount":%d,"currency":"%s"}`, w.amount, w.currency))
	})
	return events, err
}

// truth is what has to be in the books: worked out from the withdrawals, not by the service.
type truth struct {
	charged map[string]map[string]int64
	charges int
	mails   int
	// wrong are the charges of the week of the slip.
	wrong int
}

func owed() truth {
	o := truth{charged: make(map[string]map[string]int64)}
	left := make(map[string]int64)
	each(func(_ int, w *withdrawal) {
		if left[w.account] == 0 && o.charged[w.account] == nil {
			o.charged[w.account], left[w.account] = make(map[string]int64), opening
		}
		before := left[w.account]
		left[w.account] -= w.amount
		if before >= 0 && left[w.account] < 0 {
			o.mails++
		}
		if w.currency == samples.DefaultCurrency {
			return
		}
		rate := standin.Rate(samples.DefaultCurrency, w.currency, w.at)
		o.charged[w.account][w.currency] += w.amount * 20 * rate / 1_000_000_000
		o.charges++
		if !w.at.Before(slip) && w.at.Before(slip.AddDate(0, 0, 7)) {
			o.wrong++
		}
	})
	return o
}
