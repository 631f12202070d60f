package emulate

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/api"
)

// The limits of a request; those of an HTTP API where it has any (30 s).
const (
	maxHeaderBytes = 32 << 10
	headerTimeout  = 5 * time.Second
	requestTimeout = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	// requestsAtOnce bounds the bodies in memory, each of which takes some six
	// times its size by the time its events are put. One more waits.
	requestsAtOnce = 6
)

// Function is a Lambda behind a route.
type Function func(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)

// Gateway makes API Gateway events (HTTP API, payload version 2.0) of HTTP
// requests of this machine.
type Gateway struct {
	mux   *http.ServeMux
	slots chan struct{}
	log   *slog.Logger
}

// NewGateway makes a gateway that answers 404 until it has routes.
func NewGateway(log *slog.Logger) *Gateway {
	g := &Gateway{mux: http.NewServeMux(), slots: make(chan struct{}, requestsAtOnce), log: log}
	g.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { writeProblem(w, http.StatusNotFound) })
	return g
}

// Route serves a route key such as "GET /entities/{id}" by a function.
func (g *Gateway) Route(key string, f Function) {
	g.mux.HandleFunc(key, func(w http.ResponseWriter, r *http.Request) {
		if !fromThisMachine(r) {
			writeProblem(w, http.StatusForbidden)
			return
		}
		select {
		case g.slots <- struct{}{}:
			defer func() { <-g.slots }()
		case <-r.Context().Done():
			return
		}
		g.serve(w, r, key, f)
	})
}

// fromThisMachine refuses what a web page of elsewhere would send: one that has
// made its name point here (DNS rebinding), or that posts across origins.
func fromThisMachine(r *http.Request) bool {
	if !IsLoopback(r.Host) {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	parsed, err := url.Parse(origin)
	return err == nil && IsLoopback(parsed.Host)
}

// IsLoopback reports whether an address, with a port or without, is one of this
// machine that no other machine reaches.
func IsLoopback(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = strings.Trim(hostPort, "[]")
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, key string, f Function) {
	request, status := toEvent(w, r, key)
	if status != 0 {
		writeProblem(w, status)
		return
	}
	answer, err := f(r.Context(), request)
	if err != nil {
		g.log.LogAttrs(r.Context(), slog.LevelError, "function failed", slog.String("route", key), slog.String("error", err.Error()))
		writeProblem(w, http.StatusInternalServerError)
		return
	}
	write(w, answer)
}

// toEvent reads a request whole. A status other than 0 says why it cannot be
// handed on.
func toEvent(w http.ResponseWriter, r *http.Request, key string) (events.APIGatewayV2HTTPRequest, int) {
	var body bytes.Buffer
	// What a request says of its length spares copies, where that is allowed.
	body.Grow(int(max(0, min(r.ContentLength, api.MaxBodyBytes))) + bytes.MinRead)
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, api.MaxBodyBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return events.APIGatewayV2HTTPRequest{}, http.StatusRequestEntityTooLarge
	case err != nil:
		return events.APIGatewayV2HTTPRequest{}, http.StatusBadRequest
	}
	request := events.APIGatewayV2HTTPRequest{
		Version:               "2.0",
		RouteKey:              key,
		RawPath:               r.URL.Path,
		RawQueryString:        r.URL.RawQuery,
		Headers:               make(map[string]string, len(r.Header)),
		QueryStringParameters: make(map[string]string),
		PathParameters:        pathParameters(r, key),
	}
	for name, values := range r.Header {
		request.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	for name, values := range r.URL.Query() {
		request.QueryStringParameters[name] = strings.Join(values, ",")
	}
	request.RequestContext.HTTP.Method = r.Method
	request.RequestContext.HTTP.Path = r.URL.Path
	if textual(r.Header.Get("Content-Type")) {
		request.Body = body.String()
	} else {
		request.Body, request.IsBase64Encoded = base64.StdEncoding.EncodeToString(body.Bytes()), true
	}
	return request, 0
}

// textual reports whether an HTTP API hands a body on as it is; all else
// arrives as base64.
func textual(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.TrimSpace(kind)
	return strings.HasPrefix(kind, "text/") || kind == "application/json" ||
		kind == "application/xml" || kind == "application/javascript"
}

func pathParameters(r *http.Request, key string) map[string]string {
	parameters := make(map[string]string)
	for _, part := range strings.Split(key, "/") {
		if name, found := strings.CutPrefix(part, "{"); found {
			name = strings.TrimSuffix(name, "}")
			parameters[name] = r.PathValue(name)
		}
	}
	return parameters
}

func write(w http.ResponseWriter, answer events.APIGatewayV2HTTPResponse) {
	for name, value := range answer.Headers {
		w.Header().Set(name, value)
	}
	body := []byte(answer.Body)
	if answer.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(answer.Body)
		if err != nil {
			writeProblem(w, http.StatusInternalServerError)
			return
		}
		body = decoded
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(body) // the client may be gone; nobody is left to tell
}

func writeProblem(w http.ResponseWriter, status int) {
	write(w, api.PlainProblem(status))
}

// Server returns the HTTP server of the gateway.
func (g *Gateway) Server() *http.Server {
	return &http.Server{
		Handler:           g.mux,
		MaxHeaderBytes:    maxHeaderBytes,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}
}
