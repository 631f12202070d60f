package console

import (
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"reprise/pkg/api"
	"reprise/pkg/asl/states"
	"reprise/pkg/local/localtest"
)

// stillBefore has a page get no newer events of executions, as if each of its questions had
// come just before they happened, until window.caughtUp is set.
const stillBefore = `(() => {
	const ask = window.fetch;
	const executions = /\/execution\?/;
	let before;
	window.fetch = async (...given) => {
		const answer = await ask(...given);
		if (window.caughtUp || !executions.test(given[0])) return answer;
		const told = await answer.json();
		before ??= { ...told, status: 'RUNNING' };
		return new Response(JSON.stringify({ ...before, events: [], more: false }));
	};
})()`

// An execution goes on after the replay's row has changed for the last time: it waits only
// once all readers have paused, and ends after the replay has. A page that asked too early
// asks again.
func TestAnExecutionThatGoesOnAfterItsReplayIsSeenToTheEnd(t *testing.T) {
	t.Parallel()
	p := startedWith(t, 20_000, steered())
	untilExecution := func(check func(api.ExecutionView) bool) {
		t.Helper()
		localtest.Until(p, "/replays/nightly/execution?limit=500", check)
	}
	b := open(t, p.URL)
	slowly(p, "nightly", 20)
	b.visit("/console/replays/nightly")
	b.sees(".title .state", "RUNNING")
	b.holds(`document.querySelector('.node.current') !== null`)
	b.run(chromedp.Evaluate(stillBefore, nil))
	b.press("Pause")
	b.sees(".title .state", "PAUSED")
	untilExecution(func(v api.ExecutionView) bool {
		return slices.ContainsFunc(v.Events, func(e api.ExecutionEvent) bool { return e.State == "AwaitResume" })
	})
	b.run(chromedp.Evaluate(`window.caughtUp = true`, nil))
	b.holds(`document.querySelector('.node.current title').textContent.startsWith('AwaitResume')`)

	b.run(chromedp.Evaluate(`window.caughtUp = false`, nil))
	b.press("Cancel…")
	b.press("Cancel the replay")
	b.sees(".title .state", "CANCELLED")
	untilExecution(func(v api.ExecutionView) bool { return v.Status != states.StatusRunning })
	b.run(chromedp.Evaluate(`window.caughtUp = true`, nil))
	b.holds(`document.querySelector('.node.current') === null`)
}

// heldBack has the answer to a request to pause come late: once window.release() is called.
const heldBack = `(() => {
	const ask = window.fetch;
	window.fetch = async (...given) => {
		const answer = await ask(...given);
		if (given[0].endsWith('/pause')) await new Promise((go) => (window.release = go));
		return answer;
	};
})()`

// The answer to a request may come after the feed has told of what happened next. It does
// not replace that, which nothing would say again.
func TestALateAnswerDoesNotReplaceWhatTheFeedTold(t *testing.T) {
	t.Parallel()
	p := startedWith(t, 20_000, steered())
	b := open(t, p.URL)
	slowly(p, "nightly", 20)
	b.visit("/console/replays/nightly")
	b.sees(".title .state", "RUNNING")
	b.run(chromedp.Evaluate(heldBack, nil))
	b.press("Pause")
	b.sees(".title .state", "PAUSED")
	b.run(chromedp.Evaluate(`window.release()`, nil))
	b.holds(`document.getElementById('said').textContent === 'It will pause'`)
	b.run(chromedp.Evaluate(twoFrames, nil, settled))
	b.sees(".title .state", "PAUSED")
}

// twoFrames ends once what was to be drawn is drawn.
const twoFrames = `new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))`
