package api

import (
	_ "embed"
	"net/http"

	"reprise/pkg/api/web"
)

//go:embed openapi.yaml
var openapi []byte

// getDescription serves the description of the HTTP API.
func (a *API) getDescription(*http.Request) (web.Reply, error) {
	return web.Reply{
		Status: http.StatusOK,
		Header: map[string]string{"Content-Type": "application/yaml"},
		Body:   web.Verbatim(openapi),
	}, nil
}
