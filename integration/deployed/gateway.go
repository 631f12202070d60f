package deployed

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"reprise/integration/lambdahost"
	"reprise/pkg/local/emulate"
)

// maxRequestBytes is API Gateway's limit for a body.
const maxRequestBytes = 10 << 20

type (
	request  = events.APIGatewayV2HTTPRequest
	response = events.APIGatewayV2HTTPResponse
)

// Function is a Lambda function behind a route.
type Function func(context.Context, request) (response, error)

// route is a function and what checks requests for it, an error of which is a refusal.
type route struct {
	call  Function
	check func(r *http.Request, body []byte) error
}

// gateway routes requests to functions as the templates say.
func (w *World) gateway() http.Handler {
	routes := make(map[string]route)
	for _, described := range w.options.Deployment.Routes {
		routes[described.Key] = route{
			call: func(ctx context.Context, req request) (response, error) {
				return invoke[response](ctx, w.Host, described.Function, req)
			},
			check: guard{route: described, policies: w.options.Deployment.Policies, now: time.Now}.check,
		}
	}
	return emulate.Server(newGateway(routes, w.log), nil, w.log).Handler
}

// NewGateway is an HTTP API without authorization. The keys of functions are routes
// such as "POST /events".
func NewGateway(functions map[string]Function, log *slog.Logger) http.Handler {
	routes := make(map[string]route)
	for key, call := range functions {
		routes[key] = route{call: call, check: func(*http.Request, []byte) error { return nil }}
	}
	return newGateway(routes, log)
}

// newGateway is an HTTP API: it turns requests into events (payload format 2.0) for
// the function of their route, and the function's answers into responses.
func newGateway(routes map[string]route, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { tell(w, http.StatusNotFound, "Not Found") })
	for key, to := range routes {
		mux.HandleFunc(key, func(w http.ResponseWriter, r *http.Request) { pass(w, r, to, log) })
	}
	return mux
}

func pass(w http.ResponseWriter, r *http.Request, to route, log *slog.Logger) {
	var body bytes.Buffer
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxRequestBytes)); err != nil {
		tell(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return
	}
	if err := to.check(r, body.Bytes()); err != nil {
		log.LogAttrs(r.Context(), slog.LevelInfo, "request refused", slog.String("error", err.Error()))
		tell(w, http.StatusForbidden, "Forbidden")
		return
	}
	answer, err := to.call(r.Context(), eventOf(r, &body))
	var throttled *lambdahost.ServiceError
	switch {
	case errors.As(err, &throttled):
		tell(w, http.StatusServiceUnavailable, "Service Unavailable")
		return
	case err != nil:
		log.LogAttrs(r.Context(), slog.LevelError, "function failed",
			slog.String("route", r.Pattern), slog.String("error", err.Error()))
		tell(w, http.StatusInternalServerError, "Internal Server Error")
		return
	}
	respond(w, answer)
}

// tell answers without a function.
func tell(w http.ResponseWriter, status int, message string) {
	respond(w, response{
		StatusCode: status,
		Body:       `{"message":"` + message + `"}`,
		Headers:    map[string]string{"Content-Type": "application/json"},
	})
}

// eventOf is the event of a request: with a decoded path, header names in lower case,
// values joined with commas, and most bodies in base64.
func eventOf(r *http.Request, body *bytes.Buffer) request {
	e := request{
		Version:               "2.0",
		RouteKey:              r.Pattern,
		RawPath:               r.URL.Path,
		RawQueryString:        r.URL.RawQuery,
		Headers:               make(map[string]string, len(r.Header)),
		QueryStringParameters: make(map[string]string),
		PathParameters:        pathParameters(r),
	}
	for name, values := range r.Header {
		e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	for name, values := range r.URL.Query() {
		e.QueryStringParameters[name] = strings.Join(values, ",")
	}
	e.RequestContext.HTTP.Method = r.Method
	e.RequestContext.HTTP.Path = r.URL.Path
	e.RequestContext.Authorizer = callerOf(r)
	if textual(r.Header.Get("Content-Type")) {
		e.Body = body.String()
	} else {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body.Bytes()), true
	}
	return e
}

// textual reports whether a body is passed on as it is, instead of as base64.
func textual(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.TrimSpace(kind)
	return strings.HasPrefix(kind, "text/") || kind == "application/json" ||
		kind == "application/xml" || kind == "application/javascript"
}

func pathParameters(r *http.Request) map[string]string {
	parameters := make(map[string]string)
	for part := range strings.SplitSeq(r.Pattern, "/") {
		if name, found := strings.CutPrefix(part, "{"); found {
			name = strings.TrimSuffix(name, "}")
			parameters[name] = r.PathValue(name)
		}
	}
	return parameters
}

func respond(w http.ResponseWriter, answer response) {
	for name, value := range answer.Headers {
		w.Header().Set(name, value)
	}
	body := []byte(answer.Body)
	if answer.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(answer.Body)
		if err != nil {
			tell(w, http.StatusInternalServerError, "Internal Server Error")
			return
		}
		body = decoded
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(body) // it fails only if the client is gone
}
