package console

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"reprise/integration/npm"
	"reprise/pkg/local/localtest"
)

// patience bounds each step of a test, generously because machines differ.
const patience = 2 * time.Minute

// tab is a page of a browser.
type tab struct {
	t   testing.TB
	ctx context.Context
	url string
	mu  sync.Mutex
	// bad is what a page must not do: throw, violate its policy, open a dialog.
	bad []string
	// excused says that a part of the platform is gone, which the browser reports.
	excused bool
}

// browser is the one that all tests share, each in a profile of its own: a browser takes
// longer to start than most tests take.
var browser struct {
	sync.Once
	ctx  context.Context
	stop func()
	err  error
}

// TestMain leaves all tests to the long run: each drives a browser.
func TestMain(m *testing.M) {
	localtest.SideBySide()
	flag.Parse()
	if testing.Short() {
		fmt.Println("not with -short: these tests drive a browser")
		return
	}
	code := m.Run()
	if browser.stop != nil {
		browser.stop()
	}
	os.Exit(code)
}

// startBrowser starts the browser, which runs until all tests have ended.
func startBrowser(path string) {
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 900),
		chromedp.Flag("force-prefers-reduced-motion", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocator, quiet)
	browser.ctx, browser.stop = ctx, func() {
		end()
		stop()
	}
	browser.err = chromedp.Run(ctx) // of two tests that begin it at once, one would hang
}

// quiet keeps events that chromedp does not know out of the log.
var quiet = chromedp.WithErrorf(func(string, ...any) {})

// open opens a tab for a platform at an address.
func open(t *testing.T, url string) *tab {
	t.Helper()
	path := chromium(t)
	browser.Do(func() { startBrowser(path) })
	if err := browser.err; err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	ctx, end := chromedp.NewContext(browser.ctx, chromedp.WithTargetID(window(t)))
	t.Cleanup(end)
	b := &tab{t: t, ctx: ctx, url: url}
	chromedp.ListenTarget(ctx, b.note)
	b.run(log.Enable(), runtime.Enable())
	t.Cleanup(b.check)
	return b
}

// window opens a window in a profile of its own, which ends with the test.
func window(t *testing.T) target.ID {
	t.Helper()
	ctx := cdp.WithExecutor(browser.ctx, chromedp.FromContext(browser.ctx).Browser)
	profile, err := target.CreateBrowserContext().Do(ctx)
	if err != nil {
		t.Fatalf("make a profile: %v", err)
	}
	t.Cleanup(func() {
		if err := target.DisposeBrowserContext(profile).Do(ctx); err != nil {
			t.Errorf("remove a profile: %v", err)
		}
	})
	id, err := target.CreateTarget("about:blank").WithBrowserContextID(profile).WithNewWindow(true).Do(ctx)
	if err != nil {
		t.Fatalf("open a window: %v", err)
	}
	return id
}

// chromium finds the browser. Without one it skips the test, or fails it with CI=true.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("Chromium is needed (Debian package chromium)")
	}
	t.Skip("Chromium is needed (Debian package chromium)")
	return ""
}

// note keeps what a page must not do.
func (b *tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.bad = append(b.bad, e.ExceptionDetails.Error())
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError && !b.excused && e.Entry.Source != log.SourceNetwork {
			b.bad = append(b.bad, e.Entry.Text)
		}
	case *page.EventJavascriptDialogOpening:
		b.bad = append(b.bad, "a dialog: "+e.Message)
	}
}

func (b *tab) check() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.bad) > 0 {
		b.t.Errorf("the page reported: %s", strings.Join(b.bad, "\n"))
	}
}

func (b *tab) run(actions ...chromedp.Action) {
	b.t.Helper()
	// The first run opens the tab, which closes with the context that it is given.
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	if chromedp.FromContext(b.ctx).Target == nil {
		ctx = b.ctx
	}
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		var text string
		_ = chromedp.Run(b.ctx, chromedp.Evaluate(`document.body?.innerText ?? ''`, &text))
		b.t.Fatalf("%v; the page shows:\n%.1500s", err, text)
	}
}

func (b *tab) visit(path string) { b.t.Helper(); b.run(chromedp.Navigate(b.url + path)) }

// sees waits until an element that a selector finds contains a text.
func (b *tab) sees(selector, text string) {
	b.t.Helper()
	b.holds(fmt.Sprintf(`[...document.querySelectorAll(%q)].some((e) => e.innerText.includes(%q))`, selector, text))
}

