package web

import (
	"log/slog"
	"net/http"
)

// Endpoint serves one route. ProblemFor turns the errors of Serve into answers.
type Endpoint struct {
	Serve func(*http.Request) (Reply, error)
	// Log receives internal errors, which no answer shows.
	Log *slog.Logger
}

// ServeHTTP implements http.Handler.
func (e Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, MaxBodyBytes)
	answer, err := e.Serve(r)
	if err == nil {
		err = answer.write(w)
	}
	if err != nil {
		ProblemFor(r, e.Log, err).Write(w)
	}
}
