package faultproxy

import (
	"bytes"
	"cmp"
	"context"
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

// The faults.
const (
	// None means no fault.
	None Fault = ""
	// Throttle refuses the request with the service's own error, without effect.
	Throttle Fault = "throttle"
	// Internal answers with an error of the service (500), without effect.
	Internal Fault = "internal"
	// ResetBefore breaks the connection, without effect.
	ResetBefore Fault = "reset before"
	// ResetAfter lets the request take effect, then breaks the connection.
	ResetAfter Fault = "reset after"
	// Hang does not answer for the configured time, then breaks the connection,
	// without effect.
	Hang Fault = "hang"
	// Late is a hang after which the request takes effect, although its client
	// has given up and may have sent it again.
	Late Fault = "late"
	// Twice lets the request take effect twice, and sends the first answer.
	Twice Fault = "twice"
	// Partial does only a part of a batch and says so in the answer. It does not
	// change other requests.
	Partial Fault = "partial"
)

// Rates are the probabilities of the faults of one request. Their sum is at most 1.
type Rates map[Fault]float64

// order is the order in which decide maps a random number to faults.
func order() []Fault {
	return []Fault{Throttle, Internal, ResetBefore, ResetAfter, Hang, Late, Twice, Partial}
}

// Config configures a Proxy.
type Config struct {
	// Target is the service's endpoint, such as http://127.0.0.1:4567.
	Target string
	// Seed determines the sequence of faults. Requests meet them in the order of
	// their arrival.
	Seed  uint64
	Rates Rates
	// Only limits the faults to some operations, such as "PutItem"; nil means
	// all.
	Only func(operation string) bool
	// Answer, if set, answers operations that the service does not have, with status
	// 200; ok is false for all others.
	Answer func(operation string) (body []byte, ok bool)
	// HangTime bounds how long a hang lasts; 0 means 200 ms.
	HangTime time.Duration
}

// Proxy listens on a loopback port. It is safe for concurrent use.
type Proxy struct {
	config Config
	target *url.URL
	url    string
	server *http.Server
	client *http.Client
	// ended is closed by Close, which then waits for work.
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

// Observer is called for every request before the request is handled. caller is the
// access key that signed it. It must be safe for concurrent use and must not keep the
// body.
type Observer func(caller, operation string, body []byte)

// Start starts a proxy. Close it.
func Start(config Config) (*Proxy, error) {
	target, err := url.Parse(config.Target)
	if err != nil {
		return nil, fmt.Errorf("start proxy: %w", err)
	}
	config.HangTime = cmp.Or(config.HangTime, 200*time.Millisecond)
	p := &Proxy{
		config: config,
		target: target,
		client: &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}},
		ended:  make(chan struct{}),
		random: rand.New(rand.NewPCG(config.Seed, 0)),
		rates:  maps.Clone(config.Rates),
		counts: make(map[string]int),
	}
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

// enter makes Close wait for a request. It reports false if the proxy has already
// been closed.
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

// Observe sets the observer of every request from now on; nil removes it.
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
		observer(c.caller(), c.operation, c.body)
	}
}

// Refuse starts an outage: every request that fits is throttled from now on, in
// addition to the rates. nil ends the outage. fits must be safe for concurrent use.
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
	p.count("refused", c.operation)
	return true
}

// count counts a fault. p.mu is held.
func (p *Proxy) count(fault Fault, operation string) {
	p.counts[string(fault)]++
	p.counts[string(fault)+" "+operation]++
}

// Counts is how often each fault happened, by fault and by fault and operation:
// "throttle" and "throttle PutItem". An outage counts as "refused".
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
			p.count(fault, operation)
			return fault, seed
		}
	}
	return None, 0
}

// call is a request that has been read completely.
type call struct {
	request   *http.Request
	service   string
	operation string
	body      []byte
}

// caller returns the access key in the signature's scope,
// "AWS4-HMAC-SHA256 Credential=KEY/DATE/...", or "".
func (c call) caller() string {
	_, credential, _ := strings.Cut(c.request.Header.Get("Authorization"), "Credential=")
	key, _, _ := strings.Cut(credential, "/")
	return key
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

// answer is a service's answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// forward sends a request to the service, with the given body.
func (p *Proxy) forward(ctx context.Context, c call, body []byte) (answer, error) {
	if p.config.Answer != nil {
		if body, ok := p.config.Answer(c.operation); ok {
			return answer{http.StatusOK, http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, body}, nil
		}
	}
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
	w.Header().Del("Content-Length") // the body may have changed
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may be gone
}

// reset breaks a connection, so that the client reads no answer.
func reset(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return // the connection is already broken
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // sends RST instead of FIN; either breaks the answer
	}
	_ = connection.Close()
}
