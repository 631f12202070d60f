package api

import (
	_ "embed"
	"log/slog"
	"net/http"
)

const routeDescription = "GET /openapi.yaml"

//go:embed openapi.yaml
var openapi []byte

// description serves the description of the HTTP API.
type description struct{ log *slog.Logger }

func (d description) addTo(mux *http.ServeMux) {
	mux.Handle(routeDescription, endpoint{func(r *http.Request) (reply, error) {
		if err := newQuery(r).err(); err != nil {
			return reply{}, err
		}
		return reply{
			status: http.StatusOK,
			header: map[string]string{"Content-Type": "application/yaml"},
			body:   verbatim(openapi),
		}, nil
	}, d.log})
}

// verbatim is a body that is sent as it is.
type verbatim []byte
