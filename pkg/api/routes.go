package api

import (
	"log/slog"
	"net/http"
)

// Group is the permission that a route needs. On AWS each is a separate policy.
type Group string

// The groups.
const (
	// Produce allows sending events.
	Produce Group = "produce"
	// Operate allows importing, replaying and wiping.
	Operate Group = "operate"
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
	serve func(*API, *http.Request) (reply, error)
}

// The routes that a Load serves, RouteImports if KeepTime is set. An API serves
// the others.
const (
	RouteEvents  = "POST /events"
	RouteImports = "POST /imports"
)

const serveAPI = "serve-api"

// Routes returns every route of the HTTP API. There are no others.
func Routes() []Route {
	return []Route{
		{RouteEvents, Produce, "load-events", nil},
		{RouteImports, Operate, "import-events", nil},
		{"POST /replays", Operate, serveAPI, (*API).startReplay},
		{"POST /replays/{id}/cancel", Operate, serveAPI, (*API).cancelReplay},
		{"POST /state/wipe", Operate, serveAPI, (*API).wipe},
		{"GET /entities/{id}", Audit, serveAPI, (*API).getEntity},
		{"GET /entities/{id}/events", Audit, serveAPI, (*API).getHistory},
		{"GET /rows", Audit, serveAPI, (*API).getRows},
		{"GET /lanes", Audit, serveAPI, (*API).getLanes},
		{"GET /status", Audit, serveAPI, (*API).getStatus},
		{"GET /generations", Audit, serveAPI, (*API).getGenerations},
		{"GET /replays", Audit, serveAPI, (*API).listReplays},
		{"GET /replays/{id}", Audit, serveAPI, (*API).getReplay},
	}
}

// New serves every route; only imports must have KeepTime set. The handler is
// safe for concurrent use, and answers unknown routes with a problem document of
// status 404.
func New(events, imports *Load, a *API) http.Handler {
	mux := newMux()
	events.addTo(mux)
	imports.addTo(mux)
	a.addTo(mux)
	return mux
}

// Handler serves POST /imports where KeepTime is set, otherwise POST /events.
func (h *Load) Handler() http.Handler {
	mux := newMux()
	h.addTo(mux)
	return mux
}

// Handler serves every route except those of Load.
func (a *API) Handler() http.Handler {
	mux := newMux()
	a.addTo(mux)
	return mux
}

func newMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		problem(http.StatusNotFound, "no-route", "there is no such route: openapi.yaml lists them all").write(w)
	})
	return mux
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
		if route.serve == nil {
			continue
		}
		mux.Handle(route.Pattern, endpoint{
			serve: func(r *http.Request) (reply, error) { return route.serve(a, r) },
			log:   a.Log,
		})
	}
}

// endpoint serves one route.
type endpoint struct {
	// serve reads a request and acts on it. problemFor turns its errors into
	// answers.
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
		problemFor(r, e.log, err).write(w)
	}
}
