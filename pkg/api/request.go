package api

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
	// maxParameter bounds every query parameter's text.
	maxParameter = 2048
	// maxRequestBytes bounds a body: 100 entities of the longest id fit.
	maxRequestBytes = 256 << 10
	// maxPageBytes is the size at which a page of entities or events ends. A
	// Lambda's response may have 6 MB.
	maxPageBytes = 3 << 20
)

// header returns a request's header, joined by commas where it is given several
// times, as API Gateway joins it.
func header(r *http.Request, name string) string { return strings.Join(r.Header.Values(name), ",") }

// body reads a request's body, which no content encoding may have changed.
func body(r *http.Request) (string, error) {
	if coding := header(r, "Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		p := problem(http.StatusUnsupportedMediaType, "unsupported-content-encoding",
			fmt.Sprintf("content encoding %q is not understood: send the body without one", clipText(coding)))
		p.headers = map[string]string{"Accept-Encoding": "identity"}
		return "", p
	}
	var text strings.Builder
	// What a request says of its length spares copies, where that is allowed.
	text.Grow(int(max(0, min(r.ContentLength, MaxBodyBytes))))
	_, err := io.Copy(&text, r.Body)
	var corrupt base64.CorruptInputError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return "", problem(http.StatusRequestEntityTooLarge, "body-too-large",
			"the body is larger than 4 MiB; send fewer events at a time")
	case errors.As(err, &corrupt):
		return "", problem(http.StatusBadRequest, "malformed-body", "the body is not the base64 text that it is said to be")
	case err != nil:
		return "", problem(http.StatusBadRequest, "malformed-request",
			"the request's body could not be read to its end; nothing of it was taken")
	}
	return text.String(), nil
}

func badParameter(name, format string, args ...any) *Problem {
	return problem(http.StatusBadRequest, "invalid-parameter", "parameter "+name+" "+fmt.Sprintf(format, args...))
}

// query is the query parameters of a request. The first thing wrong with one is
// kept, so that a handler reads all of them and then asks for it.
type query struct {
	given map[string]string
	bad   *Problem
}

// newQuery refuses parameters other than those named: a misspelt one would
// silently mean something else.
func newQuery(r *http.Request, names ...string) *query {
	q := &query{}
	q.given, q.bad = parameters(r)
	for _, name := range slices.Sorted(maps.Keys(q.given)) {
		switch value := q.given[name]; {
		case !slices.Contains(names, name):
			q.fail(badParameter(strconv.Quote(clipText(name)), "is not known here; known are: %s", orNone(names)))
		case len(value) > maxParameter || !utf8.ValidString(value):
			q.fail(badParameter(name, "is no text of at most %d bytes", maxParameter))
		}
	}
	return q
}

// parameters reads the query as it was sent: an HTTP API, and every reader of
// its kind, leaves out what it cannot decode and joins what is given twice.
func parameters(r *http.Request) (map[string]string, *Problem) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problem(http.StatusBadRequest, "invalid-parameter",
			"the query must be percent-encoded parameters, separated by &")
	}
	given := make(map[string]string, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if len(values[name]) > 1 {
			return nil, badParameter(strconv.Quote(clipText(name)), "is given twice")
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

func (q *query) fail(p *Problem) {
	if q.bad == nil {
		q.bad = p
	}
}

// err is the first thing wrong, nil as an error where there is none.
func (q *query) err() error {
	if q.bad == nil {
		return nil
	}
	return q.bad
}

func (q *query) text(name string) string { return q.given[name] }

// number returns a decimal number within [low, high].
func (q *query) number(name string, absent, low, high int) int {
	text, given := q.given[name]
	if !given {
		return absent
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		q.fail(badParameter(name, "must be a number from %d to %d", low, high))
		return absent
	}
	return n
}

// lane returns a lane, which must be given.
func (q *query) lane(name string, lanes *event.Lanes) event.Lane {
	if _, given := q.given[name]; !given {
		q.fail(badParameter(name, "is required: a number from 0 to %d", lanes.Count()-1))
		return 0
	}
	return event.Lane(q.number(name, 0, 0, lanes.Count()-1))
}

// entity returns an entity id that travels as base64url, "" where absent.
func (q *query) entity(name string) string {
	text := q.given[name]
	if text == "" {
		return ""
	}
	id, ok := DecodeEntity(text)
	if !ok {
		q.fail(badParameter(name, "is no entity id in base64url without padding"))
	}
	return id
}

// EncodeEntity writes an entity id as it travels in paths and parameters:
// base64url without padding, since an HTTP API decodes paths and cuts them at
// a decoded '?'.
func EncodeEntity(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }

// DecodeEntity is the inverse of EncodeEntity. It refuses what can be no
// entity's id, and any other spelling of one: the standard decoder skips line
// feeds.
func DecodeEntity(text string) (id string, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") || event.CheckSubject(string(raw)) != nil {
		return "", false
	}
	return string(raw), true
}

// pathEntity is the entity that a path names.
func pathEntity(r *http.Request) (string, error) {
	id, ok := DecodeEntity(r.PathValue("id"))
	if !ok {
		return "", problem(http.StatusBadRequest, "invalid-entity",
			"the path names no entity: ids travel as base64url without padding")
	}
	return id, nil
}

// decodeBody reads a JSON body into the struct that target points to, as package
// strict does. The content type must say JSON, so that no web page can send one
// unasked.
func decodeBody(r *http.Request, target any) error {
	if err := newQuery(r).err(); err != nil {
		return err
	}
	kind, charset, _ := event.MediaType(header(r, "Content-Type"))
	if kind != "application/json" || (charset != "" && charset != "utf-8") {
		return problem(http.StatusUnsupportedMediaType, "unsupported-media-type",
			"send content type application/json, in UTF-8")
	}
	text, err := body(r)
	if err != nil {
		return err
	}
	if len(text) > maxRequestBytes {
		return problem(http.StatusRequestEntityTooLarge, "body-too-large",
			fmt.Sprintf("the body has %d bytes; at most %d are accepted", len(text), maxRequestBytes))
	}
	if err := strict.Unmarshal([]byte(text), target); err != nil {
		return problem(http.StatusBadRequest, "malformed-body", "the body cannot be read: "+err.Error())
	}
	return nil
}

func clipText(s string) string {
	const most = 60
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
