package httpsystem

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"reprise/pkg/gateway"
)

// The headers of a call.
const (
	// KeyHeader is the idempotency key of an update.
	KeyHeader = "Idempotency-Key"
	// AsOfHeader is the time that a query is asked about, as RFC 3339 in UTC.
	AsOfHeader = "As-Of"
)

const (
	// connections bounds the open connections to one system: calls beyond that wait, and
	// their time runs meanwhile. A platform on one machine works on about as many entities at
	// a time.
	connections = 128
	// idle is how long an unused connection is kept. It is short, since a function on AWS
	// may stand still between two events while the other side closes its connections.
	idle = 15 * time.Second
	// maxHeaders bounds the headers of an answer.
	maxHeaders = 64 << 10
)

// System is a system at one address. It is safe for concurrent use.
type System struct {
	endpoint *url.URL
	pooled   *http.Client
	// fresh uses a connection for one call only. A pooled one that the other side has
	// closed meanwhile may break after the call was written, which leaves it in doubt; and
	// so may one of HTTP/2, which net/http gives to other calls that wait meanwhile, also
	// without keep-alives, and closes after the first.
	fresh *http.Client
}

var _ gateway.System = (*System)(nil)

// New makes a System for an address such as https://payments.example/v1. It makes no
// connection, and returns ErrAddress.
func New(endpoint string) (*System, error) {
	u, err := parse(endpoint)
	if err != nil {
		return nil, err
	}
	return &System{endpoint: u, pooled: client(false), fresh: client(true)}, nil
}

func client(fresh bool) *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(!fresh)
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: gateway.MaxTimeout}).DialContext,
			TLSHandshakeTimeout:    gateway.MaxTimeout,
			Protocols:              &protocols,
			DisableKeepAlives:      fresh,
			MaxConnsPerHost:        connections,
			MaxIdleConns:           connections,
			MaxIdleConnsPerHost:    connections,
			IdleConnTimeout:        idle,
			MaxResponseHeaderBytes: maxHeaders,
		},
		// A redirect could carry a call to another host, and turn an update into a question.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Do implements gateway.System. Its errors have nothing of the body, of the answer or of
// the address but host and port.
func (s *System) Do(ctx context.Context, r *gateway.Request) ([]byte, error) {
	if len(r.Body) > gateway.MaxBytes {
		return nil, gateway.ErrTooLarge
	}
	come := new(progress)
	req, err := s.request(ctx, r, come)
	if err != nil {
		return nil, err
	}
	client := s.pooled
	if r.Call.AtMostOnce {
		client = s.fresh
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, broken(ctx, err, come)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, gateway.MaxBytes+1))
	if err != nil {
		return nil, broken(ctx, err, come)
	}
	return read(r.Call.Kind, resp, body)
}

// onceReader hides the bytes from net/http, which would else send an update with an
// idempotency key a second time by itself after a connection broke. Only package effects
// repeats calls, since it knows which may be repeated, and counts attempts.
type onceReader struct{ io.Reader }

// progress is how far a call has come.
type progress struct{ dialed, connected atomic.Bool }

func (s *System) request(ctx context.Context, r *gateway.Request, come *progress) (*http.Request, error) {
	body := r.Body
	if len(body) == 0 {
		body = []byte("null")
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { come.dialed.Store(true) },
		ConnectStart: func(string, string) { come.dialed.Store(true) },
		GotConn:      func(httptrace.GotConnInfo) { come.connected.Store(true) },
	})
	target := s.endpoint.JoinPath(r.Call.Name).String()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, onceReader{bytes.NewReader(body)})
	if err != nil { // its text has the address
		return nil, fmt.Errorf("%w: no request can be made for it", ErrAddress)
	}
	req.ContentLength = int64(len(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "reprise")
	if r.Key != "" {
		req.Header.Set(KeyHeader, r.Key)
	}
	if r.Call.AsOf {
		req.Header.Set(AsOfHeader, r.At.UTC().Format(time.RFC3339Nano))
	}
	return req, nil
}

