package client

import (
	"net/http"
	"strings"
	"time"

	"reprise/pkg/api/web"
)

// Credentials are the kinds of credentials that a request can carry.
type Credentials string

// The kinds of credentials.
const (
	NoCredentials Credentials = "none"
	Token         Credentials = "token"
	Signature     Credentials = "aws"
)

// Denied says that what guards the API refused a request for its credentials.
type Denied struct {
	Problem *web.Problem
	// With is what the request carried.
	With Credentials
	// Skew is how far this machine's clock is ahead of the server's, 0 if unknown.
	Skew time.Duration
}

func (e *Denied) Error() string { return e.Problem.Error() }

// Unwrap returns the answer.
func (e *Denied) Unwrap() error { return e.Problem }

// deny returns nil unless the answer comes from what guards the API: the platform's
// own problems have a type.
func deny(response *http.Response, problem *web.Problem, now time.Time) *Denied {
	refused := problem.Status == http.StatusUnauthorized || problem.Status == http.StatusForbidden
	if !refused || problem.Type != "" {
		return nil
	}
	d := &Denied{Problem: problem, With: credentialsOf(response.Request)}
	if at, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		d.Skew = now.Sub(at)
	}
	return d
}

func credentialsOf(r *http.Request) Credentials {
	kind, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch kind {
	case "":
		return NoCredentials
	case "Bearer":
		return Token
	}
	return Signature
}