// holds waits until a JavaScript expression is true, also across navigations.
func (b *tab) holds(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond) // each look lays the page out
	defer again.Stop()
	for {
		var held bool
		err := chromedp.Run(ctx, chromedp.Evaluate(expression, &held))
		if err == nil && held {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			b.run(chromedp.ActionFunc(func(context.Context) error {
				return fmt.Errorf("%s never holds: %w", expression, errors.Join(ctx.Err(), err))
			}))
		}
	}
}

// press clicks the button with a text.
func (b *tab) press(text string) {
	b.t.Helper()
	button := fmt.Sprintf(`[...document.querySelectorAll('button')].find((e) => e.innerText.trim() === %q && !e.disabled)`,
		text)
	b.holds(button + ` !== undefined`)
	b.run(chromedp.Evaluate(button+`.click()`, nil))
}

// evaluate returns the value of a JavaScript expression.
func evaluate[T any](b *tab, expression string) T {
	b.t.Helper()
	var value T
	b.run(chromedp.Evaluate(expression, &value))
	return value
}

// settled has an evaluation wait for what a promise is settled with.
func settled(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// accessible fails the test if axe-core finds anything serious on the page, in light or
// in dark.
func (b *tab) accessible() {
	b.t.Helper()
	b.audit("light", `{resultTypes: ['violations']}`)
	b.scheme("dark") // which changes nothing but colours
	b.audit("dark", `{resultTypes: ['violations'], runOnly: ['color-contrast']}`)
	b.scheme("light")
}

func (b *tab) audit(scheme, options string) {
	b.t.Helper()
	source, err := os.ReadFile(filepath.Join(npm.Need(b.t), "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		b.t.Fatal(err)
	}
	var found string
	if !evaluate[bool](b, `typeof axe !== 'undefined'`) {
		b.run(chromedp.Evaluate(string(source)+`;0`, nil))
	}
	b.run(chromedp.Evaluate(`axe.run(`+options+`).then((r) => JSON.stringify(r.violations))`, &found,
		settled))
	var violations []struct {
		ID, Impact, Help string
		Nodes            []struct{ HTML, FailureSummary string }
	}
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		b.t.Fatal(err)
	}
	for _, v := range violations {
		b.t.Errorf("%s, %s: %s (%s): %s\n%s", evaluate[string](b, `location.pathname`), scheme, v.ID, v.Impact, v.Help,
			v.Nodes[0].HTML+"\n"+v.Nodes[0].FailureSummary)
	}
}

func (b *tab) scheme(name string) {
	b.t.Helper()
	b.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}}))
}

// pictures writes pictures of the page: light, dark, and as narrow as a phone.
func (b *tab) pictures(name string) {
	b.t.Helper()
	b.narrow()
	dir := os.Getenv("REPRISE_SCREENSHOTS")
	for _, shot := range []struct {
		suffix, scheme string
		width          int64
	}{{"", "light", 1280}, {"-dark", "dark", 1280}, {"-narrow", "light", 400}} {
		if dir == "" {
			continue
		}
		b.scheme(shot.scheme)
		var picture []byte
		b.run(chromedp.EmulateViewport(shot.width, 900, chromedp.EmulateScale(2)), chromedp.Evaluate(`scrollTo(0, 0)`, nil),
			chromedp.FullScreenshot(&picture, 100))
		if err := os.WriteFile(filepath.Join(dir, name+shot.suffix+".png"), picture, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	b.scheme("light")
	b.run(chromedp.EmulateViewport(1280, 900))
}

// windows writes pictures of what a window shows, light and dark, for the README.
func (b *tab) windows(name string) {
	b.t.Helper()
	dir := os.Getenv("REPRISE_SCREENSHOTS")
	if dir == "" {
		return
	}
	for suffix, scheme := range map[string]string{"": "light", "-dark": "dark"} {
		b.scheme(scheme)
		var picture []byte
		b.run(chromedp.EmulateViewport(1200, 960, chromedp.EmulateScale(1.5)), chromedp.Evaluate(`scrollTo(0, 0);
			document.activeElement?.blur()`, nil), chromedp.CaptureScreenshot(&picture))
		if err := os.WriteFile(filepath.Join(dir, name+suffix+".png"), picture, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	b.scheme("light")
	b.run(chromedp.EmulateViewport(1280, 900))
}

// narrow fails the test if the page is wider than a screen of 400 pixels.
func (b *tab) narrow() {
	b.t.Helper()
	b.run(chromedp.EmulateViewport(400, 800))
	if wide := evaluate[int](b, `document.documentElement.scrollWidth`); wide > 400 {
		b.t.Errorf("%s is %d pixels wide on a screen of 400", evaluate[string](b, `location.pathname`), wide)
	}
	b.run(chromedp.EmulateViewport(1280, 900))
}
