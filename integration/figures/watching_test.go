package figures

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/integration/process"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

const (
	watchedEvents = 1_000_000
	watchers      = 10
	// watchSoon is how often reprise replay watch asks for a replay until watchFirst have
	// passed, watchEvery how often after that, and how often for the progress by lane group.
	watchSoon  = 250 * time.Millisecond
	watchFirst = 5 * time.Second
	watchEvery = time.Second
	// pairs is how many replays run with watchers, and as many without.
	pairs = 5
	// quietTime is how long a quiet platform is observed, and settleTime how long it may
	// finish what it does in the background before, at most. After a load, Go's runtime
	// gives memory back to the system for minutes, with up to a hundredth of a core.
	quietTime  = 30 * time.Second
	settleTime = 5 * time.Minute
	// quietLimit bounds the share of a core that a quiet platform takes, and watchLimit
	// what watchers cost a replay.
	quietLimit = 0.005
	watchLimit = 0.02
)

// BenchmarkWatching measures, with a million events in 64 lanes, the processor time of a
// platform that is idle, of one whose only replay is paused, and what ten people who watch
// a replay add to its processor time. It fails above the limits. Processor time says the
// same on a machine that is busy otherwise.
func BenchmarkWatching(b *testing.B) {
	w := newWatched(b)
	b.Run("idle", func(b *testing.B) {
		for b.Loop() {
			w.quiet(b)
		}
	})
	b.Run("open-page", func(b *testing.B) {
		for b.Loop() {
			w.page(b)
		}
	})
	b.Run("paused", func(b *testing.B) {
		for b.Loop() {
			w.paused(b)
		}
	})
	b.Run("ten-watchers", func(b *testing.B) {
		for b.Loop() {
			w.watch(b)
		}
	})
}

// watched is a platform with a log.
type watched struct {
	*process.Process
	runs int
}

func newWatched(b *testing.B) *watched {
	b.Helper()
	binary := process.Binary(b)
	file := filepath.Join(b.TempDir(), "million.jsonl")
	out, err := os.Create(file)
	if err != nil {
		b.Fatal(err)
	}
	generate := exec.Command(binary, "generate", "--events", strconv.Itoa(watchedEvents), "--entities", "500000")
	generate.Stdout = out
	if err := generate.Run(); err != nil {
		b.Fatal(err)
	}
	if err := out.Close(); err != nil {
		b.Fatal(err)
	}
	w := &watched{Process: process.Launch(b, binary, b.TempDir())}
	if _, err := w.Reprise("send", file, "--wait"); err != nil {
		b.Fatal(err)
	}
	return w
}

// busy is the processor time that the platform has taken so far.
func (w *watched) busy(b *testing.B) time.Duration {
	b.Helper()
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(w.PID()), "stat"))
	if err != nil {
		b.Skipf("the processor time can be read on Linux only: %v", err)
	}
	_, fields, found := strings.Cut(string(raw), ") ") // the name may have spaces
	all := strings.Fields(fields)
	const user, system, ticks = 11, 12, 100 // a second
	if !found || len(all) <= system {
		b.Fatalf("unreadable: %s", raw)
	}
	total := 0
	for _, text := range []string{all[user], all[system]} {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		total += n
	}
	return time.Duration(total) * time.Second / ticks
}

// quiet measures a platform that has nothing to do.
func (w *watched) quiet(b *testing.B) {
	b.Helper()
	w.settle(b)
	before := w.busy(b)
	time.Sleep(quietTime)
	share := (w.busy(b) - before).Seconds() / quietTime.Seconds()
	b.ReportMetric(100*share, "%-of-a-core")
	if share > quietLimit {
		b.Errorf("a quiet platform takes %.2f %% of a core, at most %.2f are allowed", 100*share, 100*quietLimit)
	}
}

// settle waits until the platform has given back no more memory for a minute.
func (w *watched) settle(b *testing.B) {
	b.Helper()
	const every = 15 * time.Second
	last, still := int64(math.MaxInt64), 0
	for waited := time.Duration(0); waited < settleTime && still < 4; waited += every {
		resident := residentBytes(b, w.PID())
		if still++; last-resident >= 1<<20 {
			still = 0
		}
		last = resident
		time.Sleep(every)
	}
}

