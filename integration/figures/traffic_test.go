package figures

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/integration/process"
	"reprise/pkg/api"
	"reprise/pkg/api/web"
	"reprise/pkg/local/localtest"
)

// The traffic, and its limits on two quiet cores.
const (
	connections    = 200
	eventsEach     = 50
	trafficTime    = time.Minute
	sendEvery      = time.Second // by each connection: 10,000 events a second in all
	slowSockets    = 24
	requestLimit   = 500 * time.Millisecond // for 99 of 100 requests
	lagLimit       = 5 * time.Second
	trafficPeak    = 256 << 20
	trafficReaders = 4
)

// BenchmarkTraffic sends small requests over many connections for a minute, while
// a rebuild runs and others read. It fails if a request fails or the limits above
// do not hold. A request's time counts from when it was due. Where every connection
// sends its next request at once, that time says only how many requests wait for
// one another (200 connections, divided by the requests answered in a second), so
// it has no limit there; lag and memory have.
func BenchmarkTraffic(b *testing.B) {
	for _, variant := range []struct {
		name  string
		slow  int
		every time.Duration
	}{
		{"alone", 0, sendEvery},
		{"besides-slow-sockets", slowSockets, sendEvery},
		{"without-pause", 0, 0},
	} {
		b.Run(variant.name, func(b *testing.B) {
			binary := process.Binary(b)
			for b.Loop() {
				t := newTraffic(b, binary)
				t.every = variant.every
				t.run(variant.slow)
			}
		})
	}
}

// traffic is one run of the benchmark.
type traffic struct {
	b        *testing.B
	platform *process.Process
	client   *http.Client
	every    time.Duration // a connection's requests; 0 is one after the other

	mu       sync.Mutex
	writes   []time.Duration
	reads    []time.Duration
	lag      time.Duration
	accepted atomic.Int64
}

func newTraffic(b *testing.B, binary string) *traffic {
	b.Helper()
	return &traffic{b: b, platform: process.Launch(b, binary, b.TempDir()), client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: connections + trafficReaders + 2},
	}}
}

func (t *traffic) run(slow int) {
	t.b.Helper()
	for range slow {
		t.occupy()
	}
	ctx, cancel := context.WithTimeout(t.b.Context(), trafficTime)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for i := range connections {
		group.Go(func() error { return t.send(ctx, i) })
	}
	for i := range trafficReaders {
		group.Go(func() error { return t.read(ctx, i) })
	}
	group.Go(func() error { return t.rebuild(ctx) })
	group.Go(func() error { return t.watchLag(ctx) })
	if err := group.Wait(); err != nil {
		t.b.Error(err)
	}
	ended := time.Now()
	(&localtest.Client{T: t.b, URL: t.platform.URL}).Settle(t.accepted.Load())
	t.report(time.Since(ended))
	t.platform.Terminate()
}

// occupy opens a connection on which a request with a large body never ends.
func (t *traffic) occupy() {
	t.b.Helper()
	socket, err := net.Dial("tcp", strings.TrimPrefix(t.platform.URL, "http://"))
	if err != nil {
		t.b.Fatal(err)
	}
	t.b.Cleanup(func() { _ = socket.Close() })
	_, err = fmt.Fprintf(socket, "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"+
		"Content-Type: application/cloudevents-batch+json\r\n\r\n[", web.MaxBodyBytes)
	if err != nil {
		t.b.Fatal(err)
	}
}

func (t *traffic) send(ctx context.Context, connection int) error {
	random := rand.New(rand.NewPCG(uint64(connection), 1))
	due := time.Now().Add(t.every * time.Duration(connection) / connections)
	for n := 0; ctx.Err() == nil; n++ {
		events := make([]json.RawMessage, eventsEach)
		for i := range events {
			events[i] = fmt.Appendf(nil, `{"specversion":"1.0","id":"%d-%d-%d","source":"/traffic","type":"account.deposited",`+
				`"subject":"account-%d","data":{"amount":%d,"note":"%0*d"}}`,
				connection, n, i, random.IntN(5000), 1+random.IntN(1000), 120, random.Int64())
		}
		body, err := json.Marshal(events)
		if err != nil {
			return err
		}
		late := t.await(ctx, due)
		if ctx.Err() != nil {
			return nil
		}
		took, err := t.call(http.MethodPost, "/events", body)
		if err != nil {
			return err
		}
		t.accepted.Add(eventsEach)
		t.note(&t.writes, late+took)
		due = due.Add(t.every)
	}
	return nil
}

