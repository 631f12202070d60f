package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
)

// reply is what a request is answered with.
type reply struct {
	status int
	// header goes with the answer; Content-Type is application/json where it
	// says nothing else.
	header map[string]string
	// body is encoded as JSON.
	body any
}

// answer shows what the platform has at this moment.
func answer(status int, body any) reply {
	return reply{status: status, header: map[string]string{"Cache-Control": "no-store"}, body: body}
}

// write encodes without escaping for HTML, so that events and states keep their
// bytes. On an error nothing was written.
func (a reply) write(w http.ResponseWriter) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(a.body); err != nil {
		return fmt.Errorf("encode response: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(text.Bytes()) // the client may be gone; nobody is left to tell
	return nil
}

// write answers with a problem document.
func (p *Problem) write(w http.ResponseWriter) {
	header := map[string]string{"Content-Type": "application/problem+json"}
	if p.RetryAfter > 0 {
		header["Retry-After"] = strconv.Itoa(p.RetryAfter)
	}
	maps.Copy(header, p.headers)
	_ = reply{p.Status, header, p}.write(w) // texts and numbers can be encoded
}

// Forbid answers a request that another machine has sent to the platform of one
// machine.
func Forbid(w http.ResponseWriter) {
	problem(http.StatusForbidden, "not-from-here",
		"the platform on one machine answers requests of this machine only: name it by a loopback address").write(w)
}