// page measures a quiet platform whose console somebody has open.
func (w *watched) page(b *testing.B) {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, w.URL+"/live", http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	feed, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	got := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, feed.Body)
		got <- n
	}()
	w.quiet(b)
	_ = feed.Body.Close()
	if <-got == 0 {
		b.Error("the page was told nothing")
	}
}

// paused measures a platform whose only replay is paused.
func (w *watched) paused(b *testing.B) {
	b.Helper()
	id := w.start(b, "--rate", "1000")
	c := &localtest.Client{T: b, URL: w.URL}
	w.do(b, "replay", "pause", id)
	localtest.Until(c, "/replays/"+id, func(v lifecycle.View) bool { return v.Status == replay.ShownPaused })
	w.quiet(b)
	w.do(b, "replay", "cancel", id)
}

func (w *watched) do(b *testing.B, args ...string) {
	b.Helper()
	if _, err := w.Reprise(args...); err != nil {
		b.Fatal(err)
	}
}

func (w *watched) start(b *testing.B, flags ...string) (id string) {
	b.Helper()
	w.runs++
	id = fmt.Sprintf("run-%d", w.runs)
	w.do(b, append([]string{"replay", "start", "--name", id}, flags...)...)
	return id
}

// watch runs replays with and without watchers by turns.
func (w *watched) watch(b *testing.B) {
	b.Helper()
	var alone, besides []float64
	asked := 0
	for range pairs {
		took, _ := w.replay(b, 0)
		alone = append(alone, took)
		took, n := w.replay(b, watchers)
		besides = append(besides, took)
		asked += n
	}
	slices.Sort(alone)
	slices.Sort(besides)
	cost := besides[pairs/2]/alone[pairs/2] - 1
	b.Logf("seconds of processor time: alone %.2f, with %d watchers, who asked %d times, %.2f",
		alone, watchers, asked, besides)
	b.ReportMetric(100*cost, "%-added")
	b.ReportMetric(alone[pairs/2], "cpu-s/replay")
	if cost > watchLimit {
		b.Errorf("ten watchers add %.1f %%, at most %.1f are allowed", 100*cost, 100*watchLimit)
	}
}

// replay runs a replay while n people watch it, and returns the platform's processor time
// and how often they have asked.
func (w *watched) replay(b *testing.B, n int) (seconds float64, asked int) {
	b.Helper()
	time.Sleep(settleTime / 60)
	before := w.busy(b)
	id := w.start(b)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	counts := make([]int, n)
	for i := range n {
		group.Go(func() error { return w.ask(ctx, id, time.Duration(i)*watchSoon/time.Duration(n), &counts[i]) })
	}
	if n == 0 { // somebody has to notice the end
		group.Go(func() error { return w.ask(ctx, id, watchEvery, new(int)) })
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	for _, count := range counts {
		asked += count
	}
	return (w.busy(b) - before).Seconds(), asked
}

// ask asks for a replay until it has ended, as reprise replay watch does; or, as one who
// only notices the end, every 4 s.
func (w *watched) ask(ctx context.Context, id string, first time.Duration, asked *int) error {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	watches := first != watchEvery
	var slept, progressAt time.Duration
	for wait := first; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		slept += wait
		var view lifecycle.View
		if err := w.get(ctx, client, "/replays/"+id, &view); err != nil {
			return err
		}
		*asked++
		switch {
		case view.Status == replay.Succeeded:
			return nil
		case view.Status.Ended():
			return fmt.Errorf("replay %s is %s: %+v", id, view.Status, view.Failure)
		case watches && slept >= progressAt:
			if err := w.get(ctx, client, "/replays/"+id+"/progress", &lifecycle.Detail{}); err != nil {
				return err
			}
			*asked++
			progressAt = slept + watchEvery
		}
		switch {
		case !watches:
			wait = 4 * time.Second
		case slept < watchFirst:
			wait = watchSoon
		default:
			wait = watchEvery
		}
	}
}

func (w *watched) get(ctx context.Context, client *http.Client, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+path, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}
