package console

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// An operator opens the execution of a lane group by clicking its row, or with the
// keyboard, and sees what it does.
func TestAnOperatorLooksAtALaneGroup(t *testing.T) {
	t.Parallel()
	p := importedOver(t, 6_000, 12)
	slowly(p, "nightly", 8)
	b := open(t, p.URL)
	b.visit("/console/replays/nightly")
	b.isLive()
	b.sees(".axis-row", "2026-03-12")
	b.run(chromedp.Focus(`.lane`, chromedp.ByQuery), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowRight))
	b.sees(".where-at", "Group 1, slice ")
	b.sees(".where-at", " of 12 (2026-03-")
	b.accessible()
	b.press("Table")
	b.sees(".groups tfoot", "All groups")
	b.sees(".groups", "Left out")
	b.accessible()
	b.pictures("groups")
	b.press("Grid")
	b.run(chromedp.Focus(`.lane`, chromedp.ByQuery), chromedp.KeyEvent(kb.Enter))
	b.holds(`location.pathname === '/console/replays/nightly/groups/0'`)
	b.sees("h1", "Lane group 0")
	b.sees(".title .state", "RUNNING")
	b.holds(`document.querySelector('.node.current title').textContent.startsWith('ReadSegment')`)
	b.sees(".history", "task scheduled")
	b.sees(".facts", "Left out")
	b.accessible()
	b.pictures("group")
	b.run(chromedp.Click(`.others a`, chromedp.ByQuery))
	b.holds(`location.pathname === '/console/replays/nightly/groups/1'`)
	b.run(chromedp.NavigateBack(), chromedp.NavigateBack())
	b.holds(`location.pathname === '/console/replays/nightly'`)
	b.run(chromedp.Click(`.lane svg`, chromedp.ByQuery))
	b.holds(`location.pathname === '/console/replays/nightly/groups/0'`)
	b.run(withoutScript())
	b.visit("/console/replays/nightly/groups/0")
	b.reads("Taken in")
	b.visit("/console/replays/nightly/groups/900")
	b.reads("no such lane group")
}

// While nothing happens, an open page asks for nothing, and draws nothing.
func TestAPageOfAnIdlePlatformDoesNothing(t *testing.T) {
	t.Parallel()
	p := started(t, 600)
	p.Replay("done", `{"rebuild":true}`)
	for _, path := range []string{"/", "/console/replays/done", "/console/generations", "/console/entities/YWNjb3VudC00Mg",
		"/console/health"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel() // they do nothing but wait
			b := open(t, p.URL)
			b.visit(path)
			b.isLive()
			b.run(chromedp.Evaluate(watchForQuiet, nil))
			b.holds(`window.quiet === true`)
		})
	}
}

// watchForQuiet sets window.quiet once a page has done nothing for some seconds before a
// beat, nor because of it. What it does for a change is left out: the page has a feed of its
// own, which may tell of a change a little later than the one that is opened here. On a
// machine that is used, the status changes now and then: the free space on its disk does.
const watchForQuiet = `(async () => {
	const seen = (window.seen = { changes: 0, frames: 0, requests: 0 });
	const feed = new EventSource('/live');
	let since; // when the page began to be watched, after the last change
	let settled = 0;
	const note = (entry) => since && seen[entry]++;
	new MutationObserver((all) => all.forEach(() => note('changes')))
		.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
	const frame = window.requestAnimationFrame;
	window.requestAnimationFrame = (act) => { note('frames'); return frame(act); };
	const ask = window.fetch;
	window.fetch = (...given) => { note('requests'); return ask(...given); };
	const settle = () => {
		since = undefined;
		clearTimeout(settled);
		settled = setTimeout(() => {
			Object.assign(seen, { changes: 0, frames: 0, requests: 0 });
			since = performance.now();
		}, 1500);
	};
	feed.addEventListener('beat', () => {
		const watched = since;
		if (!watched || performance.now() - watched < 3000) return;
		setTimeout(() => {
			if (since !== watched) return;
			if (Object.values(seen).every((n) => n === 0)) window.quiet = true;
			else settle();
		}, 1000);
	});
	for (const kind of ['status', 'replays']) feed.addEventListener(kind, settle);
	settle();
})()`