// await waits until a request is due, and returns how late it is.
func (t *traffic) await(ctx context.Context, due time.Time) time.Duration {
	if t.every == 0 {
		return 0
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Until(due)):
	}
	return max(0, time.Since(due))
}

func (t *traffic) read(ctx context.Context, reader int) error {
	random := rand.New(rand.NewPCG(uint64(reader), 2))
	for ctx.Err() == nil {
		path := fmt.Sprintf("/rows?lane=%d", random.IntN(64))
		if random.IntN(2) == 0 {
			path = "/lanes"
		}
		took, err := t.call(http.MethodGet, path, nil)
		if err != nil {
			return err
		}
		t.note(&t.reads, took)
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// call makes a request, whose answer must not be an error, and returns how long it
// took.
func (t *traffic) call(method, path string, body []byte) (time.Duration, error) {
	req, err := http.NewRequestWithContext(t.b.Context(), method, t.platform.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/cloudevents-batch+json")
		req.Header.Set("Prefer", "return=minimal")
	}
	began := time.Now()
	resp, err := t.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("%s %s after %v: %w", method, path, time.Since(began), err)
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode >= http.StatusMultipleChoices {
		return 0, fmt.Errorf("%s %s: %d %.300s %w", method, path, resp.StatusCode, answer, err)
	}
	return time.Since(began), nil
}

func (t *traffic) note(into *[]time.Duration, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*into = append(*into, took)
}

// rebuild rebuilds once, from what is there after a third of the time.
func (t *traffic) rebuild(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(trafficTime / 3):
	}
	out, err := t.platform.Reprise("replay", "start", "--rebuild", "--promote", "--wait")
	if err != nil {
		return fmt.Errorf("rebuild: %w\n%s", err, out)
	}
	return nil
}

func (t *traffic) watchLag(ctx context.Context) error {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		req, err := http.NewRequestWithContext(t.b.Context(), http.MethodGet, t.platform.URL+"/status", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := t.client.Do(req)
		if err != nil {
			return err
		}
		var status api.StatusView
		err = json.NewDecoder(resp.Body).Decode(&status)
		_ = resp.Body.Close()
		if err != nil {
			return err
		}
		for _, c := range status.Consumers {
			if c.Name == "pump" && c.BehindMillis != nil {
				t.lag = max(t.lag, time.Duration(*c.BehindMillis)*time.Millisecond)
			}
		}
	}
}

func (t *traffic) report(drained time.Duration) {
	t.b.Helper()
	of := func(all []time.Duration, share float64) time.Duration {
		slices.Sort(all)
		return all[min(len(all)-1, int(share*float64(len(all))))]
	}
	p99, reads := of(t.writes, 0.99), of(t.reads, 0.99)
	peak := peakBytes(t.b, t.platform.PID())
	writeLimit := requestLimit
	if t.every == 0 {
		writeLimit = trafficTime // no limit of its own
	}
	for _, limit := range []struct {
		what     string
		got, max int64
	}{
		{"ms of 99 in 100 requests", p99.Milliseconds(), writeLimit.Milliseconds()},
		{"ms of 99 in 100 reads", reads.Milliseconds(), requestLimit.Milliseconds()},
		{"ms of lag", t.lag.Milliseconds(), lagLimit.Milliseconds()},
		{"ms until all is applied", drained.Milliseconds(), 2 * lagLimit.Milliseconds()},
		{"bytes resident", peak, trafficPeak},
	} {
		if limit.got > limit.max {
			t.b.Errorf("%d %s, at most %d are allowed", limit.got, limit.what, limit.max)
		}
	}
	t.b.Logf("%d events accepted, requests %v and %v, reads %v, lag %v, drained in %v, peak %d MiB", t.accepted.Load(),
		of(t.writes, 0.5), p99, reads, t.lag, drained, peak>>20)
	t.b.ReportMetric(float64(t.accepted.Load())/trafficTime.Seconds(), "accepted/s")
	t.b.ReportMetric(float64(of(t.writes, 0.5).Milliseconds()), "ms-p50")
	t.b.ReportMetric(float64(p99.Milliseconds()), "ms-p99")
	t.b.ReportMetric(float64(reads.Milliseconds()), "ms-read-p99")
	t.b.ReportMetric(float64(t.lag.Milliseconds()), "ms-lag")
	t.b.ReportMetric(float64(drained.Milliseconds()), "ms-drained")
	t.b.ReportMetric(float64(peak)/(1<<20), "MiB-peak")
}
