package wiring

import (
	"net/http"

	"reprise/pkg/aws/lambdahttp"
)

// HTTP is a function behind the HTTP API.
func HTTP(h http.Handler) any { return lambdahttp.Serve(h) }
