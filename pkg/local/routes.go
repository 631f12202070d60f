package local

import (
	"net/http"

	"reprise/pkg/api"
)

// Handler serves the HTTP API, without the limits of a server. It is safe for
// concurrent use until the platform is closed.
func (p *Platform) Handler() http.Handler {
	return api.New(p.core.Load(false), p.core.Load(true), p.core.API())
}
