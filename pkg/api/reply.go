package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
)

// reply is the answer to a request.
type reply struct {
	status int
	// header is sent with the answer; Content-Type is application/json unless
	// it says otherwise.
	header map[string]string
	// body is encoded as JSON, unless it is verbatim.
	body any
}

// answer is a reply that caches must not store.
func answer(status int, body any) reply {
	return reply{status: status, header: map[string]string{"Cache-Control": "no-store"}, body: body}
}

// write encodes the body without escaping it for HTML, so that events and states
// keep their bytes. On an error nothing was written.
func (a reply) write(w http.ResponseWriter) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if raw, ok := a.body.(verbatim); ok {
		_, _ = text.Write(raw) // never fails
	} else if err := encoder.Encode(a.body); err != nil {
		return fmt.Errorf("encode response: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(text.Bytes()) // it fails only if the client is gone
	return nil
}

// Write answers with a problem document.
func (p *Problem) Write(w http.ResponseWriter) {
	header := map[string]string{"Content-Type": "application/problem+json"}
	if p.RetryAfter > 0 {
		header["Retry-After"] = strconv.Itoa(p.RetryAfter)
	}
	maps.Copy(header, p.headers)
	_ = reply{p.Status, header, p}.write(w) // strings and numbers can always be encoded
}

// Forbid answers a request from another machine to the platform on one machine.
func Forbid(w http.ResponseWriter) {
	problem(http.StatusForbidden, "not-from-here",
		"the platform on one machine answers only requests from this machine: send them to a loopback address").Write(w)
}
