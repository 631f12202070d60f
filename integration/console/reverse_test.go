package console

import (
	"testing"

	"github.com/chromedp/chromedp"

	"reprise/pkg/api/web"
)

// An operator looks what reversing an event would change, reverses it with a reason, and
// is told why another one cannot be reversed.
func TestAnOperatorReversesAnEvent(t *testing.T) {
	t.Parallel()
	p := started(t, 2_000)
	b := open(t, p.URL)
	b.visit("/console/entities/" + web.EncodeEntity("account-42"))
	b.sees(".json", `"balance": 1501`)
	first := func(n string) {
		b.holds(`document.querySelector('[aria-label="Reverse… event ` + n + `"]') !== null`)
		b.run(chromedp.Evaluate(`document.querySelector('[aria-label="Reverse… event `+n+`"]').click()`, nil))
	}
	first("1")
	b.sees("dialog .problem", "a later event depends on it")
	b.holds(`document.querySelector('dialog .danger').disabled && document.querySelector('#why') === null`)
	b.press("Leave it as it is")
	b.holds(`document.querySelector('dialog') === null`)
	first("2")
	b.sees("dialog", `account.withdrawn {"amount":500}, which leads to the state without the event`)
	b.sees("dialog tbody", "1501")
	b.sees("dialog tbody", "1001")
	b.sees("dialog .command", "reprise reverse account-42 --event ")
	b.holds(`document.querySelector('dialog .danger').disabled`)
	b.accessible()
	b.pictures("reverse")
	b.run(chromedp.SendKeys("#why", "sent twice", chromedp.ByQuery), chromedp.SendKeys("#who", "ann", chromedp.ByQuery))
	b.press("Reverse it")
	b.holds(`document.querySelector('dialog') === null`)
	b.sees(".json", `"balance": 1001`)
	b.sees(".events", "account.deposited.reversed")
	b.sees(".events", `"reason":"sent twice","who":"ann"`)
	// Duplicates are no events to reverse.
	b.holds(`document.querySelector('[aria-label="Reverse… event 6"]') === null &&
		document.querySelector('[aria-label="Reverse… event 7"]') !== null`)
}
