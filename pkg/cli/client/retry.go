package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/cli/printable"
)

// Unreachable says that no answer came from the endpoint.
type Unreachable struct {
	Endpoint string
	Err      error
}

func (e *Unreachable) Error() string { return fmt.Sprintf("no answer from %s: %v", e.Endpoint, e.Err) }

// Unwrap returns what went wrong below HTTP.
func (e *Unreachable) Unwrap() error { return e.Err }

const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 5 * time.Second
	// longestWait bounds the wait that a Retry-After can ask for.
	longestWait = 30 * time.Second
	// maxResponse bounds a response's body.
	maxResponse = 64 << 20
)

// call is one request, which may be sent several times: repeating a request is
// harmless on every route of the API.
type call struct {
	method, path string
	header       http.Header
	body         []byte
}

// do sends a call until it has a final answer, and decodes that answer. It retries
// failed connections, 429 and 5xx until the client's patience ends, which is short
// while nothing has ever answered and every connection is refused. Errors are
// *web.Problem, *Unreachable, or that of ctx.
func (c *Client) do(ctx context.Context, request call, into any) error {
	base, err := c.endpoint(ctx)
	if err != nil {
		return err
	}
	start := c.options.Now()
	backoff := firstBackoff
	for {
		wait, err := c.attempt(ctx, base, request, into)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if wait < 0 || c.options.Now().Sub(start) >= c.patience(err) {
			return err
		}
		// Half of the wait is random, so that clients do not retry all at once.
		wait = max(wait, time.Duration((0.5+c.options.Random()/2)*float64(backoff)))
		backoff = min(2*backoff, lastBackoff)
		c.options.Retrying(err)
		if err := c.options.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// patience is how long to retry after err.
func (c *Client) patience(err error) time.Duration {
	if errors.Is(err, syscall.ECONNREFUSED) && !c.answered.Load() {
		return min(c.options.Patience, refusedPatience)
	}
	return c.options.Patience
}

// attempt sends a call once. wait is the shortest wait before another attempt,
// negative where another attempt cannot help.
func (c *Client) attempt(ctx context.Context, base string, request call, into any) (wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Attempt)
	defer cancel()
	response, raw, err := c.exchange(ctx, base, request)
	if _, unreachable := errors.AsType[*Unreachable](err); unreachable {
		return 0, err
	}
	if err != nil {
		return -1, err
	}
	if response.StatusCode/100 != 2 {
		return judge(response, raw, c.options.Now())
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return -1, fmt.Errorf("the answer of %s is not one of the API: check that this is the platform's address", base)
	}
	return 0, nil
}

// exchange sends a call once and reads the whole answer. Errors are *Unreachable, or
// those of the request and its credentials.
func (c *Client) exchange(ctx context.Context, base string, of call) (*http.Response, []byte, error) {
	r, err := c.request(ctx, base, of)
	if err != nil {
		return nil, nil, err
	}
	response, err := c.options.HTTP.Do(r)
	if err != nil {
		return nil, nil, &Unreachable{base, plain(err)}
	}
	defer func() { _ = response.Body.Close() }()
	c.answered.Store(true)
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
	if err != nil {
		return nil, nil, &Unreachable{base, plain(err)}
	}
	return response, raw, nil
}

// problemOf returns the problem in an answer that is not a success.
func problemOf(response *http.Response, raw []byte) *web.Problem {
	problem := &web.Problem{}
	if json.Unmarshal(raw, problem) != nil || problem.Detail == "" {
		problem = &web.Problem{Detail: "the server answered " + response.Status}
	}
	problem.Status = response.StatusCode
	return problem
}

// request builds a call's request, with credentials.
func (c *Client) request(ctx context.Context, base string, of call) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, of.method, base+of.path, bytes.NewReader(of.body))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	for name, values := range of.header {
		r.Header[name] = values
	}
	if err := c.options.Authorize(ctx, r, of.body); err != nil {
		return nil, err
	}
	return r, nil
}

// plain removes the method and URL that http.Client puts before an error, and the
// addresses that package net does: the endpoint is named once, and the same failure
// has the same text each time.
func plain(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if wrapped, ok := errors.AsType[*net.OpError](err); ok {
		err = wrapped.Err
	}
	return err
}

// judge returns the problem in an answer that is not a success, and says whether
// another attempt can help.
func judge(response *http.Response, raw []byte, now time.Time) (wait time.Duration, err error) {
	problem := problemOf(response, raw)
	problem.Detail = printable.Cell(problem.Detail) // part of a message in one line
	if denied := deny(response, problem, now); denied != nil {
		return -1, denied
	}
	wait, asked := retryAfter(response.Header.Get("Retry-After"), now)
	switch {
	case problem.Status == http.StatusTooManyRequests,
		problem.Status >= 500 && problem.Status != http.StatusServiceUnavailable:
		return wait, problem
	case problem.Status == http.StatusServiceUnavailable && (asked || problem.Type == ""):
		// Without Retry-After, the platform's own 503 means that somebody must act.
		return wait, problem
	}
	return -1, problem
}

func retryAfter(text string, now time.Time) (wait time.Duration, asked bool) {
	if text == "" {
		return 0, false
	}
	if seconds, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), longestWait), true
}
