package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
)

// Reply is the answer to a request.
type Reply struct {
	Status int
	// Header is sent with the answer; Content-Type is application/json unless
	// it says otherwise.
	Header map[string]string
	// Body is encoded as JSON, unless it is Verbatim.
	Body any
}

// Answer returns a reply that caches must not store.
func Answer(status int, body any) Reply {
	return Reply{Status: status, Header: map[string]string{"Cache-Control": "no-store"}, Body: body}
}

// Encode returns the text of the body.
func (a Reply) Encode() ([]byte, error) {
	if raw, ok := a.Body.(Verbatim); ok {
		return raw, nil
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(a.Body); err != nil {
		return nil, fmt.Errorf("encode response: %w", err)
	}
	return text.Bytes(), nil
}

// write encodes the body without escaping it for HTML, so that events and states
// keep their bytes. On an error nothing was written.
func (a Reply) write(w http.ResponseWriter) error {
	text, err := a.Encode()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	for name, value := range a.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(text) // it fails only if the client is gone
	return nil
}

// Write answers with a problem document.
func (p *Problem) Write(w http.ResponseWriter) {
	header := map[string]string{"Content-Type": "application/problem+json"}
	if p.RetryAfter > 0 {
		header["Retry-After"] = strconv.Itoa(p.RetryAfter)
	}
	maps.Copy(header, p.Headers)
	_ = Reply{p.Status, header, p}.write(w) // strings and numbers can always be encoded
}

// Forbid answers a request from another machine to the platform on one machine.
func Forbid(w http.ResponseWriter) {
	NewProblem(http.StatusForbidden, "not-from-here",
		"the platform on one machine answers only requests from this machine: send them to a loopback address").Write(w)
}

// Verbatim is a body that is sent as it is.
type Verbatim []byte
