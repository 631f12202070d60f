package web

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"reprise/pkg/event"
	"reprise/pkg/event/strict"
)

// The limits of requests to an API.
const (
	// MaxBodyBytes bounds a request body: a Lambda payload holds 6 MB, and
	// base64 makes a body a third longer.
	MaxBodyBytes = 4 << 20
	// maxParameter bounds each query parameter, in bytes.
	maxParameter = 2048
	// maxRequestBytes bounds a body: 100 entities of the longest id fit.
	maxRequestBytes = 256 << 10
	// MaxPageBytes is the size at which a page of events ends. A Lambda
	// response holds 6 MB.
	MaxPageBytes = 3 << 20
)

// Header returns a request's header. Like API Gateway, it joins repeated headers
// with commas.
func Header(r *http.Request, name string) string { return strings.Join(r.Header.Values(name), ",") }

// Body reads a request's body. It refuses content encodings.
func Body(r *http.Request) (string, error) {
	if coding := Header(r, "Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		p := NewProblem(http.StatusUnsupportedMediaType, "unsupported-content-encoding",
			fmt.Sprintf("content encoding %q is not supported: send the body unencoded", Clip(coding)))
		p.Headers = map[string]string{"Accept-Encoding": "identity"}
		return "", p
	}
	var text strings.Builder
	text.Grow(int(max(0, min(r.ContentLength, MaxBodyBytes)))) // spares copies
	_, err := io.Copy(&text, r.Body)
	var corrupt base64.CorruptInputError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return "", NewProblem(http.StatusRequestEntityTooLarge, "body-too-large",
			"the body is larger than 4 MiB: send less at a time")
	case errors.As(err, &corrupt):
		return "", NewProblem(http.StatusBadRequest, "malformed-body", "the body is marked as base64 but is not valid base64")
	case errors.Is(err, event.ErrReplaced):
		return "", NewProblem(http.StatusBadRequest, "malformed-body", "the body has the character U+FFFD, which may stand "+
			"for bytes that are not UTF-8: send the event in structured mode, or write the character in another way")
	case err != nil:
		return "", NewProblem(http.StatusBadRequest, "malformed-request",
			"the request's body could not be read to its end; nothing of it was accepted: send it again")
	}
	return text.String(), nil
}

// BadParameter is the problem of a query parameter.
func BadParameter(name, format string, args ...any) *Problem {
	return NewProblem(http.StatusBadRequest, "invalid-parameter", "parameter "+name+" "+fmt.Sprintf(format, args...))
}

// Query is the query parameters of a request. It keeps the first problem with
// them, so that a handler reads all of them and then checks Err once.
type Query struct {
	given map[string]string
	bad   *Problem
}

// NewQuery refuses parameters other than those named: a misspelt one would
// silently mean something else.
func NewQuery(r *http.Request, names ...string) *Query {
	q := &Query{}
	q.given, q.bad = parameters(r)
	for _, name := range slices.Sorted(maps.Keys(q.given)) {
		switch value := q.given[name]; {
		case !slices.Contains(names, name):
			q.Fail(BadParameter(strconv.Quote(Clip(name)), "is unknown; this route accepts: %s", orNone(names)))
		case len(value) > maxParameter || !utf8.ValidString(value):
			q.Fail(BadParameter(name, "must be UTF-8 text of at most %d bytes", maxParameter))
		}
	}
	return q
}

// parameters reads the query as it was sent. API Gateway's own reading would
// leave out what cannot be decoded and join what is given twice.
func parameters(r *http.Request) (map[string]string, *Problem) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, NewProblem(http.StatusBadRequest, "invalid-parameter",
			"the query must be percent-encoded parameters separated by &")
	}
	given := make(map[string]string, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if len(values[name]) > 1 {
			return nil, BadParameter(strconv.Quote(Clip(name)), "is given more than once")
		}
		given[name] = values[name][0]
	}
	return given, nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Fail keeps p, if it is the first problem.
func (q *Query) Fail(p *Problem) {
	if q.bad == nil {
		q.bad = p
	}
}

// Err returns the first problem, as an error that is nil if there is none.
func (q *Query) Err() error {
	if q.bad == nil {
		return nil
	}
	return q.bad
}

// Text returns a parameter as it was sent, "" if absent.
func (q *Query) Text(name string) string { return q.given[name] }

