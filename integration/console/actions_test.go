package console

import (
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// fill types a text into a field, in place of what is there.
func fill(selector, text string) chromedp.Action {
	return chromedp.Tasks{
		chromedp.WaitVisible(selector, chromedp.ByQuery),
		chromedp.Evaluate(fmt.Sprintf(`document.querySelector(%q).select()`, selector), nil),
		chromedp.SendKeys(selector, text, chromedp.ByQuery),
	}
}

// tick changes a check box.
func tick(selector string) chromedp.Action { return chromedp.Click(selector, chromedp.ByQuery) }

// pick chooses a value of a select.
func pick(selector, value string) chromedp.Action {
	return chromedp.Tasks{
		chromedp.WaitVisible(selector, chromedp.ByQuery),
		chromedp.Evaluate(fmt.Sprintf(`{ const one = document.querySelector(%q); one.value = %q;
			one.dispatchEvent(new Event('input', { bubbles: true })); }`, selector, value), nil),
	}
}

func withoutScript() chromedp.Action { return emulation.SetScriptExecutionDisabled(true) }

// isLive waits until the page has heard from the platform.
func (b *tab) isLive() {
	b.t.Helper()
	b.holds(`document.querySelector('#live .feed').innerText === 'live'`)
}

// reads fails the test unless the page has a text, which needs no script of the page.
func (b *tab) reads(text string) {
	b.t.Helper()
	var all string
	b.run(chromedp.OuterHTML("body", &all, chromedp.ByQuery))
	if !strings.Contains(all, text) {
		b.t.Errorf("the page lacks %q:\n%.2000s", text, all)
	}
}
