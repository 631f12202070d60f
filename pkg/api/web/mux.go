package web

import (
	"net/http"
	"strings"
)

// Part adds its routes to a mux.
type Part interface{ AddTo(mux *http.ServeMux) }

// NewMux serves the routes of all parts, and answers unknown routes with a problem
// document of status 404.
func NewMux(parts ...Part) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc(anything, func(w http.ResponseWriter, r *http.Request) { noRoute(mux, r).Write(w) })
	for _, part := range parts {
		part.AddTo(mux)
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
		return NewProblem(http.StatusNotFound, "no-route", "there is no such route: openapi.yaml lists them all")
	}
	allow := strings.Join(allowed, ", ")
	p := NewProblem(http.StatusMethodNotAllowed, "method-not-allowed", "this path takes only "+allow)
	p.Headers = map[string]string{"Allow": allow}
	return p
}
