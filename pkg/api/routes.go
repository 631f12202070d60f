package api

import (
	"log/slog"
	"net/http"
	"strings"
)

// Group is the permission that a route needs. On AWS each is a separate policy.
type Group string

// The groups.
const (
	// Produce allows sending events.
	Produce Group = "produce"
	// Operate allows importing, replaying and wiping.
	Operate Group = "operate"
	// Correct allows appending corrections to the log.
	Correct Group = "correct"
	// Audit allows reading everything and changing nothing.
	Audit Group = "audit"
)

// Route is one route of the HTTP API.
type Route struct {
	// Pattern is the method and the path, such as "GET /entities/{id}".
	// http.ServeMux and API Gateway use the same form.
	Pattern string
	Group   Group
	// Function is the folder of the Lambda function that serves the route.
	Function string
	// serve is nil for the routes that a Load serves.
	serve handler
}

// handler reads a request and acts on it. problemFor turns its errors into answers.
type handler func(*API, *http.Request) (reply, error)

// plain makes a handler refuse all parameters.
func plain(serve handler) handler {
	return func(a *API, r *http.Request) (reply, error) {
		if err := newQuery(r).err(); err != nil {
			return reply{}, err
		}
		return serve(a, r)
	}
}

// The routes that a Load serves, RouteImports if KeepTime is set. An API serves
// the others.
const (
	RouteEvents  = "POST /events"
	RouteImports = "POST /imports"
)

const serveAPI = "serve-api"

// Routes returns every route of the HTTP API. On AWS there are no others.
func Routes() []Route {
	return []Route{
		{RouteEvents, Produce, "load-events", nil},
		{RouteImports, Operate, "import-events", nil},
		{"POST /replays", Operate, serveAPI, plain((*API).startReplay)},
		{"POST /replays/{id}/cancel", Operate, serveAPI, plain((*API).cancelReplay)},
		{"POST /state/wipe", Operate, serveAPI, plain((*API).wipe)},
		{"POST /entities/{id}/skip", Correct, serveAPI, plain((*API).skip)},
		{"GET /entities/{id}", Audit, serveAPI, (*API).getEntity},
		{"GET /entities/{id}/events", Audit, serveAPI, (*API).getHistory},
		{"GET /rows", Audit, serveAPI, (*API).getRows},
		{"GET /parked", Audit, serveAPI, (*API).getParked},
		{"GET /quarantine", Audit, serveAPI, (*API).getQuarantine},
		{"GET /lanes", Audit, serveAPI, plain((*API).getLanes)},
		{"GET /status", Audit, serveAPI, plain((*API).getStatus)},
		{"GET /generations", Audit, serveAPI, plain((*API).getGenerations)},
		{"GET /replays", Audit, serveAPI, (*API).listReplays},
		{"GET /replays/{id}", Audit, serveAPI, plain((*API).getReplay)},
	}
}

// New serves every route; only imports must have KeepTime set. The handler is
// safe for concurrent use, and answers unknown routes with a problem document of
// status 404.
func New(events, imports *Load, a *API) http.Handler { return newMux(events, imports, a) }

// NewLocal is New for a platform on one machine, which also serves LocalRoutes.
func NewLocal(events, imports *Load, a *API, playback *Playback) http.Handler {
	return newMux(events, imports, a, playback, description{a.Log})
}

// Handler serves POST /imports if KeepTime is set, otherwise POST /events.
func (h *Load) Handler() http.Handler { return newMux(h) }

// Handler serves every route except those of Load.
func (a *API) Handler() http.Handler { return newMux(a) }

func newMux(parts ...interface{ addTo(*http.ServeMux) }) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc(anything, func(w http.ResponseWriter, r *http.Request) { noRoute(mux, r).Write(w) })
	for _, part := range parts {
		part.addTo(mux)
	}
	return mux
}

// anything is the pattern of what no route serves.
const anything = "/"

// noRoute is the answer to a request that no route serves: 405 if the path is that of a
// route with another method.
func noRoute(mux *http.ServeMux, r *http.Request) *Problem {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != anything && pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return problem(http.StatusNotFound, "no-route", "there is no such route: openapi.yaml lists them all")
	}
	allow := strings.Join(allowed, ", ")
	p := problem(http.StatusMethodNotAllowed, "method-not-allowed", "this path takes only "+allow)
	p.headers = map[string]string{"Allow": allow}
	return p
}

func (h *Load) addTo(mux *http.ServeMux) {
	pattern := RouteEvents
	if h.KeepTime {
		pattern = RouteImports
	}
	mux.Handle(pattern, endpoint{h.receive, h.Log})
}

func (a *API) addTo(mux *http.ServeMux) {
	for _, route := range Routes() {
		if route.serve != nil {
			mux.Handle(route.Pattern, endpoint{func(r *http.Request) (reply, error) { return route.serve(a, r) }, a.Log})
		}
	}
}

// endpoint serves one route.
type endpoint struct {
	serve func(*http.Request) (reply, error)
	log   *slog.Logger
}

// ServeHTTP implements http.Handler.
func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, MaxBodyBytes)
	answer, err := e.serve(r)
	if err == nil {
		err = answer.write(w)
	}
	if err != nil {
		problemFor(r, e.log, err).Write(w)
	}
}
