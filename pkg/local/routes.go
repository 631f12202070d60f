package local

import (
	"net/http"

	"reprise/pkg/api"
)

// handler serves the HTTP API.
func (p *Platform) handler() http.Handler {
	return api.New(p.core.Load(false), p.core.Load(true), p.core.API())
}