// Number returns a decimal number within [low, high], or absent if none is given.
func (q *Query) Number(name string, absent, low, high int) int {
	text, given := q.given[name]
	if !given {
		return absent
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		q.Fail(BadParameter(name, "must be a number from %d to %d", low, high))
		return absent
	}
	return n
}

// Lane returns a required lane.
func (q *Query) Lane(name string, lanes *event.Lanes) event.Lane {
	if _, given := q.given[name]; !given {
		q.Fail(BadParameter(name, "is required: a number from 0 to %d", lanes.Count()-1))
		return 0
	}
	return event.Lane(q.Number(name, 0, 0, lanes.Count()-1))
}

// WriteLanePlace names a place in a list that goes lane by lane: a lane, and after what
// within it, "" for its begin.
func WriteLanePlace(lane event.Lane, within string) string {
	return strings.TrimSuffix(strconv.Itoa(int(lane))+"."+within, ".")
}

// LanePlace reads what WriteLanePlace wrote, lane 0 if absent. accept reads the place
// within the lane.
func (q *Query) LanePlace(name string, lanes int, accept func(within string) bool) event.Lane {
	text := q.Text(name)
	if text == "" {
		return 0
	}
	number, within, found := strings.Cut(text, ".")
	lane, err := strconv.Atoi(number)
	if err != nil || lane < 0 || lane >= lanes || (found && !accept(within)) {
		q.Fail(BadParameter(name, "must be the next of an earlier page"))
	}
	return event.Lane(lane)
}

// Entity returns an entity id sent as base64url, "" if absent.
func (q *Query) Entity(name string) string {
	text := q.given[name]
	if text == "" {
		return ""
	}
	id, ok := DecodeEntity(text)
	if !ok {
		q.Fail(BadParameter(name, "must be an entity id in base64url without padding"))
	}
	return id
}

// EncodeEntity writes an entity id for paths and parameters: base64url without
// padding, because API Gateway decodes paths and cuts them at a decoded '?'.
func EncodeEntity(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }

// DecodeEntity is the inverse of EncodeEntity. It refuses text that cannot be an
// entity's id, and any other spelling of an id, such as one with line breaks,
// which the standard decoder skips.
func DecodeEntity(text string) (id string, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") || event.CheckSubject(string(raw)) != nil {
		return "", false
	}
	return string(raw), true
}

// PathEntity returns the entity named in the path.
func PathEntity(r *http.Request) (string, error) {
	id, ok := DecodeEntity(r.PathValue("id"))
	if !ok {
		return "", NewProblem(http.StatusBadRequest, "invalid-entity",
			"the path names no entity: write the id in base64url without padding")
	}
	return id, nil
}

// DecodeBody reads a JSON body into the struct that target points to, with
// package strict. The content type must be JSON: browsers let no web page send
// that to another site unasked.
func DecodeBody(r *http.Request, target any) error {
	text, err := jsonBody(r)
	if err != nil {
		return err
	}
	if err := strict.Unmarshal([]byte(text), target); err != nil {
		return NewProblem(http.StatusBadRequest, "malformed-body", "the body is invalid: "+err.Error())
	}
	return nil
}

// NoBody is DecodeBody for a route without members: the body may be empty.
func NoBody(r *http.Request) error {
	text, err := jsonBody(r)
	if err == nil && strings.TrimSpace(text) != "" && strict.Unmarshal([]byte(text), &struct{}{}) != nil {
		err = NewProblem(http.StatusBadRequest, "malformed-body", "the body must be empty or an object without members")
	}
	return err
}

func jsonBody(r *http.Request) (string, error) {
	kind, charset, _ := event.MediaType(Header(r, "Content-Type"))
	if kind != "application/json" || (charset != "" && charset != "utf-8") {
		return "", NewProblem(http.StatusUnsupportedMediaType, "unsupported-media-type",
			"send content type application/json, in UTF-8")
	}
	text, err := Body(r)
	if err != nil {
		return "", err
	}
	if len(text) > maxRequestBytes {
		return "", NewProblem(http.StatusRequestEntityTooLarge, "body-too-large",
			fmt.Sprintf("the body has %d bytes: at most %d are accepted", len(text), maxRequestBytes))
	}
	return text, nil
}

// Clip shortens text that a problem quotes.
func Clip(s string) string { return event.Excerpt(s, 60) }
