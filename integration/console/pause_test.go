package console

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
)

// steered are options of a platform whose readers look at what is asked of them often,
// page by page.
func steered() local.Options {
	return local.Options{FS: vfs.NewMem(), PageBytes: 4 << 10, RecordBytes: 4 << 10}
}

// slowly starts a replay at a rate at which it takes longer than any test, which the test
// lifts in the end.
func slowly(p *localtest.Platform, name string, rate int) {
	p.T.Helper()
	status, body := p.Call(http.MethodPost, "/replays", "application/json",
		fmt.Appendf(nil, `{"name":%q,"input":{"rebuild":true,"parallelism":6,"slice":"1d","rate":%d}}`, name, rate))
	if status != http.StatusCreated {
		p.T.Fatalf("start: %d %s", status, body)
	}
}

// An operator pauses a replay by clicking, sees it paused, also after loading the page
// again, and resumes it.
func TestAnOperatorPausesAndResumesAReplay(t *testing.T) {
	t.Parallel()
	p := importedOver(t, 40_000, 24)
	b := open(t, p.URL)
	b.visit("/")
	b.isLive()
	slowly(p, "nightly", 80)
	b.sees("tbody", "nightly")
	b.visit("/console/replays/nightly")
	b.press("Pause")
	b.sees(".title .state", "PAUSED")
	b.sees(".reason", "It is paused")
	b.holds(`document.querySelector('.node.current title').textContent.startsWith('AwaitResume')`)
	b.accessible()
	b.pictures("paused")
	b.run(chromedp.Reload())
	b.isLive()
	b.sees(".title .state", "PAUSED")
	b.sees(".actions", "reprise replay resume nightly")
	b.press("Resume")
	b.sees(".title .state", "RUNNING")
	b.run(fill("#rate", "40"))
	b.press("Set rate")
	b.sees(".facts", "of at most 40")
	b.accessible()
	b.pictures("running")
	b.windows("console")
	b.run(fill("#rate", "0"))
	b.press("Set rate")
	b.sees(".title .state", "SUCCEEDED")
	b.accessible()
}

// Cancelling says what it will do before it does it.
func TestAnOperatorCancelsAReplay(t *testing.T) {
	t.Parallel()
	p := startedWith(t, 20_000, steered())
	b := open(t, p.URL)
	slowly(p, "wrong", 20)
	b.visit("/console/replays/wrong")
	b.press("Cancel…")
	b.sees("dialog", "never becomes active")
	b.accessible()
	b.press("Leave it as it is")
	b.press("Cancel…")
	b.press("Cancel the replay")
	b.sees(".title .state", "CANCELLED")
	b.sees(".reason", "Somebody cancelled it")
	b.holds(`document.querySelector('.actions') === null`)
}
