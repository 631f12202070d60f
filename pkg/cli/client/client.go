package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how to reach a platform. Endpoint or Find is required; the zero value
// of any other field means its default.
type Options struct {
	// Endpoint is the address of the API, such as http://127.0.0.1:8787.
	Endpoint string
	// Find returns the address if Endpoint is empty. It is called at the first
	// request, and again until it succeeds.
	Find func(ctx context.Context) (string, error)
	// Authorize adds credentials to a request, whose body is given. It is called
	// for every attempt.
	Authorize func(ctx context.Context, r *http.Request, body []byte) error
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
	refusedPatience = 3 * time.Second
	// connections bounds the idle connections; a sender uses fewer.
	connections = 32
)

// Client calls the API. It is safe for concurrent use.
type Client struct {
	// React says that imports may have external systems called. It is set before the
	// client is used.
	React   bool
	options Options
	mu      sync.Mutex
	base    string // "" until it is found
	// answered is set once anything has answered.
	answered atomic.Bool
}

// New returns a client. It fails if the endpoint is not an http or https URL.
func New(options Options) (*Client, error) {
	c := &Client{}
	if options.Endpoint != "" || options.Find == nil {
		base, err := checkEndpoint(options.Endpoint)
		if err != nil {
			return nil, err
		}
		c.base = base
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
	if options.Authorize == nil {
		options.Authorize = func(context.Context, *http.Request, []byte) error { return nil }
	}
	c.options = options
	return c, nil
}

// checkEndpoint returns an endpoint without a slash at its end. An error shows the
// endpoint only if it can contain no secret.
func checkEndpoint(endpoint string) (string, error) {
	const form = "an http or https URL, such as http://127.0.0.1:8787"
	u, err := url.Parse(endpoint)
	switch {
	case err == nil && u.User != nil:
		return "", errors.New("the endpoint must not contain a user name or password: give a token instead")
	case err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.Fragment == "":
		return strings.TrimSuffix(endpoint, "/"), nil
	case strings.ContainsAny(endpoint, "@?#%"):
		return "", errors.New("the endpoint is not " + form + ", without a query")
	}
	return "", fmt.Errorf("endpoint %q is not %s", endpoint, form)
}

// Endpoint is the address that requests go to, "" until it is found.
func (c *Client) Endpoint() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base
}

// endpoint finds the address that requests go to.
func (c *Client) endpoint(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.base != "" {
		return c.base, nil
	}
	found, err := c.options.Find(ctx)
	if err == nil {
		c.base, err = checkEndpoint(found)
	}
	return c.base, err
}

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