// read tells what an answer means.
func read(kind gateway.Kind, resp *http.Response, body []byte) ([]byte, error) {
	tooLarge := len(body) > gateway.MaxBytes
	status := resp.StatusCode
	switch {
	case status >= 200 && status < 300:
	case status >= 400 && status < 500 && !passing[status]:
		if tooLarge {
			body = nil
		}
		return nil, &gateway.Declined{Status: status, Answer: body}
	default:
		return nil, &statusError{status}
	}
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case tooLarge:
		return nil, gateway.ErrTooLarge
	case err == nil && media == "text/html":
		return nil, errPage
	case kind == gateway.Asking && !json.Valid(body):
		return nil, errNoJSON
	}
	return body, nil
}

var (
	errBroken  = errors.New("the connection broke before the whole answer came")
	errCrowded = errors.New("all connections to the system were in use until the time was over")
	errPage    = errors.New("the answer is a web page, as of a proxy or a login, and not that of the system")
	errNoJSON  = errors.New("the answer to the query is not JSON")
)

// passing are the statuses of 4xx that say nothing about the call itself, but about the way
// to the system, the credentials or the moment: they pass once somebody mends that, or with
// time. To record them as final would lose the call.
var passing = map[int]bool{
	http.StatusUnauthorized: true, http.StatusForbidden: true, http.StatusNotFound: true,
	http.StatusMethodNotAllowed: true, http.StatusProxyAuthRequired: true, http.StatusMisdirectedRequest: true,
	http.StatusTooEarly: true, http.StatusTooManyRequests: true,
	// These may come while another attempt with the same key is being performed.
	http.StatusRequestTimeout: true, http.StatusConflict: true, http.StatusLocked: true,
}

// undone are the passing statuses after which the call certainly did not happen.
var undone = map[int]bool{
	http.StatusUnauthorized: true, http.StatusForbidden: true, http.StatusNotFound: true,
	http.StatusMethodNotAllowed: true, http.StatusProxyAuthRequired: true, http.StatusMisdirectedRequest: true,
	http.StatusTooEarly: true, http.StatusTooManyRequests: true,
}

// statusError is an answer that is none of the system's own, or one that may pass.
type statusError struct{ status int }

func (e *statusError) Error() string {
	switch {
	case e.status >= 300 && e.status < 400:
		return fmt.Sprintf("the system answered with a redirect (status %d), which is not followed", e.status)
	case e.status == http.StatusUnauthorized || e.status == http.StatusForbidden:
		return fmt.Sprintf("the system wants other credentials (status %d)", e.status)
	case e.status == http.StatusNotFound || e.status == http.StatusMethodNotAllowed:
		return fmt.Sprintf("the system does not know the call under its address (status %d)", e.status)
	}
	return fmt.Sprintf("the system answered with status %d", e.status)
}

// Is reports gateway.ErrNotSent for statuses after which the call certainly did not happen.
func (e *statusError) Is(target error) bool { return target == gateway.ErrNotSent && undone[e.status] }

// broken is the error of a call without a whole answer. The text of net/http's error may
// have the address and bytes of the answer, so it is left out but for connecting.
func broken(ctx context.Context, err error, come *progress) error {
	var timeout interface{ Timeout() bool }
	cause, connected := errBroken, come.connected.Load()
	switch {
	case !connected && !come.dialed.Load() && errors.Is(ctx.Err(), context.DeadlineExceeded):
		// Others were before it: that is no silence of the system.
		cause = errCrowded
	case ctx.Err() != nil:
		cause = ctx.Err()
	case errors.As(err, &timeout) && timeout.Timeout():
		cause = context.DeadlineExceeded
	case !connected:
		cause = connecting(err)
	}
	if connected {
		return fmt.Errorf("await answer: %w", cause)
	}
	return fmt.Errorf("connect: %w: %w", gateway.ErrNotSent, cause)
}

// connecting is why no connection could be made.
func connecting(err error) error {
	if lookup, is := errors.AsType[*net.DNSError](err); is {
		return lookup
	}
	if dial, is := errors.AsType[*net.OpError](err); is {
		return dial
	}
	return errors.New("no connection could be made")
}
