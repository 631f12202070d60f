package local

import (
	"reprise/pkg/api"
	"reprise/pkg/local/emulate"
)

// gateway routes every request of the HTTP API to the handler that serves it
// on AWS.
func (p *Platform) gateway() *emulate.Gateway {
	g := emulate.NewGateway(p.options.Log)
	serve, load, imports := p.core.API(), p.core.Load(false), p.core.Load(true)
	for _, route := range api.Routes() {
		switch route.Key {
		case api.RouteEvents:
			g.Route(route.Key, load.Handle)
		case api.RouteImports:
			g.Route(route.Key, imports.Handle)
		default:
			g.Route(route.Key, serve.Handle)
		}
	}
	return g
}
