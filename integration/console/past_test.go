package console

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"reprise/pkg/api"
	"reprise/pkg/api/web"
	"reprise/pkg/local/localtest"
)

// importedOver runs a platform whose log has events of so many days, of which a replay
// makes as many slices.
func importedOver(t *testing.T, events, days int) *localtest.Platform {
	t.Helper()
	options := steered()
	options.Dir = t.TempDir()
	p := localtest.Start(t, options)
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	const accounts = 480
	var batch []json.RawMessage
	for i := range events {
		kind, data := "account.deposited", `{"amount":500}`
		if i < accounts {
			kind, data = "account.opened", `{"owner":"Ada"}`
		}
		at := begin.Add(time.Duration(i) * (time.Duration(days) * 24 * time.Hour / time.Duration(events)))
		batch = append(batch, json.RawMessage(fmt.Sprintf(
			`{"specversion":"1.0","id":"%d","source":"shop","type":%q,"subject":"account-%d","time":%q,"data":%s}`,
			i, kind, i%accounts, at.Format(time.RFC3339), data)))
		if len(batch) == 5000 || i == events-1 {
			p.Send("/imports", batch)
			batch = nil
		}
	}
	p.Settle(int64(events))
	return p
}

// A page that is opened late shows what the replay did before.
func TestTheChartShowsTheTimeBeforeThePageWasOpened(t *testing.T) {
	t.Parallel()
	p := startedWith(t, 20_000, steered())
	slowly(p, "long", 100)
	kept := localtest.Until(p, "/replays/long/samples", func(v api.SamplesView) bool {
		return len(v.Samples) > 4 && v.Samples[len(v.Samples)-1].Read > 0
	})
	b := open(t, p.URL)
	b.visit("/console/replays/long")
	b.isLive()
	b.holds(`document.querySelector('.chart') !== null`)
	first := kept.Samples[0].At.UnixMilli()
	b.holds(fmt.Sprintf(`document.querySelector('.chart .axis').textContent ===
		new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' }).format(new Date(%d))`, first))
	if text := evaluate[string](b, `document.querySelector('.chart').innerText`); text == "" {
		t.Error("the chart has no text")
	}
	// It says since when there are numbers if that is not the whole replay.
	b.press("Cancel…")
	b.press("Cancel the replay")
	b.sees(".title .state", "CANCELLED")
	b.sees(".chart .flagged", "cancelled")
}

// An operator goes through the events of an entity with the keyboard, and sees the state
// after each, and what the event has changed.
func TestAnOperatorGoesThroughTheTimeOfAnEntity(t *testing.T) {
	t.Parallel()
	p := started(t, 2_000)
	b := open(t, p.URL)
	b.visit("/console/entities/" + web.EncodeEntity("account-42"))
	b.sees(".moment", "Event 6 of 6")
	b.sees(".moment", "DUPLICATE")
	b.sees(".line", `"subject":"account-42"`)
	b.sees(".past", "Folded from the log by accounts@1")
	b.sees(".past", "changed nothing")
	b.run(chromedp.Focus(`.scrub input`, chromedp.ByQuery), chromedp.KeyEvent(kb.Home))
	b.sees(".moment", "Event 1 of 6")
	b.sees(".past tbody", "owner")
	b.sees(".past tbody", "not there")
	b.run(chromedp.KeyEvent(kb.ArrowRight))
	b.sees(".moment", "Event 2 of 6")
	b.sees(".moment", "APPLIED")
	b.holds(`[...document.querySelectorAll('.past tbody tr')].some((row) =>
		row.querySelector('.before')?.innerText !== row.querySelector('.after')?.innerText &&
		row.querySelector('.after')?.innerText === '500')`)
	b.accessible()
	b.pictures("timeline")
	b.press("Later")
	b.sees(".moment", "Event 3 of 6")
	b.holds(`document.querySelector('.events li.here .data').innerText === '{"amount":500}'`)
	b.run(chromedp.Evaluate(`document.querySelector('.events li:first-child button').click()`, nil))
	b.sees(".moment", "Event 1 of 6")
	b.visit("/console/entities/" + web.EncodeEntity(hostile))
	b.sees(".moment", "PARKED")
	b.sees(".past", "null")
	b.sees(".past .parked", "Parked at an event of type")
	b.holds(`document.querySelectorAll('main img, main script, main b').length === 0`)
}

// An operator looks at the generations, and empties the active one only after typing its
// name.
func TestAnOperatorLooksAtGenerations(t *testing.T) {
	t.Parallel()
	p := started(t, 600)
	p.Replay("rebuilt", `{"rebuild":true,"promote":true}`)
	b := open(t, p.URL)
	b.visit("/console/generations")
	b.isLive()
	b.sees(".generation.chosen", "ACTIVE")
	b.sees(".generation.chosen", "Active since")
	b.holds(`document.querySelector('.generation.chosen a').pathname === '/console/replays/rebuilt'`)
	b.sees(".generation", "was active before; kept to go back to")
	b.sees(".generation.chosen", "603")
	b.accessible()
	b.pictures("generations")
	b.press("Empty…")
	b.sees("dialog", "until a rebuild has made another generation active")
	b.holds(`document.querySelector('dialog .danger').disabled`)
	b.run(fill("#typed", "g0002"))
	b.accessible()
	b.press("Empty it")
	b.sees(".generation", "LOST")
	b.run(withoutScript())
	b.visit("/console/generations")
	b.reads("active, lost")
}
