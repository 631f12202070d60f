package wiring

import (
	"net/http"

	"reprise/pkg/aws/lambdahttp"
)

// HTTP returns a function that serves h behind the HTTP API.
func HTTP(h http.Handler) any { return lambdahttp.Serve(h) }
