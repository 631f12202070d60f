package figures

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/integration/process"
	"reprise/pkg/api"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay/lifecycle"
)

var curveFlag = flag.String("curve", "", "the file to which BenchmarkPacing writes its picture, an SVG")

// The load of BenchmarkPacing, and what it may do to the live path.
const (
	logged      = 600_000 // events in the log before
	steadyRate  = 2000    // live events a second
	aloneTime   = 15      // seconds of live events alone, before and after the rebuild
	pacingLimit = 10 * time.Minute
	// steadyLag bounds the live lag all the time: beyond a second, a replay slows down.
	steadyLag = 10 * time.Second
)

// moment is the state of the platform in one second.
type moment struct {
	// at is the time since the beginning, and lag that of the oldest live event that
	// is not in the log, both in seconds.
	at, lag float64
	// live and replayed are events a second: accepted over HTTP, and taken in by the
	// rebuild.
	live, replayed float64
	// slowed is why the rebuild is slowed, "" if it is not.
	slowed string
}

// BenchmarkPacing sends live events at a steady rate, and rebuilds without a limit at the
// same time. Once a second it looks at the lag of the live path. It fails if that grows
// beyond a bound, and draws the curve. The platform runs as a process of its own.
func BenchmarkPacing(b *testing.B) {
	binary := process.Binary(b)
	for b.Loop() {
		p := newPacing(b, binary)
		p.run()
		p.report()
	}
}

type pacing struct {
	*traffic
	began   time.Time
	moments []moment
}

func newPacing(b *testing.B, binary string) *pacing {
	b.Helper()
	p := &pacing{traffic: newTraffic(b, binary)}
	client := &localtest.Client{T: b, URL: p.platform.URL}
	for batch := range slices.Chunk(synthetic(b, logged), 2000) {
		client.Send("/events", batch)
	}
	client.Settle(logged)
	return p
}

func (p *pacing) run() {
	p.b.Helper()
	ctx, stop := context.WithTimeout(p.b.Context(), pacingLimit)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	p.began = time.Now()
	group.Go(func() error { return p.sendSteadily(ctx) })
	group.Go(func() error { return p.look(ctx) })
	group.Go(func() error {
		defer stop()
		quiet := func() error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(aloneTime * time.Second):
				return nil
			}
		}
		if err := quiet(); err != nil {
			return err
		}
		if out, err := p.platform.Reprise("replay", "start", "--name", "curve", "--rebuild", "--wait"); err != nil {
			return fmt.Errorf("rebuild: %w\n%s", err, out)
		}
		return quiet()
	})
	if err := group.Wait(); err != nil {
		p.b.Error(err)
	}
	(&localtest.Client{T: p.b, URL: p.platform.URL}).Settle(logged + p.accepted.Load())
	p.platform.Terminate()
}

// sendSteadily sends a request every 50 ms, over as many connections as that takes.
func (p *pacing) sendSteadily(ctx context.Context) error {
	const every = 50 * time.Millisecond
	const each = steadyRate * int(every/time.Millisecond) / 1000
	tick := time.NewTicker(every)
	defer tick.Stop()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(connections)
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return group.Wait()
		case <-tick.C:
		}
		group.Go(func() error {
			events := make([]json.RawMessage, each)
			for i := range events {
				events[i] = fmt.Appendf(nil, `{"specversion":"1.0","id":"%d-%d","source":"/pacing","type":"file.changed",`+
					`"subject":"live-%d","data":{"note":"%0*d"}}`, n, i, (n*each+i)%5000, 120, n)
			}
			body, err := json.Marshal(events)
			if err != nil {
				return err
			}
			if _, err := p.call(http.MethodPost, "/events", body); err != nil {
				return err
			}
			p.accepted.Add(int64(each))
			return nil
		})
	}
}

// look samples the platform once a second.
func (p *pacing) look(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var accepted, consumed int64
	before := p.began
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		lag, err := p.liveLag()
		if err != nil {
			return err
		}
		m := moment{at: time.Since(p.began).Seconds(), lag: lag.Seconds()}
		var progress lifecycle.Detail
		if found, err := p.get("/replays/curve/progress", &progress); err != nil {
			return err
		} else if found && progress.Pace != nil {
			m.slowed = string(progress.Pace.Reason)
		}
		passed := time.Since(before).Seconds()
		before = time.Now()
		now := p.accepted.Load()
		m.live, m.replayed = float64(now-accepted)/passed, float64(progress.Consumed-consumed)/passed
		accepted, consumed = now, progress.Consumed
		p.moments = append(p.moments, m)
		tick.Reset(time.Second) // a look that took long is not followed by another one at once
	}
}

func (p *pacing) liveLag() (lag time.Duration, err error) {
	var status api.StatusView
	_, err = p.get("/status", &status)
	for _, c := range status.Consumers {
		if c.Name == "pump" && c.BehindMillis != nil {
			lag = time.Duration(*c.BehindMillis) * time.Millisecond
		}
	}
	return lag, err
}

// get reads an answer, also at the end of the benchmark; found is false for one that does
// not exist.
func (p *pacing) get(path string, into any) (found bool, err error) {
	req, err := http.NewRequestWithContext(p.b.Context(), http.MethodGet, p.platform.URL+path, http.NoBody)
	if err != nil {
		return false, err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	if resp.StatusCode == http.StatusNotFound {
		return false, nil
	}
	return true, json.NewDecoder(resp.Body).Decode(into)
}

func (p *pacing) report() {
	p.b.Helper()
	if len(p.moments) < 2*aloneTime {
		p.b.Fatalf("%d moments", len(p.moments))
	}
	var most, alone, replayed float64
	slowed, running := 0, 0
	for i, m := range p.moments {
		most = max(most, m.lag)
		if i < aloneTime {
			alone = max(alone, m.lag)
		}
		if m.replayed > 0 {
			replayed, running = replayed+m.replayed, running+1
		}
		if m.slowed != "" {
			slowed++
		}
	}
	if most > steadyLag.Seconds() {
		p.b.Errorf("the live path was %.1f s behind, at most %v are allowed", most, steadyLag)
	}
	p.b.ReportMetric(most, "s-lag")
	p.b.ReportMetric(alone, "s-lag-alone")
	p.b.ReportMetric(replayed/float64(max(1, running)), "rebuilt/s")
	p.b.ReportMetric(float64(slowed), "s-slowed")
	if *curveFlag != "" {
		if err := os.WriteFile(filepath.Clean(*curveFlag), drawCurve(p.moments), 0o600); err != nil {
			p.b.Fatal(err)
		}
	}
}
