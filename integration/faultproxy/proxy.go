package faultproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Fault is a way in which a request goes wrong.
type Fault string

// The faults. None is the absence of one.
const (
	None Fault = ""
	// Throttle refuses a request with the service's own error: no effect.
	Throttle Fault = "throttle"
	// Internal answers a fault of the service (500): no effect.
	Internal Fault = "internal"
	// ResetBefore breaks the connection: no effect.
	ResetBefore Fault = "reset before"
	// ResetAfter lets the request take effect, then breaks the connection.
	ResetAfter Fault = "reset after"
	// Hang says nothing for the configured time, then breaks the connection: no
	// effect.
	Hang Fault = "hang"
	// Late is a hang after which the request takes effect, when its client has
	// given up and may have sent it again.
	Late Fault = "late"
	// Twice lets the request take effect twice before it is answered; the
	// answer is the first one's.
	Twice Fault = "twice"
	// Partial does only a part of a batch and says so. A request that is no
	// batch passes as it is.
	Partial Fault = "partial"
)

// Rates are the probabilities of faults of one request. Their sum is at most 1.
type Rates map[Fault]float64

// order fixes the meaning of a random number.
func order() []Fault {
	return []Fault{Throttle, Internal, ResetBefore, ResetAfter, Hang, Late, Twice, Partial}
}

// Config is what a Proxy needs.
type Config struct {
	// Target is the service's endpoint, such as http://127.0.0.1:4567.
	Target string
	// Seed makes the sequence of decisions. Which request meets which decision
	// depends on the order in which they arrive.
	Seed  uint64
	Rates Rates
	// Only narrows the faults to some operations, such as "PutItem"; nil means
	// all.
	Only func(operation string) bool
	// HangTime is how long a hang lasts at most; 0 means 200 ms.
	HangTime time.Duration
}

// Proxy listens on a loopback port. It is safe for concurrent use.
type Proxy struct {
	config Config
	target *url.URL
	url    string
	server *http.Server
	client *http.Client
	// ended is closed with the proxy; work counts what Close waits for.
	ended chan struct{}
	close sync.Once
	work  sync.WaitGroup

	mu       sync.Mutex
	over     bool
	random   *rand.Rand
	rates    Rates
	counts   map[string]int
	observer Observer
	refuse   func(operation string, body []byte) bool
}

// Observer is told of every request before anything becomes of it. It is
// called by many goroutines at once and must not keep the body.
type Observer func(operation string, body []byte)

// Start starts a proxy. Close it.
func Start(config Config) (*Proxy, error) {
	target, err := url.Parse(config.Target)
	if err != nil {
		return nil, fmt.Errorf("start proxy: %w", err)
	}
	if config.HangTime == 0 {
		config.HangTime = 200 * time.Millisecond
	}
	p := &Proxy{config: config, target: target, ended: make(chan struct{}), rates: maps.Clone(config.Rates),
		random: rand.New(rand.NewPCG(config.Seed, 0)), counts: make(map[string]int),
		client: &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start proxy: %w", err)
	}
	p.url = "http://" + listener.Addr().String()
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	p.work.Go(func() { _ = p.server.Serve(listener) }) // it ends with Close only
	return p, nil
}

// URL is the endpoint for clients.
func (p *Proxy) URL() string { return p.url }

// Close ends the proxy and waits for requests that take effect late.
func (p *Proxy) Close() error {
	var err error
	p.close.Do(func() {
		p.mu.Lock()
		p.over = true
		p.mu.Unlock()
		close(p.ended)
		err = p.server.Close()
		p.work.Wait()
		p.client.CloseIdleConnections()
	})
	return err
}

// enter counts a request among what Close waits for. It reports false where
// the proxy has been closed.
func (p *Proxy) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.work.Add(1)
	}
	return !p.over
}

// SetRates changes the probabilities from now on; nil means no more faults.
func (p *Proxy) SetRates(rates Rates) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rates = maps.Clone(rates)
}

// Observe tells an observer of every request from now on; nil means nobody.
func (p *Proxy) Observe(observer Observer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.observer = observer
}

func (p *Proxy) observe(c call) {
	p.mu.Lock()
	observer := p.observer
	p.mu.Unlock()
	if observer != nil {
		observer(c.operation, c.body)
	}
}

// Refuse throttles every request that fits, from now on, beside the rates: an
// outage. nil ends it. fits is called by many goroutines at once.
func (p *Proxy) Refuse(fits func(operation string, body []byte) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = fits
}

func (p *Proxy) refused(c call) bool {
	p.mu.Lock()
	fits := p.refuse
	p.mu.Unlock()
	if fits == nil || !fits(c.operation, c.body) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts["refused"]++
	p.counts["refused "+c.operation]++
	return true
}

// Counts are how often each fault has been done, by fault and by fault and
// operation: "throttle" and "throttle PutItem". Those of an outage are
// "refused".
func (p *Proxy) Counts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

// decide draws a fault, and a seed for what the fault itself draws.
func (p *Proxy) decide(operation string) (Fault, uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.config.Only != nil && !p.config.Only(operation) {
		return None, 0
	}
	drawn, seed := p.random.Float64(), p.random.Uint64()
	for _, fault := range order() {
		if drawn -= p.rates[fault]; drawn < 0 && p.rates[fault] > 0 {
			p.counts[string(fault)]++
			p.counts[string(fault)+" "+operation]++
			return fault, seed
		}
	}
	return None, 0
}

// call is a request that has been read whole.
type call struct {
	request   *http.Request
	service   string
	operation string
	body      []byte
}

func readCall(r *http.Request) (call, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return call{}, fmt.Errorf("read request: %w", err)
	}
	c := call{request: r, body: body, service: "Lambda", operation: r.Method + " " + r.URL.Path}
	if service, operation, found := strings.Cut(r.Header.Get("X-Amz-Target"), "."); found {
		c.service, _, _ = strings.Cut(service, "_")
		c.operation = operation
	}
	return c, nil
}

// answer is what a service answered.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// forward lets a request take effect.
func (p *Proxy) forward(ctx context.Context, c call, body []byte) (answer, error) {
	to := *p.target
	to.Path, to.RawPath, to.RawQuery = c.request.URL.Path, c.request.URL.RawPath, c.request.URL.RawQuery
	r, err := http.NewRequestWithContext(ctx, c.request.Method, to.String(), bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("forward request: %w", err)
	}
	r.Header = c.request.Header.Clone()
	resp, err := p.client.Do(r)
	if err != nil {
		return answer{}, fmt.Errorf("forward request: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, fmt.Errorf("read answer: %w", err)
	}
	return answer{resp.StatusCode, resp.Header, raw}, nil
}

func write(w http.ResponseWriter, a answer) {
	maps.Copy(w.Header(), a.header)
	w.Header().Del("Content-Length") // it is that of another body, or set again
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may be gone
}

// errNoHijack cannot happen with HTTP/1.1.
var errNoHijack = errors.New("the connection cannot be taken over")

// reset breaks a connection, so that the client reads nothing of an answer.
func reset(w http.ResponseWriter) error {
	hijacker, is := w.(http.Hijacker)
	if !is {
		return errNoHijack
	}
	connection, _, err := hijacker.Hijack()
	if err != nil {
		return fmt.Errorf("take over connection: %w", err)
	}
	if tcp, is := connection.(*net.TCPConn); is {
		_ = tcp.SetLinger(0) // RST in place of FIN; either ends the answer
	}
	return connection.Close()
}
