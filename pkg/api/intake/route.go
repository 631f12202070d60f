package intake

import (
	"net/http"

	"reprise/pkg/api/web"
)

// The routes that a Load serves, RouteImports if KeepTime is set.
const (
	RouteEvents  = "POST /events"
	RouteImports = "POST /imports"
)

// AddTo adds the route of h to a mux.
func (h *Load) AddTo(mux *http.ServeMux) {
	pattern := RouteEvents
	if h.KeepTime {
		pattern = RouteImports
	}
	mux.Handle(pattern, web.Endpoint{Serve: h.receive, Log: h.Log})
}

// Handler serves POST /imports if KeepTime is set, otherwise POST /events.
func (h *Load) Handler() http.Handler { return web.NewMux(h) }
