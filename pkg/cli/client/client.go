package client

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Options say how to reach a platform. Endpoint is required; the zero value of
// any other field means its default.
type Options struct {
	// Endpoint is the address of the API, such as http://127.0.0.1:8787.
	Endpoint string
	// HTTP sends the requests.
	HTTP *http.Client
	// Patience is how long a request is retried; 5 s by default.
	Patience time.Duration
	// Attempt bounds one attempt; 40 s by default, since an HTTP API answers
	// within 30 s.
	Attempt time.Duration
	// Random returns the jitter, in [0, 1).
	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration) error
	Random func() float64
	// Retrying is called before every retry, with the failure.
	Retrying func(err error)
}

const (
	defaultPatience = 5 * time.Second
	defaultAttempt  = 40 * time.Second
	// refusedPatience bounds the retries while every connection is refused and
	// nothing has ever answered: nobody may be there.
	refusedPatience = 5 * time.Second
	// connections bounds the idle connections; a sender uses fewer.
	connections = 32
)

// Client calls the API. It is safe for concurrent use.
type Client struct {
	options Options
	base    string
	// answered is set once anything has answered.
	answered atomic.Bool
}

// New returns a client. It fails if the endpoint is not an http or https URL.
func New(options Options) (*Client, error) {
	u, err := url.Parse(options.Endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("endpoint %q is not an http or https URL, such as http://127.0.0.1:8787", options.Endpoint)
	}
	if options.HTTP == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConns, transport.MaxIdleConnsPerHost = connections, connections
		options.HTTP = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}
	}
	options.Patience = cmp.Or(options.Patience, defaultPatience)
	options.Attempt = cmp.Or(options.Attempt, defaultAttempt)
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Sleep == nil {
		options.Sleep = Sleep
	}
	if options.Random == nil {
		options.Random = rand.Float64
	}
	if options.Retrying == nil {
		options.Retrying = func(error) {}
	}
	return &Client{options: options, base: strings.TrimSuffix(options.Endpoint, "/")}, nil
}

// Endpoint is the address that requests go to.
func (c *Client) Endpoint() string { return c.base }

// Sleep waits for d or the end of ctx, whose error it returns.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
