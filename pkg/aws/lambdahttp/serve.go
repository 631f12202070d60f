package lambdahttp

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
)

// Serve returns a function that calls a handler, which must be safe for concurrent
// use. The function's error is always nil.
//
// The request's path is the route's key with the path's parameters filled in. API
// Gateway's own path is decoded: there, "a%2Fb" and "a/b" are the same. A header has
// one value, unchanged, in which API Gateway has joined all values with commas. If
// API Gateway calls a body base64 and it is not, reading it fails with a
// base64.CorruptInputError. If a body is text with the character U+FFFD, reading it
// fails with event.ErrReplaced: the encoder of the function's event may have put it
// in place of other bytes. web.Caller is who API Gateway says the caller is: the ARN of
// a signed request, or the subject of a token.
func Serve(
	h http.Handler,
) func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return func(ctx context.Context, event events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		w := &answer{header: http.Header{}}
		h.ServeHTTP(w, request(ctx, &event))
		return w.event(), nil
	}
}

func request(ctx context.Context, event *events.APIGatewayV2HTTPRequest) *http.Request {
	method, path := target(event)
	header := make(http.Header, len(event.Headers))
	for name, value := range event.Headers {
		header.Set(name, value)
	}
	body, length := body(event)
	r := &http.Request{
		Method:        method,
		URL:           path,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          io.NopCloser(body),
		ContentLength: length,
		Host:          event.RequestContext.DomainName,
		RemoteAddr:    event.RequestContext.HTTP.SourceIP,
	}
	return r.WithContext(web.WithCaller(ctx, caller(event)))
}

// caller is who API Gateway has authenticated, "" if nobody.
func caller(event *events.APIGatewayV2HTTPRequest) string {
	switch by := event.RequestContext.Authorizer; {
	case by == nil:
		return ""
	case by.IAM != nil:
		return by.IAM.UserARN
	case by.JWT != nil:
		return by.JWT.Claims["sub"]
	}
	return ""
}

// target is what is asked for. Only the route $default lacks a method and path.
func target(event *events.APIGatewayV2HTTPRequest) (method string, to *url.URL) {
	to = &url.URL{Path: event.RawPath, RawQuery: event.RawQueryString}
	method, path, found := strings.Cut(event.RouteKey, " ")
	if !found {
		return event.RequestContext.HTTP.Method, to
	}
	for name, value := range event.PathParameters {
		path = strings.Replace(path, "{"+name+"}", escape(value), 1)
	}
	if decoded, err := url.PathUnescape(path); err == nil {
		to.Path, to.RawPath = decoded, path
	}
	return method, to
}

// escape writes any value as one segment of a path; even ".." does not lead up.
func escape(value string) string { return strings.ReplaceAll(url.PathEscape(value), ".", "%2E") }

func body(req *events.APIGatewayV2HTTPRequest) (body io.Reader, length int64) {
	if !req.IsBase64Encoded {
		if strings.Contains(req.Body, string(utf8.RuneError)) {
			return corrupt{event.ErrReplaced}, -1
		}
		return strings.NewReader(req.Body), int64(len(req.Body))
	}
	raw, err := base64.StdEncoding.DecodeString(req.Body)
	if err != nil {
		return corrupt{err}, -1
	}
	return bytes.NewReader(raw), int64(len(raw))
}

// corrupt is a body that cannot be read.
type corrupt struct{ err error }

func (c corrupt) Read([]byte) (int, error) { return 0, c.err }

// answer holds the answer of a handler in memory.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(part []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(part)
}

// event returns the answer in API Gateway's JSON, with a body that is not text as
// base64.
func (a *answer) event() events.APIGatewayV2HTTPResponse {
	a.WriteHeader(http.StatusOK)
	event := events.APIGatewayV2HTTPResponse{StatusCode: a.status, Headers: make(map[string]string, len(a.header))}
	for name, values := range a.header {
		event.Headers[name] = strings.Join(values, ",")
	}
	if event.IsBase64Encoded = !utf8.Valid(a.body.Bytes()); event.IsBase64Encoded {
		event.Body = base64.StdEncoding.EncodeToString(a.body.Bytes())
	} else {
		event.Body = a.body.String()
	}
	return event
}
